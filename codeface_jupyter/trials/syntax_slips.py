"""Slips that keep Python from reading a cell, by what it says of them, and the cell without them.

Only where exactly one change makes the cell one that can be read is it clear what was meant.
"""

from __future__ import annotations

import ast
import keyword
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile

from codeface_jupyter.syntax import LOOKED_AT, parse_module, without_warnings
from codeface_jupyter.trials.naming.cursor import ends_expression, expression_before
from codeface_jupyter.trials.naming.lexing import (
    CLOSING,
    OPENING,
    Token,
    lex,
    opener,
    statement_start,
)
from codeface_jupyter.trials.naming.unfinished import closers

__all__ = ["Readable", "readable"]

# What is not closed is so on one of the next lines.
MAX_LINES = 40
# Slips in one cell, and for how long changes are looked at.
MAX_SLIPS, LONGEST_S = 3, 1.0
# As word processors and web pages write them.
QUOTES = DOUBLE, SINGLE = "\u201c\u201d\u201e", "\u2018\u2019"
TYPESET = {DOUBLE: '"', SINGLE: "'", "\u2013\u2212": "-", "\xa0": " "}
OPERATORS = frozenset({*"+-*/%@&|^~<>", "and", "or", "not", "in", "is", "if", "else", "lambda"})
# Functions that take any number of arguments.
TAKES_ANY = frozenset({"print", "zip", "max", "min", "range"})
FIRST_WORD = re.compile(r"\s*[A-Za-z]+\b")
KEYWORD = re.compile(r"\s*\w+\s*=(?!=)")
CALL = re.compile(r"\s*[\w.]+\(")
# Nothing of a block is reached behind one.
ENDS_BLOCK = re.compile(r"\s*(return|raise|break|continue)\b")
COMMENT_OR_SPACE = re.compile(r"\s*(#.*)?$")
CONDITION = re.compile(r"\s*(if|elif|while)\b")
ELSE_IF = re.compile(r"^(\s*)else\s+if\b")
OPENED = re.compile(r"opening parenthesis '(.)'")
SINGLE_EQUALS = re.compile(r"(?<![=<>!:+\-*/%&|^@])=(?!=)")


