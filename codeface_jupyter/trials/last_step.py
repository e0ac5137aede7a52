"""A step that is put behind what a code shows, or makes, at its end."""

from __future__ import annotations

import ast

from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.checks.source import read_source

__all__ = ["quoted_name", "with_last_step"]

CHAINS = (ast.Attribute, ast.Call, ast.Name, ast.Subscript)


def with_last_step(code: str, step: str, *, variable: str) -> str | None:
    """Return a code with a step behind what gives its value; None if that is not clear.

    Parameters
    ----------
    code
        Python.
    step
        What is done with the value, such as ``.reset_index()``.
    variable
        The variable that it makes in place of showing a value; empty for none.
    """
    tree = parse_module(code)
    if tree is None or not tree.body or code.rstrip().endswith(";"):
        return None
    last, source = tree.body[-1], read_source(code)
    # A table keeps its name, so that what goes on from it finds it changed.
    match last:
        case ast.Expr(value=ast.Name(id=name)) if _is_made(tree, name):
            begin, end = source.span(last)
            return f"{code[:begin]}{name} = {name}{step}\n{name}{code[end:]}"
        case ast.Expr(value=ast.expr() as value):
            begin, end = source.span(value)
            shown = code[begin:end] if isinstance(value, CHAINS) else f"({code[begin:end]})"
            return f"{code[:begin]}{shown}{step}{code[end:]}"
        case ast.Assign(targets=[ast.Name(id=name)]) if name == variable:
            return f"{code.rstrip()}\n{name} = {name}{step}"
    return None


def quoted_name(name: str) -> str:
    """Return a name as a text of Python, in double quotes where that needs no escapes."""
    return f'"{name}"' if '"' not in name and "\\" not in name else repr(name)


def _is_made(tree: ast.Module, name: str) -> bool:
    """Whether a code makes a variable; one that was there before is not to be changed."""
    return any(
        isinstance(target, ast.Name) and target.id == name
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
    )
