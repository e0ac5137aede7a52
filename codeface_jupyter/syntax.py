"""Python code as a tree, where there is one: any text may be given."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

__all__ = ["ends_in_string", "identifiers", "is_deep", "parse_expression", "parse_module"]

# Not only wrong syntax: null bytes, half surrogate pairs, and what is nested too deeply.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
TRIPLE_QUOTES = ('"""', "'''")
# Whatever goes down a tree by calls takes a few of them a level. The stack has to last for the
# user's own code too, which the interpreter may run at any time: callbacks of gc, finalizers.
MAX_LEVELS = 100
# Signs of ASCII and spaces are in no name; of all other characters, Python decides.
WORD = re.compile(r"[^\s!-/:-@\[-^`{-~]+")
ASCII_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def identifiers(text: str) -> Iterator[str]:
    """Yield the words of a text that can be names in Python, as Python spells them.

    Not all scripts put spaces between words, so that names of ASCII letters are found within
    other words too.
    """
    for word in WORD.findall(unicodedata.normalize("NFKC", text)):
        if word.isascii():
            yield from ASCII_NAME.findall(word)
            continue
        for is_name, run in groupby(word, lambda sign: f"_{sign}".isidentifier()):
            name = "".join(run).lstrip("0123456789")
            if is_name and name.isidentifier():
                yield name
                yield from ASCII_NAME.findall(name)


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
