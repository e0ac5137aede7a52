"""The statements of a code that another one needs, since they make what that one reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from codeface_jupyter.trials.bindings import names_bound_in_scope
from codeface_jupyter.trials.copies import parsed

__all__ = ["needed_statements", "needs_itself"]

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
ImportNode = ast.Import | ast.ImportFrom


def needed_statements(code: str, names: Iterable[str]) -> str:
    r"""Return the lines of a code that make some names, with those that make what they need.

    What only shows or draws something is left out. Empty if Python cannot read the code.

    Examples
    --------
    >>> needed_statements("import math\nr = math.pi\nprint(r)\ns = r + 1\ns", ["s"])
    'import math\nr = math.pi\ns = r + 1'
    """
    tree = parsed(code)
    statements = tree.body if tree is not None else []
    modules = names_bound_in_scope([one for one in statements if isinstance(one, ImportNode)])
    needed, lines = set(names), code.split("\n")
    kept: dict[tuple[int, int], str] = {}
    for statement in reversed(statements):
        if needed.isdisjoint(_made(statement) | (_changed(statement) - modules)):
            continue
        if isinstance(statement, ast.Expr) and statement is statements[-1]:
            # Its value is what the cell shows.
            continue
        needed |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        # Two of them may share a line.
        begin, end = _begin(statement), statement.end_lineno or statement.lineno
        kept[begin, end] = "\n".join(lines[begin - 1 : end])
    return "\n".join(kept[place] for place in sorted(kept))


def needs_itself(code: str, names: Iterable[str]) -> bool:
    """Whether a code reads one of the names before it makes it: then it only changes it."""
    tree, waiting = parsed(code), set(names)
    for statement in tree.body if tree is not None else []:
        is_definition = isinstance(statement, DefinitionNode)
        changes = {_base(statement.target)} if isinstance(statement, ast.AugAssign) else set()
        read = {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        if not is_definition and not waiting.isdisjoint(read | changes):
            return True
        waiting -= _made(statement)
    return False


def _made(statement: ast.stmt) -> frozenset[str]:
    return names_bound_in_scope([statement])


def _changed(statement: ast.stmt) -> set[str]:
    """Return the names of what a statement may change: by a part of it, or by a method."""
    parts = [
        node
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load)
    ]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        parts += [called] if isinstance(called, ast.Attribute) else []
    return {name for part in parts if (name := _base(part))}


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _begin(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])
