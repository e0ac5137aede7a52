"""Slips that keep Python from reading a cell, by what it says of them, and the cell without them.

Only where exactly one change makes the cell one that can be read is it clear what was meant.
"""

from __future__ import annotations

import ast
import keyword
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile

from codeface_jupyter.syntax import identifiers, parse_module
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.bracket_slips import (
    closed,
    closed_elsewhere,
    is_as_readable,
    removed_elsewhere,
    with_right_bracket,
    without_bracket,
)
from codeface_jupyter.trials.naming.cursor import ends_expression
from codeface_jupyter.trials.naming.lexing import CLOSING, OPENING, Token, lex, opener, tokens_of
from codeface_jupyter.trials.unreadable import Unreadable

__all__ = ["Readable", "readable"]

# Slips in one cell, and for how long changes are looked at.
MAX_SLIPS, LONGEST_S = 3, 1.0
# Each is tried.
MAX_OTHERS = 3
WRONG_KIND = "a bracket was closed by one of another kind"
# As word processors and web pages write them.
QUOTES = DOUBLE, SINGLE = "\u201c\u201d\u201e", "\u2018\u2019"
OTHER_QUOTE = {"'": re.compile('"'), '"': re.compile("'")}
TYPESET_QUOTE = re.compile(rf"[{DOUBLE}{SINGLE}]")
# What comes behind a text, and hardly within one.
ENDS_TEXT = re.compile(r"[^\S\n]*(?:[,)\]}:]|#|$)", re.MULTILINE)
# Behind these a text may have been meant to end, and here one may have been meant to begin.
UNENDED_WORD = re.compile(r"(\w+)\s*[,:)\]}]")
UNENDED_WORDS = re.compile(r"(\w[\w .%/-]*)[,:)\]}]")
UNBEGUN = re.compile(r"([\[({,:]\s*)\w[\w ]*$")
NOWHERE = re.compile(r"(?!)")
TYPESET = {DOUBLE: '"', SINGLE: "'", "\u2013\u2212": "-", "\xa0": " "}
FIRST_WORD = re.compile(r"\s*[A-Za-z]+\b")
KEYWORD = re.compile(r"\s*\w+\s*=(?!=)")
CALL = re.compile(r"\s*[\w.]+\(")
# Nothing of a block is reached behind one.
ENDS_BLOCK = re.compile(r"\s*(return|raise|break|continue)\b")
NUMBER = re.compile(r"\d+")
COMMENT_OR_SPACE = re.compile(r"\s*(#.*)?$")
CONDITION = re.compile(r"\s*(if|elif|while)\b")
ELSE_IF = re.compile(r"^(\s*)else\s+if\b")
SINGLE_EQUALS = re.compile(r"(?<![=<>!:+\-*/%&|^@])=(?!=)")


_Change = Callable[[Unreadable], Iterator[str]]


@dataclass(frozen=True)
class Readable:
    """What a code was meant to be, and what was wrong with it: a sentence for each slip.

    ``others`` are what it may be meant to be as well, with the bracket at another place.
    """

    code: str
    slips: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def readable(code: str) -> Readable | None:
    """Return what a code that Python cannot read was meant to be; None if that is not clear.

    Of all changes, as few as possible are made.
    """
    until_s = time.perf_counter() + LONGEST_S
    above = _read_above(code, until_s)
    found = _readable(code[len(above) :], until_s, lines_above=above.count("\n"))
    if found is None:
        return None
    others = tuple(f"{above}{other}" for other in found.others)
    return replace(found, code=f"{above}{found.code}", others=others)


def _read_above(code: str, until_s: float) -> str:
    """Return the lines above the statement at which Python stops, all of which it has read.

    Nothing that is done about a slip depends on them, and in a long code they take their time.
    """
    fault = Unreadable.of(code)
    number = fault.line if fault is not None else 0
    while fault is not None and number > 1 and time.perf_counter() < until_s:
        number -= 1
        line = fault.lines[number]
        if line[:1].isspace() or not _is_code(line):
            continue
        above = "".join(f"{line}\n" for line in fault.lines[:number])
        if _is_same(Unreadable.of(code[len(above) :]), fault, above) and parse_module(above):
            return above
    return ""


def _is_same(fault: Unreadable | None, whole: Unreadable, above: str) -> bool:
    """Whether a code stops at the same place without the lines above; messages number lines."""
    if fault is None or fault.start + len(above) != whole.start:
        return False
    return NUMBER.sub("", fault.message) == NUMBER.sub("", whole.message)


def _readable(code: str, until_s: float, *, lines_above: int) -> Readable | None:
    waiting = {code: Readable(code)}
    for _ in range(MAX_SLIPS):
        ways = (_changes(one, until_s, lines_above) for one in waiting.values())
        changes = chain.from_iterable(ways)
        in_time = takewhile(lambda _: time.perf_counter() < until_s, changes)
        waiting = {one.code: one for one in in_time if one is not None}
        if time.perf_counter() > until_s:
            # With more time, there might be others.
            return None
        whole = [one for one in waiting.values() if parse_module(one.code) is not None]
        if whole:
            is_clear = len(whole) == 1 and len(whole[0].others) <= MAX_OTHERS
            return whole[0] if is_clear else None
    return None


