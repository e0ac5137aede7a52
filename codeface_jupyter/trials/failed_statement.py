"""The statement of a cell that failed."""

from __future__ import annotations

import ast

from codeface_jupyter.context import ErrorInfo

__all__ = ["UNREADABLE", "failed_statement"]

# The errors of a cell of which no statement was run.
UNREADABLE = frozenset({"IndentationError", "SyntaxError", "TabError", "_IncompleteInputError"})


def failed_statement(tree: ast.Module | None, text: str, error: ErrorInfo) -> ast.stmt | None:
    """Return the statement of a cell, not within another one, whose line failed.

    None where that is not known: what stands in several places failed in one of them.
    """
    lines = text.split("\n")
    failed = [n for n, line in enumerate(lines, 1) if error.line and line.strip() == error.line]
    if tree is None or len(failed) != 1:
        return None
    return next((s for s in tree.body if failed[0] <= (s.end_lineno or s.lineno)), None)