@dataclass(frozen=True)
class _Unreadable:
    """A code, and where Python stopped reading it: characters ``start`` up to ``end``."""

    code: str
    lines: tuple[str, ...]
    message: str
    line: int
    start: int
    end: int

    @classmethod
    def of(cls, code: str) -> _Unreadable | None:
        """Return a code that Python cannot read; None if it can, or says nothing of a place."""
        try:
            with without_warnings():
                compile(code, LOOKED_AT, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            lines = code.split("\n")
            number = min(max(error.lineno or 1, 1), len(lines))
            start = _position(lines, number, error.offset or 1)
            end = _position(lines, error.end_lineno or number, error.end_offset or 0)
            message = error.msg or ""
            return cls(code, tuple(lines), message, number, start, max(start, end))
        except (ValueError, RecursionError, MemoryError):
            return None
        return None

    def with_line(self, line: str) -> str:
        """Return the code with another line in the place of the one at fault."""
        return "\n".join([*self.lines[: self.line - 1], line, *self.lines[self.line :]])

    @property
    def text(self) -> str:
        """The line at fault."""
        return self.lines[self.line - 1]

    @property
    def line_end(self) -> int:
        """Where that line ends."""
        return _position(self.lines, self.line, len(self.text) + 1)


@dataclass(frozen=True)
class Readable:
    """What a code was meant to be, and what was wrong with it: a sentence for each slip."""

    code: str
    slips: tuple[str, ...] = ()


def readable(code: str) -> Readable | None:
    """Return what a code that Python cannot read was meant to be; None if that is not clear.

    Of all changes, as few as possible are made.
    """
    waiting, until_s = {code: Readable(code)}, time.perf_counter() + LONGEST_S
    for _ in range(MAX_SLIPS):
        changes = chain.from_iterable(map(_changes, waiting.values()))
        in_time = takewhile(lambda _: time.perf_counter() < until_s, changes)
        waiting = {one.code: one for one in in_time if one is not None}
        if time.perf_counter() > until_s:
            # With more time, there might be others.
            return None
        whole = [one for one in waiting.values() if parse_module(one.code) is not None]
        if whole:
            return whole[0] if len(whole) == 1 else None
    return None


def _changes(before: Readable) -> Iterator[Readable | None]:
    """Yield a code with a change for what Python says of it; None for one that does not help."""
    fault = _Unreadable.of(before.code)
    if fault is None:
        return
    for message, change, words in SLIPS:
        if re.search(message, fault.message):
            slips = (*before.slips, f"Line {fault.line}: {words}.")
            for code in change(fault):
                yield Readable(code, slips) if _gets_further(code, fault) else None


def _gets_further(code: str, fault: _Unreadable) -> bool:
    """Whether Python reads on beyond a fault; what it says of the end concerns all above."""
    now = _Unreadable.of(code)
    return now is None or (now.line > fault.line or now.start > fault.start)


def _closed(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with brackets closed at the end of each line from the opening one on."""
    if _is_grouping(fault.code, fault.start) and _computes(fault.code[fault.start + 1 :]):
        # `(a + b / 2` may be `(a + b) / 2` as well.
        return
    for number in range(fault.line, min(len(fault.lines), fault.line + MAX_LINES) + 1):
        if not fault.lines[number - 1].strip():
            continue
        before = "\n".join(fault.lines[:number]).rstrip()
        yield "\n".join([f"{before}{closers(lex(before))}", *fault.lines[number:]])


def _is_grouping(code: str, place: int) -> bool:
    """Whether a bracket holds parts of an expression together, and calls nothing."""
    tokens = lex(code[: place + 1])
    return code[place : place + 1] == "(" and not ends_expression(tokens, len(tokens) - 1)


def _computes(code: str) -> bool:
    """Whether operators stand in a code, up to the end of its first line, outside of brackets."""
    depth = 0
    for token in lex(code):
        if token.kind == "newline":
            break
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth <= 0 and token.text in OPERATORS:
            return True
    return False


def _with_colon(fault: _Unreadable) -> Iterator[str]:
    text = fault.text
    if ELSE_IF.match(text):
        return
    tokens = [token for token in lex(f"{text}\n") if token.kind not in ("comment", "newline")]
    if tokens:
        end = tokens[-1].end
        yield fault.with_line(f"{text[:end]}:{text[end:]}")


def _with_elif(fault: _Unreadable) -> Iterator[str]:
    if ELSE_IF.match(fault.text):
        yield fault.with_line(ELSE_IF.sub(r"\1elif", fault.text))


def _with_comma(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with a comma between two things in a call, a list or a dict."""
    tokens = lex(fault.code[: fault.end])
    for number, token in enumerate(tokens):
        is_there = fault.start < token.end < fault.end and token.kind != "newline"
        if is_there and _may_be_separated(tokens, number, rest=fault.code[token.end :]):
            yield f"{fault.code[: token.end]},{fault.code[token.end :]}"


def _with_comma_before_key(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with a comma between two texts of a dict that Python reads as one."""
    if not fault.code.startswith(":", fault.start):
        return
    tokens = [token for token in lex(fault.code[: fault.start]) if token.kind != "newline"]
    if [token.kind for token in tokens[-2:]] == ["string", "string"]:
        place = tokens[-2].end
        yield f"{fault.code[:place]},{fault.code[place:]}"


def _with_small_keyword(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with ``import`` for ``Import`` at the beginning of the line at fault."""
    word = FIRST_WORD.match(fault.text)
    small = word[0].lower() if word else ""
    if word and small != word[0] and keyword.iskeyword(small.strip()):
        yield fault.with_line(f"{small}{fault.text[word.end() :]}")


def _may_be_separated(tokens: Sequence[Token], number: int, *, rest: str) -> bool:
    """Whether a comma is what is missing after a token, and not an operator or a colon."""
    place = opener(tokens, number + 1)
    if place is None:
        return False
    is_text = "string" in (tokens[number].kind, *(token.kind for token in lex(rest)[:1]))
    if tokens[place].text == "{" or is_text:
        return tokens[place].text != "(" or ends_expression(tokens, place)
    if not ends_expression(tokens, place):
        return tokens[place].text == "["
    if tokens[place].text == "[":
        return False
    # More than one argument is there, one by its name follows, or any number may.
    has_more = any(token.text == "," for token in tokens[place : number + 1])
    return has_more or KEYWORD.match(rest) is not None or tokens[place - 1].text in TAKES_ANY


def _with_comparison(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with ``==`` for ``=`` in a condition or in brackets, or with ``:=``."""
    is_condition = CONDITION.match(fault.text) is not None
    for match in SINGLE_EQUALS.finditer(fault.code, fault.start, fault.line_end):
        before, after = fault.code[: match.start()], fault.code[match.end() :]
        tokens = lex(before)
        if is_condition or opener(tokens, len(tokens)) is not None:
            yield f"{before}=={after}"
        if is_condition and CALL.match(after):
            # `if match = search(text)` may be meant to keep what it finds.
            yield f"{before}:={after}"


def _with_parentheses(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with ``print(x)`` for ``print x``."""
    name, _, said = fault.code[fault.start : fault.end].partition(" ")
    yield f"{fault.code[: fault.start]}{name}({said.strip()}){fault.code[fault.end :]}"


def _with_quote(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with the quote that ends a text, at each place where it may end."""
    quote = next((sign for sign in fault.code[fault.start :] if sign in "'\""), "")
    begin = fault.code.find(quote, fault.start) + 1
    for place in range(begin, fault.line_end + 1):
        if not fault.code[place - 1].isspace():
            yield f"{fault.code[:place]}{quote}{fault.code[place:]}"


def _without_bracket(fault: _Unreadable) -> Iterator[str]:
    """Yield the code without a bracket that closes nothing.

    Only behind a single call or the like: the bracket that opens may be missing before anything
    that is computed, compared or listed.
    """
    before = lex(fault.code[: fault.start])
    statement = before[statement_start(before) :]
    rest = statement[: len(statement) - len(expression_before(statement, len(statement)))]
    is_assigned = bool(rest) and rest[-1].text == "=" and ends_expression(rest, len(rest) - 1)
    if statement and (not rest or is_assigned):
        yield f"{fault.code[: fault.start]}{fault.code[fault.start + 1 :]}"


def _with_right_bracket(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with the bracket that closes the open one, for another or before it."""
    opening = OPENED.search(fault.message)
    right = OPENING[opening[1]] if opening else ""
    for end in (fault.start + 1, fault.start):
        yield f"{fault.code[: fault.start]}{right}{fault.code[end:]}"


def _without_typesetting(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with what a keyboard writes for a sign; a quote has another one."""
    sign = fault.code[fault.start : fault.start + 1]
    kind = next((kind for kind in TYPESET if sign in kind), "")
    if not kind:
        return
    begin = fault.line_end - len(fault.text)
    # Within a text the signs are what was meant.
    texts = [token for token in lex(fault.text) if token.kind == "string"]
    places = [
        place
        for place, one in enumerate(fault.text)
        if one in kind and not any(text.start < place < text.end for text in texts)
    ]
    if kind not in QUOTES:
        places = [fault.start - begin]
    changed = "".join(TYPESET[kind] if n in places else one for n, one in enumerate(fault.text))
    yield fault.with_line(changed)


def _without_indent(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with a line that begins too far to the right where the one above does."""
    above = next((line for line in reversed(fault.lines[: fault.line - 1]) if line.strip()), "")
    yield fault.with_line(f"{_indent(above)}{fault.text.lstrip()}")


def _with_indent(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with the one line that a block may have to the right of its head."""
    below = fault.lines[fault.line :]
    if not below or COMMENT_OR_SPACE.fullmatch(below[0]) or ENDS_BLOCK.match(fault.text):
        yield fault.with_line(f"    {fault.text}")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _position(lines: Sequence[str], number: int, column: int) -> int:
    """Return the place in a code of a column, from 1, of a line; below 1 is the line's end."""
    line = lines[min(number, len(lines)) - 1]
    before = sum(len(line) + 1 for line in lines[: number - 1])
    return before + (min(column - 1, len(line)) if column > 0 else len(line))


# What Python says, what is changed for that, and what was wrong then.
SLIPS: tuple[tuple[str, Callable[[_Unreadable], Iterator[str]], str], ...] = (
    (r"'[(\[{]' was never closed", _closed, "a bracket was not closed"),
    (r"^expected ':'", _with_colon, "a colon was missing"),
    (r"^expected ':'", _with_elif, "`else if` is `elif` in Python"),
    (r"forgot a comma", _with_comma, "a comma was missing"),
    (r"^invalid syntax$", _with_comma_before_key, "a comma was missing"),
    (r"^(invalid syntax|expected ')", _with_small_keyword, "Python's own words are written small"),
    (r"Maybe you meant '=='", _with_comparison, "`=` assigns, and `==` compares"),
    (r"^Missing parentheses in call", _with_parentheses, "a call needs parentheses"),
    (r"^unterminated (f-|t-)?string literal", _with_quote, "a text did not end"),
    (r"^unmatched '", _without_bracket, "a bracket closed nothing"),
    (r"does not match opening", _with_right_bracket, "a bracket was closed by one of another kind"),
    (
        r"^invalid (non-printable )?char",
        _without_typesetting,
        "a sign only looked like Python's",
    ),
    (r"^unexpected indent", _without_indent, "the line began too far to the right"),
    (r"^expected an indented block", _with_indent, "the line has to begin further to the right"),
)