def _changes(before: Readable, until_s: float, lines_above: int) -> Iterator[Readable | None]:
    """Yield a code with a change for what Python says of it; None for one that does not help."""
    fault = Unreadable.of(before.code)
    if fault is None or before.others:
        return
    line = fault.line + lines_above
    for message, change, words in SLIPS:
        if not re.search(message, fault.message) or _is_explained(before, line, change):
            continue
        slips = (*before.slips, f"Line {line}: {words}.")
        for code in change(fault):
            if not _gets_further(code, fault):
                yield None
                continue
            elsewhere = ELSEWHERE[change](fault, code) if change in ELSEWHERE else ()
            yield _told(Readable(code, slips), elsewhere, until_s)


def _is_explained(before: Readable, line: int, change: _Change) -> bool:
    """Whether a bracket that opens may be missing: what closes it seems to be two slips."""
    is_second = f"Line {line}: {WRONG_KIND}." in before.slips
    return change is without_bracket and is_second


def _told(found: Readable, elsewhere: Iterable[str], until_s: float) -> Readable:
    """Return a code with what it may be as well, or the first of that if it is much."""
    in_time = takewhile(lambda _: time.perf_counter() < until_s, elsewhere)
    others = (one for one in in_time if one != found.code and is_as_readable(one, found.code))
    distinct: dict[str, None] = {}
    for other in others:
        distinct[other] = None
        if len(distinct) > MAX_OTHERS:
            break
    return replace(found, others=tuple(distinct))


def _gets_further(code: str, fault: Unreadable) -> bool:
    """Whether Python reads on beyond a fault; what it says of the end concerns all above."""
    now = Unreadable.of(code)
    return now is None or (now.line > fault.line or now.start > fault.start)


def _with_colon(fault: Unreadable) -> Iterator[str]:
    text = fault.text
    if ELSE_IF.match(text):
        return
    tokens = [token for token in lex(f"{text}\n") if token.kind not in ("comment", "newline")]
    if tokens:
        end = tokens[-1].end
        yield fault.with_line(f"{text[:end]}:{text[end:]}")


def _with_elif(fault: Unreadable) -> Iterator[str]:
    if ELSE_IF.match(fault.text):
        yield fault.with_line(ELSE_IF.sub(r"\1elif", fault.text))


def _with_comma(fault: Unreadable) -> Iterator[str]:
    """Yield the code with a comma between two things in a call, a list or a dict."""
    tokens = lex(fault.code[: fault.end])
    for number, token in enumerate(tokens):
        is_there = fault.start < token.end < fault.end and token.kind != "newline"
        if is_there and _may_be_separated(tokens, number, rest=fault.code[token.end :]):
            yield f"{fault.code[: token.end]},{fault.code[token.end :]}"


def _with_comma_before_key(fault: Unreadable) -> Iterator[str]:
    """Yield the code with a comma between two texts of a dict that Python reads as one."""
    if not fault.code.startswith(":", fault.start):
        return
    tokens = [token for token in lex(fault.code[: fault.start]) if token.kind != "newline"]
    if [token.kind for token in tokens[-2:]] == ["string", "string"]:
        place = tokens[-2].end
        yield f"{fault.code[:place]},{fault.code[place:]}"


def _with_small_keyword(fault: Unreadable) -> Iterator[str]:
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
    if tokens[place].text == "{":
        return _has_colon(tokens[place + 1 : number + 1])
    if "string" in (tokens[number].kind, *(token.kind for token in islice(tokens_of(rest), 1))):
        return tokens[place].text != "(" or ends_expression(tokens, place)
    if not ends_expression(tokens, place):
        return tokens[place].text == "["
    # An argument by its name follows.
    return tokens[place].text == "(" and KEYWORD.match(rest) is not None


def _has_colon(tokens: Sequence[Token]) -> bool:
    """Whether the last element of a dict, as far as it is there, has its key and its value."""
    depth, has_colon = 0, False
    for token in tokens:
        if token.kind == "operator":
            depth += (token.text in OPENING) - (token.text in CLOSING)
            if depth == 0 and token.text in (",", ":"):
                has_colon = token.text == ":"
    return has_colon


def _with_comparison(fault: Unreadable) -> Iterator[str]:
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


def _with_parentheses(fault: Unreadable) -> Iterator[str]:
    """Yield the code with ``print(x)`` for ``print x``."""
    name, _, said = fault.code[fault.start : fault.end].partition(" ")
    yield f"{fault.code[: fault.start]}{name}({said.strip()}){fault.code[fault.end :]}"


