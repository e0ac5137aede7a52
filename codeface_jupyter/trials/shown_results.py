"""Code that computes something and shows nothing, made to show it: a name on its last line."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from codeface_jupyter.syntax import is_deep, parse_module
from codeface_jupyter.trials.name_changes import CHANGES_IN_PLACE, names_changed, names_read
from codeface_jupyter.trials.secret_values import secret_names, takes_secrets

__all__ = ["may_show", "unshown_results"]

MAX_RESULTS = 3


def unshown_results(code: str, namespace: Mapping[str, object]) -> tuple[str, ...]:
    """Return the new variables that a code ends in without showing them or anything else.

    These are the names that it binds and never reads, its last statement one of them, or the only
    one that its last block fills, but for those of secrets; a code that shows something, or ends
    in a change of what was there before, has none.

    Parameters
    ----------
    code
        Python.
    namespace
        The notebook's variables before it runs.
    """
    tree = parse_module(code)
    if tree is None or is_deep(tree) or not tree.body or any(map(may_show, tree.body)):
        return ()
    names = dict.fromkeys(name for node in tree.body if (name := _assigned(node)))
    last = _assigned(tree.body[-1])
    if last is None:
        filled = {name for name, _ in names_changed(tree.body[-1]) if name in names}
        is_one = len(filled) == 1 and not takes_secrets(tree)
        return tuple(filled.difference(namespace)) if is_one else ()
    hidden = {*names_read(tree), *namespace, *secret_names(tree)}
    results = tuple(name for name in names if name not in hidden)
    is_shown = last in results and len(results) <= MAX_RESULTS
    return results if is_shown else ()


def _assigned(node: ast.stmt) -> str | None:
    """Return the only name that a statement assigns to; None for any other statement."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return None if name.startswith("_") else name
    return None


def may_show(node: ast.stmt) -> bool:
    """Whether a statement may show something: an expression's value, or a call in a block."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
    return any(isinstance(part, ast.Expr) and not _only_fills(part) for part in _inner(node))


def _inner(node: ast.stmt) -> Iterator[ast.AST]:
    return (part for part in ast.walk(node) if part is not node)


def _only_fills(node: ast.Expr) -> bool:
    """Whether a statement changes an object and shows nothing: ``found.append(x)``."""
    match node.value:
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr in CHANGES_IN_PLACE
    return False
