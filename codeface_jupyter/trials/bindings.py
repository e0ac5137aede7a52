"""The names that a code binds: by a node, in a scope, anywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

__all__ = ["loop_names", "names_bound", "names_bound_before", "names_bound_in_scope"]

# Nodes that Python 3.11 does not have.
TYPE_PARAMETERS = frozenset({"TypeVar", "ParamSpec", "TypeVarTuple"})


def names_bound(tree: ast.AST) -> frozenset[str]:
    """Return every name that a tree binds or deletes, in whatever scope."""
    return frozenset(name for node in ast.walk(tree) for name in _bound_by(node))


def loop_names(tree: ast.AST) -> frozenset[str]:
    """Return the names that the loops of a tree run through."""
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.For | ast.AsyncFor))
    return frozenset(name for loop in loops for name in names_bound(loop.target))


def names_bound_before(tree: ast.AST, place: ast.stmt) -> frozenset[str]:
    """Return the names that a tree binds above a statement of it, in whatever scope."""
    begin = (place.lineno, place.col_offset)
    return frozenset(
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.expr | ast.alias | ast.arg | ast.excepthandler)
        and (node.lineno, node.col_offset) < begin
        for name in _bound_by(node)
    )


def names_bound_in_scope(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Return what statements bind in their own scope, also in their blocks."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        found.update(_bound_by(node))
        waiting += _same_scope(node)
    return frozenset(found)


def _bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]
        case ast.ExceptHandler(name=str() as name):
            yield name
        case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
            yield name
        case ast.MatchMapping(rest=str() as name):
            yield name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from names
        case _ if type(node).__name__ in TYPE_PARAMETERS:
            yield str(getattr(node, "name", ""))


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that bind in the scope that it stands in."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield from node.decorator_list
        case ast.Lambda():
            return
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            # A walrus in it binds outside of it.
            yield from (part for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
        case _:
            yield from ast.iter_child_nodes(node)
