"""Where a cell that failed names what does not exist, by what its error says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.trials.alike_names import (
    SAME_IN_PART,
    SAME_WORDS,
    contains_words,
    is_opposite,
    method_likeness,
    says_the_same,
)
from codeface_jupyter.trials.checks.in_place import gives_nothing_there
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.failed_statement import failed_statement

__all__ = ["Misnamed", "likeness", "may_be_meant", "misnamed"]

# How errors say what is not there.
NAMED = {
    "AttributeError": re.compile(r"has no attribute '(?P<name>\w+)'"),
    # Alone, or in what pandas says: "Column not found: units", "['units'] not in index".
    "KeyError": re.compile(r"'(?:[^']* not found: )?(?P<name>[^']+)'"),
    "TypeError": re.compile(
        r"(?:unexpected keyword argument |^)'(?P<name>\w+)'(?= is an invalid keyword|$)"
    ),
}
QUOTES = ("'", '"')
# What takes something away, or makes it the index: run once more, the cell finds it gone.
TAKES_AWAY = frozenset({"drop", "pop", "set_index", "remove", "discard"})
# Methods that libraries have given up, whose place no other one takes.
GIVEN_UP = frozenset({"append", "as_matrix", "get_value", "ix", "lookup", "set_value"})
# What is printed is cut at a length that all names of a data frame would exceed.
PRINTS = "print(*[name for name in {} if name[:1] != '_'][{}::2])"
PARTS = (0, 1)

# A name's characters in a code, and an expression for the names that are there.
_Named = tuple[tuple[int, int], str]


@dataclass(frozen=True, kw_only=True)
class Misnamed:
    """A name in a code that stands for nothing: its characters from ``start`` up to ``end``.

    Attributes
    ----------
    name
        The name.
    starts
        Where else in the statement the same column or key is read, from left to right.
    statement_start
        Where the statement begins that it stands in.
    quote
        What closes the string that it is; empty if it is an identifier.
    is_parameter
        Whether it is the name of a parameter.
    listings
        Codes that do what the cell does above, and each print some of the names that are there.
    """

    name: str
    start: int
    end: int
    statement_start: int
    quote: str = ""
    is_parameter: bool = False
    listings: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()

    def renamed(self, text: str, name: str) -> str:
        """Return the code ``text`` with another name in its place."""
        for start in reversed((self.start, *self.starts)):
            text = f"{text[:start]}{name}{text[start + len(self.name) :]}"
        return text


def misnamed(text: str, error: ErrorInfo) -> Misnamed | None:
    """Return the name that a cell failed at; None where it is not just one.

    Parameters
    ----------
    text
        The cell, in Python.
    error
        What it failed with.
    """
    source = read_source(text)
    statement = failed_statement(source.tree, text, error)
    if statement is None or (error.ename == "KeyError" and _takes_away(statement)):
        return None
    places = sorted(set(_places(source, statement, error)))
    reads = _keys_read(source, statement)
    if len(places) != 1 and not (places and all(place in reads for place, _ in places)):
        return None
    ((start, end), names), *others = places
    if text[start:end] in GIVEN_UP:
        return None
    statement_start = source.span(statement)[0]
    above = text[:statement_start]
    return Misnamed(
        name=text[start:end],
        start=start,
        end=end,
        statement_start=statement_start,
        quote=text[end : end + 1] if text[start - 1 : start] in QUOTES else "",
        is_parameter=FINDS[error.ename] is _parameter,
        listings=tuple(f"{above}{PRINTS.format(names, part)}" for part in PARTS if names),
        starts=tuple(place[0] for place, _ in others),
    )


def _keys_read(source: Source, statement: ast.stmt) -> set[tuple[int, int]]:
    """Return where the keys and columns stand that a statement reads in brackets; none it makes."""
    slices = [node for node in ast.walk(statement) if isinstance(node, ast.Subscript)]
    if not all(isinstance(node.ctx, ast.Load) for node in slices):
        return set()
    keys = [key for node in slices for key in getattr(node.slice, "elts", [node.slice])]
    return {place for key in keys for place, _ in _key(source, key)}


def _takes_away(statement: ast.stmt) -> bool:
    """Whether a statement takes away what it names, so that it fails when it is run again."""
    if isinstance(statement, ast.Delete):
        return True
    called = (n.func for n in ast.walk(statement) if isinstance(n, ast.Call))
    return any(isinstance(one, ast.Attribute) and one.attr in TAKES_AWAY for one in called)


def may_be_meant(place: Misnamed, other: str, text: str) -> bool:
    """Whether a name that runs in the code ``text`` may be meant: no opposite, and of use there."""
    is_attribute = not (place.quote or place.is_parameter)
    if is_attribute and gives_nothing_there(other, read_source(text), place.end):
        return False
    return not is_opposite(place.name, other)


def likeness(place: Misnamed, other: str) -> int:
    """Return how much a name says the same as the one that failed; 0 if it does not.

    A column may be called by some of its words, as ``price`` for ``unit_price``; what has a word
    more would have to be computed, or is another thing. Of parameters either may have more.
    """
    if says_the_same(place.name, other, is_column=bool(place.quote)):
        return SAME_WORDS
    if not (place.quote or place.is_parameter):
        return method_likeness(place.name, other)
    is_part = contains_words(place.name, other)
    is_whole = place.is_parameter and contains_words(other, place.name)
    return SAME_IN_PART if is_part or is_whole else 0


def _places(source: Source, statement: ast.stmt, error: ErrorInfo) -> Iterator[_Named]:
    """Yield where a statement says the name that its error says, and what lists those there are."""
    find = FINDS.get(error.ename)
    if find is None:
        return
    said = _names(error)
    for node in ast.walk(statement):
        for place, names in find(source, node):
            if source.code[slice(*place)] in said:
                yield place, names


def _attribute(source: Source, node: ast.AST) -> Iterator[_Named]:
    if isinstance(node, ast.Attribute):
        end = source.span(node)[1]
        yield (end - len(node.attr), end), f"dir({source.text(node.value)})"


def _parameter(source: Source, node: ast.AST) -> Iterator[_Named]:
    if isinstance(node, ast.Call):
        names = f"__import__('inspect').signature({source.text(node.func)}).parameters"
        for keyword in node.keywords:
            start = source.position(keyword.lineno, keyword.col_offset)
            yield (start, start + len(keyword.arg or "")), names


def _key(source: Source, node: ast.AST) -> Iterator[_Named]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        start, end = source.span(node)
        # It may be written in other ways than it reads.
        if source.code[start + 1 : end - 1] == node.value:
            yield (start + 1, end - 1), ""


FINDS = {"AttributeError": _attribute, "KeyError": _key, "TypeError": _parameter}


def _names(error: ErrorInfo) -> set[str]:
    """Return the names that an error's message says."""
    names = {match["name"] for match in NAMED[error.ename].finditer(error.evalue)}
    return names | {error.evalue[1:-1]} if error.ename == "KeyError" else names