def _with_quote(fault: Unreadable) -> Iterator[str]:
    """Yield the code with the quote that ends a text, at each place where it may end.

    That is where another sign of that kind stands, if it can only be the end of a text.
    """
    quote = next((sign for sign in fault.code[fault.start :] if sign in "'\""), "")
    begin = fault.code.find(quote, fault.start) + 1
    if ENDS_TEXT.match(fault.code, begin):
        # It may itself be the end of a text: one before it has no end, or no beginning.
        yield from _with_earlier_quote(fault, quote)
        return
    for other in (OTHER_QUOTE[quote], TYPESET_QUOTE):
        sign = other.search(fault.code, begin, fault.line_end)
        if sign and ENDS_TEXT.match(fault.code, sign.end()):
            yield f"{fault.code[: sign.start()]}{quote}{fault.code[sign.end() :]}"
            return
    for place in range(begin, fault.line_end + 1):
        if not fault.code[place - 1].isspace():
            yield f"{fault.code[:place]}{quote}{fault.code[place:]}"


def _with_earlier_quote(fault: Unreadable, quote: str) -> Iterator[str]:
    """Yield the code with a quote where a text may end, or begin, left of the one at fault.

    That is around words of a list, or behind a word: in a call, ``"He said, "hi"`` may be one text,
    and ``x")`` a variable.
    """
    place = fault.line_end - len(fault.text)
    pieces = fault.code[place : fault.start].split(quote)
    ends, begins = UNENDED_WORD, NOWHERE
    if re.search(r"[\[{]", "".join(pieces[::2])):
        ends, begins = UNENDED_WORDS, UNBEGUN
    for number, piece in enumerate(pieces):
        # Every second piece is within quotes, as Python sees it.
        match = ends.match(piece) if number % 2 else begins.search(piece)
        if match:
            where = place + match.end(1)
            yield f"{fault.code[:where]}{quote}{fault.code[where:]}"
        place += len(piece) + 1


def _without_typesetting(fault: Unreadable) -> Iterator[str]:
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


def _without_indent(fault: Unreadable) -> Iterator[str]:
    """Yield the code with a line that begins too far to the right where the one above does."""
    above = next(filter(_is_code, reversed(fault.lines[: fault.line - 1])), "")
    yield fault.with_line(f"{_indent(above)}{fault.text.lstrip()}")


def _with_indent(fault: Unreadable) -> Iterator[str]:
    """Yield the code with the one line that a block may have to the right of its head."""
    below = fault.lines[fault.line :]
    is_alone = not below or not _is_code(below[0])
    code = fault.with_line(f"    {fault.text}")
    if ENDS_BLOCK.match(fault.text) or (is_alone and not _goes_on(code, fault.line, below)):
        yield code


def _goes_on(code: str, line: int, below: Sequence[str]) -> bool:
    """Whether the next line of code below a block's only one reads what the block makes."""
    next_line = next(filter(_is_code, below), "")
    tree = parse_module("\n".join(code.split("\n")[:line]))
    blocks = [node for node in tree.body if _holds(node, line)] if tree is not None else []
    # A function is called below it.
    made = {name for node in blocks for name in names_bound(node) - {getattr(node, "name", "")}}
    return not made.isdisjoint(identifiers(next_line))


def _holds(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _is_code(line: str) -> bool:
    return COMMENT_OR_SPACE.fullmatch(line) is None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


# What Python says, what is changed for that, and what was wrong then.
SLIPS: tuple[tuple[str, _Change, str], ...] = (
    (r"'[(\[{]' was never closed", closed, "a bracket was not closed"),
    (r"^expected ':'", _with_colon, "a colon was missing"),
    (r"^expected ':'", _with_elif, "`else if` is `elif` in Python"),
    (r"forgot a comma", _with_comma, "a comma was missing"),
    (r"^invalid syntax$", _with_comma_before_key, "a comma was missing"),
    (r"^(invalid syntax|expected ')", _with_small_keyword, "Python's own words are written small"),
    (r"Maybe you meant '=='", _with_comparison, "`=` assigns, and `==` compares"),
    (r"^Missing parentheses in call", _with_parentheses, "a call needs parentheses"),
    (r"^unterminated (f-|t-)?string literal", _with_quote, "a text did not end"),
    (r"^unmatched '", without_bracket, "a bracket closed nothing"),
    (r"does not match opening", with_right_bracket, WRONG_KIND),
    (
        r"^invalid (non-printable )?char",
        _without_typesetting,
        "a sign only looked like Python's",
    ),
    (r"^unexpected indent", _without_indent, "the line began too far to the right"),
    (r"^expected an indented block", _with_indent, "the line has to begin further to the right"),
)
# Where else a bracket may be meant.
ELSEWHERE: dict[_Change, Callable[[Unreadable, str], Iterator[str]]] = {
    closed: closed_elsewhere,
    with_right_bracket: closed_elsewhere,
    without_bracket: removed_elsewhere,
}
