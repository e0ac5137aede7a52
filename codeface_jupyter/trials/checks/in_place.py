"""Methods that change what they belong to and give nothing, where something is expected."""

from __future__ import annotations

import ast

from codeface_jupyter.trials.checks.source import Source
from codeface_jupyter.trials.name_changes import GIVES_NOTHING

__all__ = ["gives_nothing_there"]


def gives_nothing_there(name: str, source: Source, end: int) -> bool:
    """Whether a method ``name`` would give nothing where the value is used.

    Parameters
    ----------
    name
        The name of an attribute that may take the place of another one.
    source
        The code.
    end
        Where the other one ends in it.
    """
    return name in GIVES_NOTHING and end not in _ends_of_unused(source)


def _ends_of_unused(source: Source) -> set[int]:
    """Return where the methods end whose value is neither used nor shown."""
    body = source.tree.body if source.tree is not None else []
    return {
        source.span(node.value.func)[1]
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        # What a cell ends in is shown.
        if node is not body[-1]
    }
