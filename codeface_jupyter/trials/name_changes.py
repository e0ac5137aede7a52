"""What statements do to names, and what was done to them after a cell ran."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from codeface_jupyter.context import Cell
from codeface_jupyter.context.ipython_lines import names_in_magics, python_in
from codeface_jupyter.syntax import (
    Import,
    digest,
    first_line,
    identifiers,
    is_deep,
    mentions,
    parse_module,
)
from codeface_jupyter.trials.bindings import names_bound_in_scope

__all__ = [
    "CHANGES_IN_PLACE",
    "GIVES_NOTHING",
    "REBINDS_ANYTHING",
    "Change",
    "NameChange",
    "changes_after",
    "names_changed",
    "names_read",
    "works_in_place",
]

# How a name gets another value: one of its own, one made from the value before, or the same
# object with other contents, which may be only one item more, such as a column.
NameChange = Literal["anew", "from itself", "in place", "item"]

# After such a line any name may be another thing.
REBINDS_ANYTHING = ("import *", "%run")
CHANGES_IN_PLACE = frozenset({
    "add", "append", "clear", "difference_update", "discard", "extend", "fill",
    "intersection_update", "pop", "popitem", "remove", "resize", "reverse", "setdefault", "sort",
    "symmetric_difference_update", "update",
})  # fmt: skip
# To a frame it adds a column.
INSERTS = "insert"
# These give a value, too, so they need not be statements of their own. A frame's `add` gives one
# and changes nothing.
GIVES_A_VALUE = frozenset({"pop", "popitem", "setdefault"})
GIVES_NOTHING = CHANGES_IN_PLACE - GIVES_A_VALUE - {"add"}
# Where Python ends a line.
LINE_END = re.compile(r"\r\n|\r|\n")
# Without one of these a statement changes no name.
SIGNS = re.compile(
    r"(?<![=!<>])=(?!=)|<<=|>>=|\b(?:for|with|as|del|def|class|import|except|case|global|nonlocal"
    rf"|lambda|type|shuffle|{INSERTS}|{'|'.join(sorted(CHANGES_IN_PLACE))})\b"
)
TEXT = re.compile(r"""'[^'\\\n]*'|"[^"\\\n]*\"""")
COMMENT = re.compile(r"#.*")
# Code may stand in such a text.
FORMATTED = re.compile(r"""\b(?:[ft]r?|r[ft])['"]""", re.IGNORECASE)
UNCERTAIN = re.compile(r"""['"\\\r\f;]""")
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
# Cells are read once, not for each name and each answer. Only texts and digests are kept of them.
REMEMBERED_CELLS = 10_000
REMEMBERED_STATEMENTS = 40_000


@dataclass(frozen=True, kw_only=True)
class Change:
    """A statement, as `digest` gives it, and the names that it changes."""

    statement: bytes
    names: tuple[tuple[str, NameChange], ...]


def changes_after(
    cell: Cell, cells: Sequence[Cell], *, names: frozenset[str]
) -> list[Change] | None:
    """Return what the cells that ran after one of them change, as far as they have the names.

    Imports are left out. None if nobody can tell what was run.
    """
    found: list[Change] = []
    place = next((number for number, other in enumerate(cells) if other is cell), -1)
    for number, other in enumerate(cells):
        if other is cell or not _ran_after(other, cell, is_below=number > place):
            continue
        if any(sign in other.source for sign in REBINDS_ANYTHING):
            return None
        if any(mentions(other.source, names)):
            changes = _changes_of(names, other.source)
            if changes is None:
                return None
            found += changes
    return found


def _changes_of(names: frozenset[str], source: str) -> list[Change] | None:
    """Return what the statements of a cell change that have the names; None if nobody can tell."""
    if not names.isdisjoint(names_in_magics(source)):
        return None
    found: list[Change] = []
    for lines in () if _only_reads(names, source) else _changing_lines(source):
        if any(mentions(lines, names)) and not names.isdisjoint(identifiers(lines)):
            changes = _changes_in(lines)
            if changes is None:
                return None
            found += changes
    return found


def _only_reads(names: frozenset[str], source: str) -> bool:
    """Whether looks tell that a cell changes none of the names, which is faster than reading it.

    That is certain only where each line is whole by itself, its brackets and texts closed in it.
    """
    if not source.isascii() or FORMATTED.search(source) or ":=" in source:
        return False
    text = TEXT.sub("", source)
    if UNCERTAIN.search(text):
        return False
    text = COMMENT.sub("", text)
    for line in text.split("\n"):
        if any(line.count(begin) != line.count(end) for begin, end in BRACKETS):
            return False
        if any(name in line for name in names):
            target, _, value = line.partition("=")
            if SIGNS.search(value if not any(name in target for name in names) else line):
                return False
    return True


