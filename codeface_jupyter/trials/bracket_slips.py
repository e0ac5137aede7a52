"""Brackets that are missing, too many or of the wrong kind, and where else they may be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from codeface_jupyter.trials.naming.cursor import ends_expression, expression_before
from codeface_jupyter.trials.naming.lexing import (
    CLOSING,
    OPENING,
    Token,
    lex,
    opener,
    statement_start,
    tokens_of,
)
from codeface_jupyter.trials.naming.unfinished import closers
from codeface_jupyter.trials.unreadable import Unreadable

__all__ = [
    "closed",
    "closed_elsewhere",
    "is_as_readable",
    "removed_elsewhere",
    "with_right_bracket",
    "without_bracket",
]

# What is not closed is so on one of the next lines.
MAX_LINES = 40
OPERATORS = frozenset({*"+-*/%@&|^~<>", "and", "or", "not", "in", "is", "if", "else", "lambda"})
OPENED = re.compile(r"opening parenthesis '(.)'")
NEVER_CLOSED = "was never closed"


def closed(fault: Unreadable) -> Iterator[str]:
    """Yield the code with brackets closed at the end of each line from the opening one on."""
    if _is_grouping(fault.code, fault.start) and _computes(fault.code[fault.start + 1 :]):
        # `(a + b / 2` may be `(a + b) / 2` as well.
        return
    for number in range(fault.line, min(len(fault.lines), fault.line + MAX_LINES) + 1):
        if not fault.lines[number - 1].strip():
            continue
        before = "\n".join(fault.lines[:number]).rstrip()
        yield "\n".join([f"{before}{closers(lex(before))}", *fault.lines[number:]])


def closed_elsewhere(fault: Unreadable, code: str) -> Iterator[str]:
    """Yield the code with the bracket that closes a call at other places: ``f(g(a) + b``.

    Also with another bracket that opens, or without one that is typed twice.
    """
    if len(code) == len(fault.code):
        yield from _opened_otherwise(fault)
        return
    end = next((n for n, one in enumerate(fault.code) if code[n] != one), len(fault.code))
    tokens = lex(code[:end])
    opening = opener(tokens, len(tokens))
    if opening is None:
        return
    start = tokens[opening].start
    once = f"{fault.code[:start]}{fault.code[start + 1 :]}"
    if fault.code.startswith("[[", start):
        yield once
    if tokens[opening].text != "(":
        return
    if fault.message.endswith(NEVER_CLOSED) and not ends_expression(tokens, opening):
        return
    for number in range(opening + 1, len(tokens)):
        place = tokens[number].end
        if _may_close(tokens, number):
            yield f"{code[:place]}){code[place:end]}{code[end + 1 :]}"


def _opened_otherwise(fault: Unreadable) -> Iterator[str]:
    """Yield the code with another bracket that opens, for the one that closes: ``[1, 2)``."""
    tokens = lex(fault.code[: fault.start])
    opening = opener(tokens, len(tokens))
    if opening is not None:
        one = tokens[opening]
        right = CLOSING[fault.code[fault.start]]
        yield f"{fault.code[: one.start]}{right}{fault.code[one.end :]}"


def _may_close(tokens: Sequence[Token], number: int) -> bool:
    """Whether a bracket behind a token may close a call, but for one that gives nothing."""
    opening = opener(tokens, number + 1)
    if opening is None or tokens[opening].text != "(" or tokens[number].kind == "newline":
        return False
    if number + 1 < len(tokens) and tokens[number + 1].text == "(":
        # A name that is called.
        return False
    return opening == 0 or tokens[opening - 1].text != "print"


def without_bracket(fault: Unreadable) -> Iterator[str]:
    """Yield the code without a bracket that closes nothing, or with the call that it is of.

    Only behind a single call or the like: the bracket that opens may be missing before anything
    that is computed, compared or listed.
    """
    statement = _statement(fault)
    rest = statement[: len(statement) - len(expression_before(statement, len(statement)))]
    is_assigned = bool(rest) and rest[-1].text == "=" and ends_expression(rest, len(rest) - 1)
    if not statement or (rest and not is_assigned):
        return
    called = next(_calls(fault), None) if _ends_in_method(statement) else None
    yield called or f"{fault.code[: fault.start]}{fault.code[fault.start + 1 :]}"


def removed_elsewhere(fault: Unreadable, code: str) -> Iterator[str]:
    """Yield the code without another bracket of that kind, or with one that may be missing."""
    calls = list(_calls(fault))
    if code in calls:
        return
    places = [token for token in _statement(fault) if token.text == fault.code[fault.start]]
    yield from (f"{fault.code[: one.start]}{fault.code[one.end :]}" for one in places)
    yield from calls


def _calls(fault: Unreadable) -> Iterator[str]:
    """Yield the code with the bracket that may be missing between a name and those that close."""
    tokens = lex(fault.code[: fault.start + 1])
    end = len(tokens)
    while end > 0 and tokens[end - 1].text == ")":
        end -= 1
    if end < len(tokens) and end > 0 and tokens[end - 1].kind == "name":
        place = tokens[end].start
        yield f"{fault.code[:place]}({fault.code[place:]}"


def _ends_in_method(statement: Sequence[Token]) -> bool:
    """Whether a statement ends in an attribute, or prints one, so that it is meant to be called."""
    end = len(statement)
    if statement[-1].text == ")":
        end -= 1
        opening = opener(statement, end)
        if opening is None or statement[opening - 1].text != "print":
            return False
    return end > 1 and statement[end - 2].text == "." and statement[end - 1].kind == "name"


def _statement(fault: Unreadable) -> Sequence[Token]:
    """Return the tokens of the statement that a fault stands in, up to it."""
    before = lex(fault.code[: fault.start])
    return before[statement_start(before) :]


def with_right_bracket(fault: Unreadable) -> Iterator[str]:
    """Yield the code with the bracket that closes the open one, for another or before it."""
    opening = OPENED.search(fault.message)
    right = OPENING[opening[1]] if opening else ""
    before, rest = fault.code[: fault.start], fault.code[fault.start :]
    tokens = lex(before)
    place = opener(tokens, len(tokens))
    start = tokens[place].start if place is not None else 0
    if not (_is_grouping(before, start) and _computes(before[start + 1 :])):
        yield f"{before}{right}{rest[1:]}"
        yield f"{before}{right}{rest}"
        return
    # `x[(a > 2 & (b < 2)]` lacks one somewhere; `x[(a > 2] & (b < 2)]` does not.
    replaced = f"{before}{right}{rest[1:]}"
    now = Unreadable.of(replaced)
    if now is None or not now.message.endswith(NEVER_CLOSED):
        yield replaced


def _is_grouping(code: str, place: int) -> bool:
    """Whether a bracket holds parts of an expression together, and calls nothing."""
    tokens = lex(code[: place + 1])
    return code[place : place + 1] == "(" and not ends_expression(tokens, len(tokens) - 1)


def _computes(code: str) -> bool:
    """Whether operators stand in a code, up to the end of its first line, outside of brackets."""
    depth = 0
    for token in tokens_of(code):
        if token.kind == "newline":
            break
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth <= 0 and token.text in OPERATORS:
            return True
    return False


def is_as_readable(other: str, code: str) -> bool:
    """Whether Python reads a code as far as another one, and it lists no more things."""
    now, then = Unreadable.of(other), Unreadable.of(code)
    reads_on = now is None or (then is not None and now.start >= then.start)
    return reads_on and _commas(other) <= _commas(code)


def _commas(code: str) -> int:
    """Return how many commas stand outside of brackets: nobody calls one of several things."""
    depth, count = 0, 0
    for token in lex(code):
        if token.kind == "operator":
            depth += (token.text in OPENING) - (token.text in CLOSING)
            count += token.text == "," and depth <= 0
    return count
