"""What statements do to names, and what was done to them after a cell ran."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Literal

from codeface_jupyter.context import Cell
from codeface_jupyter.context.ipython_lines import names_in_magics, python_in
from codeface_jupyter.syntax import identifiers, is_deep, parse_module
from codeface_jupyter.trials.bindings import names_bound_in_scope

__all__ = [
    "CHANGES_IN_PLACE",
    "GIVES_NOTHING",
    "REBINDS_ANYTHING",
    "NameChange",
    "names_changed",
    "names_read",
    "statements_after",
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


def statements_after(
    cell: Cell, cells: Sequence[Cell], *, names: frozenset[str]
) -> list[ast.stmt] | None:
    """Return the statements of the cells that ran after one of them and have any of the names.

    None if nobody can tell what was run.
    """
    found: list[ast.stmt] = []
    place = next((number for number, other in enumerate(cells) if other is cell), -1)
    for number, other in enumerate(cells):
        if other is cell or not _ran_after(other, cell, is_below=number > place):
            continue
        if any(sign in other.source for sign in REBINDS_ANYTHING):
            return None
        if names and not names.isdisjoint(identifiers(other.source)):
            tree = parse_module(python_in(other.source))
            is_by_magic = not names.isdisjoint(names_in_magics(other.source))
            if is_by_magic or (tree is not None and is_deep(tree)):
                return None
            # What Python cannot read has done nothing.
            found += tree.body if tree is not None else []
    return found


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
