"""Python code as a tree, where there is one: any text may be given."""

from __future__ import annotations

import ast

__all__ = ["ends_in_string", "is_deep", "parse_expression", "parse_module"]

# Not only wrong syntax: null bytes, half surrogate pairs, and what is nested too deeply.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
TRIPLE_QUOTES = ('"""', "'''")
# Whatever goes down a tree by calls takes a few of them a level. The stack has to last for the
# user's own code too, which the interpreter may run at any time: callbacks of gc, finalizers.
MAX_LEVELS = 100


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


def ends_in_string(code: str) -> bool:
    """Whether a code breaks off within a string of several lines."""
    if not any(quotes in code for quotes in TRIPLE_QUOTES):
        return False
    try:
        ast.parse(code)
    except SyntaxError as error:
        return error.msg.startswith("unterminated triple-quoted")
    except UNREADABLE:
        return False
    return False


def is_deep(tree: ast.AST) -> bool:
    """Whether a tree has too many levels for what goes down it by calls."""
    level = [tree]
    for _ in range(MAX_LEVELS):
        level = [part for node in level for part in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True
