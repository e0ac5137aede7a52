"""Names that a request quotes, and an answer does without: not all that its code does not say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.unsaid_names import (
    ENDS_A_CLAUSE,
    QUOTED,
    unsaid_names,
    without_code,
)

__all__ = ["missed_names"]

# "Yes" and "No", "Yes"/"No", "Yes" to 1 and "No" to 0.
JOINED = re.compile(r"(?:\s+(?:to|into|as|by|with|is)\s+\S+)?,?\s*(?:\b(?:and|or)\b|/)\s*")
COMPARES = frozenset({"eq", "isin", "ne"})
# What is made of a comparison has a value for either side; rows that are chosen by it have not.
TAKES_BOTH = frozenset({"astype", "map", "replace"})
CHOOSES = frozenset({"mask", "where"})
# What takes a text for people to read.
SHOWS = frozenset({
    "annotate", "label", "legend", "print", "set_label", "set_title", "set_xlabel", "set_ylabel",
    "suptitle", "text", "title", "xlabel", "ylabel",
})  # fmt: skip


def missed_names(request: str, code: str) -> tuple[str, ...]:
    """Return what ``request`` quotes and ``code`` does without, in the order of the request.

    A title may be written in other cases than it was quoted in, and so may what is in the data:
    people quote as they remember. What gets a name gets the one that was asked for. Of two values
    that are to become something else code may say one: what is not the one is the other.
    """
    names = unsaid_names(request, code)
    module = parse_module(code)
    if not names or module is None:
        return names
    shown, compared = "\n".join(_shown(module)), set(_compared_anywhere(module))
    told_apart = set(_told_apart(module))
    implied = {
        name
        for pair in _pairs(without_code(request))
        for name, other in (pair, pair[::-1])
        if other.lower() in told_apart
    }

    def is_written(name: str) -> bool:
        # "average" says no "Age".
        stands = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", shown)
        return stands is not None or name in compared

    return tuple(name for name in names if name not in implied and not is_written(name.lower()))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield two things that a text quotes together, where they are not among more."""
    quoted = list(QUOTED.finditer(text))
    between = ["", *(text[one.end() : other.start()] for one, other in pairwise(quoted)), ""]
    joins = [bool(JOINED.fullmatch(part)) for part in between]
    for number, (one, other) in enumerate(pairwise(quoted), start=1):
        goes_on = joins[number - 1] or joins[number + 1] or between[number - 1].strip() == ","
        if joins[number] and not goes_on:
            yield _name(one), _name(other)


def _name(quoted: re.Match[str]) -> str:
    return quoted[quoted.lastgroup or 0].rstrip(ENDS_A_CLAUSE)


def _told_apart(module: ast.Module) -> Iterator[str]:
    """Yield the texts that a code compares with, where what is not equal has a value, too."""
    for node in ast.walk(module):
        match node:
            case ast.IfExp(test=test) | ast.If(test=test, orelse=[_, *_]):
                yield from _compared(test)
            case ast.Assign(targets=[ast.Subscript() | ast.Attribute()], value=value):
                yield from _compared(value)
            case ast.BinOp(left=value, op=ast.Mult(), right=ast.Constant()):
                yield from _compared(value)
            case ast.Call(func=ast.Name(id="int"), args=[value]):
                yield from _compared(value)
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in TAKES_BOTH:
                yield from _compared(value)
            case ast.Call(func=ast.Attribute(attr=attr), args=[test, _, *_]) if attr in CHOOSES:
                yield from _compared(test)


def _shown(module: ast.Module) -> Iterator[str]:
    """Yield the texts that a code shows, as titles and labels of figures, in lower case."""
    for node in ast.walk(module):
        match node:
            case ast.keyword(arg=str() as name, value=value) if name in SHOWS:
                yield from _texts(value)
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=args):
                if name in SHOWS:
                    yield from (text for one in args for text in _texts(one))


def _compared_anywhere(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.expr):
            yield from _compared(node)


def _texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Constant(value=str() as text):
                yield text.lower()


def _compared(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression compares something with, in lower case."""
    match node:
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
        case ast.Call(func=ast.Attribute(attr=attr), args=args) if attr in COMPARES:
            sides = args
        case _:
            return
    for side in sides:
        for part in side.elts if isinstance(side, ast.List | ast.Tuple | ast.Set) else [side]:
            match part:
                case ast.Constant(value=str() as text):
                    yield text.lower()