@lru_cache(maxsize=REMEMBERED_CELLS)
def _changing_lines(source: str) -> tuple[str, ...]:
    """Return the lines of each statement of a cell that may change a name.

    What Python cannot read has done nothing. Statements that share a line stay together.
    """
    # Where Python can read a cell as it stands, there are no magics in it.
    code, tree = source, parse_module(source)
    if tree is None:
        code = python_in(source)
        tree = parse_module(code)
    places: list[tuple[int, int]] = []
    for node in tree.body if tree is not None else []:
        begin, end = first_line(node), node.end_lineno or node.lineno
        if places and begin <= places[-1][1]:
            begin, _ = places.pop()
        places.append((begin, end))
    lines = LINE_END.split(code)
    found = ("\n".join(lines[begin - 1 : end]) for begin, end in places)
    # Other characters may be written in several ways.
    return tuple(text for text in found if SIGNS.search(text) or not text.isascii())


@lru_cache(maxsize=REMEMBERED_STATEMENTS)
def _changes_in(lines: str) -> tuple[Change, ...] | None:
    """Return what the statements of some lines change; None if they are not to be looked at."""
    tree = parse_module(lines)
    if tree is None or is_deep(tree):
        return None
    return tuple(
        Change(statement=digest(node), names=tuple(names_changed(node)))
        for node in tree.body
        if not isinstance(node, Import)
    )


def names_changed(statement: ast.stmt) -> Iterator[tuple[str, NameChange]]:
    """Yield the names of the notebook that a statement changes, and how."""
    # What a function binds is its own, but for what it declares.
    globals_ = (node.names for node in ast.walk(statement) if isinstance(node, ast.Global))
    own = names_bound_in_scope([statement]).union(*globals_)
    told: set[str] = set()
    for node in ast.walk(statement):
        for name, how in (*_assigned(node), *_changed_in_place(node)):
            if name in own or how in {"in place", "item"}:
                told.add(name)
                yield name, how
    yield from ((name, "anew") for name in own - told)


def works_in_place(call: ast.Call) -> bool:
    """Whether a call is told to change its object: ``df.dropna(inplace=True)``."""
    told = (one.value for one in call.keywords if one.arg == "inplace")
    return any(isinstance(value, ast.Constant) and value.value is True for value in told)


def names_read(tree: ast.AST) -> frozenset[str]:
    """Return every name that a tree reads, in whatever scope."""
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return frozenset(name.id for name in names if isinstance(name.ctx, ast.Load))


def _assigned(node: ast.AST) -> Iterator[tuple[str, NameChange]]:
    match node:
        case ast.Assign(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
            read = names_read(value)
            for name in names_bound_in_scope([node]):
                yield name, "from itself" if name in read else "anew"
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, "from itself"


def _changed_in_place(node: ast.AST) -> Iterator[tuple[str, NameChange]]:
    match node:
        case ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _changed(node.value, "item")
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            yield from _changed(node.value, "item")
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr))):
            if attr in CHANGES_IN_PLACE:
                yield from _changed(owner, "in place")
            elif attr == INSERTS:
                yield from _changed(owner, "item")
        case ast.Call(
            func=ast.Name(id="shuffle") | ast.Attribute(attr="shuffle"), args=[shuffled, *_]
        ):
            yield from _changed(shuffled, "in place")
        case ast.Call(func=ast.Attribute(value=owner, attr=attr), keywords=keywords):
            if attr in GIVES_A_VALUE or any(one.arg == "inplace" for one in keywords):
                yield from _changed(owner, "in place")


def _changed(owner: ast.expr, how: NameChange) -> Iterator[tuple[str, NameChange]]:
    """Yield the name that an object begins with, ``a`` in ``a.b[0]``; an item of a changes."""
    while isinstance(owner, ast.Subscript | ast.Attribute):
        owner, how = owner.value, "item"
    if isinstance(owner, ast.Name):
        yield owner.id, how


def _ran_after(other: Cell, cell: Cell, *, is_below: bool) -> bool:
    if other.cell_type != "code" or not other.was_run:
        return False
    if other.execution_count is None or cell.execution_count is None:
        return is_below
    return other.execution_count > cell.execution_count
