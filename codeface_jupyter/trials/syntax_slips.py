"""Slips that keep Python from reading a cell, by what it says of them, and the cell without them.

Only where exactly one change makes the cell one that can be read is it clear what was meant.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, takewhile

from codeface_jupyter.syntax import LOOKED_AT, parse_module, without_warnings
from codeface_jupyter.trials.naming.cursor import ends_expression
from codeface_jupyter.trials.naming.lexing import OPENING, lex, opener
from codeface_jupyter.trials.naming.unfinished import closers

__all__ = ["readable"]

# What is not closed is so on one of the next lines.
MAX_LINES = 40
# Slips in one cell, and for how long changes are looked at.
MAX_SLIPS, LONGEST_S = 3, 1.0
# As word processors and web pages write them.
TYPESET = {
    **dict.fromkeys([0x201C, 0x201D, 0x201E], '"'),
    **dict.fromkeys([0x2018, 0x2019], "'"),
    **dict.fromkeys([0x2013, 0x2212], "-"),
    0xA0: " ",
}
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
        return _position(list(self.lines), self.line, len(self.text) + 1)


def readable(code: str) -> str | None:
    """Return what a code that Python cannot read was meant to be; None if that is not clear.

    Of all changes, as few as possible are made.
    """
    waiting, until_s = [code], time.perf_counter() + LONGEST_S
    for _ in range(MAX_SLIPS):
        changes = chain.from_iterable(map(_changes, waiting))
        in_time = takewhile(lambda _: time.perf_counter() < until_s, changes)
        waiting = list(dict.fromkeys(filter(None, in_time)))
        if time.perf_counter() > until_s:
            # With more time, there might be others.
            return None
        whole = [one for one in waiting if parse_module(one) is not None]
        if whole:
            return whole[0] if len(whole) == 1 else None
    return None


def _changes(code: str) -> Iterator[str | None]:
    """Yield a code with a change for what Python says of it; None for one that does not help."""
    fault = _Unreadable.of(code)
    if fault is None:
        return
    changes = (change for message, change in SLIPS if re.search(message, fault.message))
    for changed in chain.from_iterable(change(fault) for change in changes):
        yield changed if _gets_further(changed, fault) else None


def _gets_further(code: str, fault: _Unreadable) -> bool:
    """Whether Python reads on beyond a fault; what it says of the end concerns all above."""
    now = _Unreadable.of(code)
    return now is None or (now.line > fault.line or now.start > fault.start)


def _closed(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with brackets closed at the end of each line from the opening one on."""
    for number in range(fault.line, min(len(fault.lines), fault.line + MAX_LINES) + 1):
        if not fault.lines[number - 1].strip():
            continue
        before = "\n".join(fault.lines[:number]).rstrip()
        yield "\n".join([f"{before}{closers(lex(before))}", *fault.lines[number:]])


def _with_colon(fault: _Unreadable) -> Iterator[str]:
    text = fault.text
    if ELSE_IF.match(text):
        yield fault.with_line(ELSE_IF.sub(r"\1elif", text))
        return
    tokens = [token for token in lex(f"{text}\n") if token.kind not in ("comment", "newline")]
    if tokens:
        end = tokens[-1].start + len(tokens[-1].text)
        yield fault.with_line(f"{text[:end]}:{text[end:]}")


def _with_comma(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with a comma between two things in a call, a list or a dict."""
    for token in lex(fault.code[fault.start : fault.end]):
        place = fault.start + token.start + len(token.text)
        if token.kind != "newline" and place < fault.end and _separates(fault.code[:place]):
            yield f"{fault.code[:place]},{fault.code[place:]}"


def _with_comma_before_key(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with a comma between two texts of a dict that Python reads as one."""
    if not fault.code.startswith(":", fault.start):
        return
    tokens = [token for token in lex(fault.code[: fault.start]) if token.kind != "newline"]
    if [token.kind for token in tokens[-2:]] == ["string", "string"]:
        place = tokens[-2].end
        yield f"{fault.code[:place]},{fault.code[place:]}"


def _separates(before: str) -> bool:
    """Whether a comma at the end of a code makes no tuple, where an operator may be missing."""
    tokens = lex(before)
    place = opener(tokens, len(tokens))
    if place is None:
        return False
    return tokens[place].text != "(" or ends_expression(tokens, place)


def _with_comparison(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with ``==`` for ``=`` in a condition or in brackets."""
    is_condition = CONDITION.match(fault.text) is not None
    for match in SINGLE_EQUALS.finditer(fault.code, fault.start, fault.line_end):
        tokens = lex(fault.code[: match.start()])
        if is_condition or opener(tokens, len(tokens)) is not None:
            yield f"{fault.code[: match.start()]}=={fault.code[match.end() :]}"


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
    yield f"{fault.code[: fault.start]}{fault.code[fault.start + 1 :]}"


def _with_right_bracket(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with the bracket that closes the open one, for another or before it."""
    opening = OPENED.search(fault.message)
    right = OPENING[opening[1]] if opening else ""
    for end in (fault.start + 1, fault.start):
        yield f"{fault.code[: fault.start]}{right}{fault.code[end:]}"


def _without_typesetting(fault: _Unreadable) -> Iterator[str]:
    yield fault.with_line(fault.text.translate(TYPESET))


def _without_indent(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with a line that begins too far to the right where the one above does."""
    above = next((line for line in reversed(fault.lines[: fault.line - 1]) if line.strip()), "")
    yield fault.with_line(f"{_indent(above)}{fault.text.lstrip()}")


def _with_indent(fault: _Unreadable) -> Iterator[str]:
    """Yield the code with the one line that a block may have to the right of its head."""
    below = fault.lines[fault.line :]
    if not below or COMMENT_OR_SPACE.fullmatch(below[0]):
        yield fault.with_line(f"    {fault.text}")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _position(lines: list[str], number: int, column: int) -> int:
    """Return the place in a code of a column, from 1, of a line; below 1 is the line's end."""
    line = lines[min(number, len(lines)) - 1]
    before = sum(len(line) + 1 for line in lines[: number - 1])
    return before + (min(column - 1, len(line)) if column > 0 else len(line))


SLIPS: tuple[tuple[str, Callable[[_Unreadable], Iterator[str]]], ...] = (
    (r"'[(\[{]' was never closed", _closed),
    (r"^expected ':'", _with_colon),
    (r"forgot a comma", _with_comma),
    (r"^invalid syntax$", _with_comma_before_key),
    (r"Maybe you meant '=='", _with_comparison),
    (r"^Missing parentheses in call to '\w+'", _with_parentheses),
    (r"^unterminated (f-|t-)?string literal", _with_quote),
    (r"^unmatched '", _without_bracket),
    (r"does not match opening parenthesis '", _with_right_bracket),
    (r"^invalid (non-printable )?character", _without_typesetting),
    (r"^unexpected indent", _without_indent),
    (r"^expected an indented block", _with_indent),
)
