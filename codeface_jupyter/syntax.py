"""Python code as a tree, where there is one: any text may be given."""

from __future__ import annotations

import ast

__all__ = ["parse_expression", "parse_module"]

# Not only wrong syntax: null bytes, half surrogate pairs, and what is nested too deeply.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def parse_module(code: str) -> ast.Module | None:
    """Return the tree of a code; None if Python cannot read it."""
    try:
        return ast.parse(code)
    except UNREADABLE:
        return None


def parse_expression(code: str) -> ast.expr | None:
    """Return the tree of a single expression; None if it is none."""
    try:
        return ast.parse(code, mode="eval").body
    except UNREADABLE:
        return None
