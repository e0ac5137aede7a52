"""Python code as a tree, where there is one: any text may be given."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from copy import deepcopy
from hashlib import blake2b
from itertools import groupby

from codeface_jupyter.warning_filters import ignored, without

__all__ = [
    "LOOKED_AT",
    "Comprehension",
    "Definition",
    "Import",
    "digest",
    "dumped",
    "ends_in_string",
    "failing_line",
    "first_line",
    "identifiers",
    "is_deep",
    "mentions",
    "parse_expression",
    "parse_line",
    "parse_module",
    "parsed",
    "unparsed",
    "without_warnings",
    "words_in",
]

# Kinds of nodes, which Python has no name for.
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Import = ast.Import | ast.ImportFrom
# The file of code that is only looked at, as Python would name it.
LOOKED_AT = "<answer>"
QUIET = ignored(Warning, module=rf"{LOOKED_AT}\Z")

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


def parsed(code: str) -> ast.Module:
    """Return the tree of a code; what Python warns of in it is not told.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        If Python cannot read it.
    """
    with without_warnings():
        return ast.parse(code, LOOKED_AT)


def without_warnings() -> AbstractContextManager[None]:
    """Keep to itself what Python warns of in a code of the file `LOOKED_AT`: nobody has run it."""
    return without(QUIET)


def parse_module(code: str) -> ast.Module | None:
    """Return the tree of a code; None if Python cannot read it."""
    try:
        return parsed(code)
    except UNREADABLE:
        return None


def parse_expression(code: str) -> ast.expr | None:
    """Return the tree of a single expression; None if it is none."""
    try:
        with without_warnings():
            return ast.parse(code, LOOKED_AT, "eval").body
    except UNREADABLE:
        return None


def parse_line(line: str) -> tuple[str, ast.Module | None]:
    """Return a line of code as it can be read by itself, and its tree.

    The head of a block has an empty one below it, and an ``elif`` begins an ``if``, in the same
    places. The tree is None if the line is a part of a statement.
    """
    head = re.sub(r"\Aelif\b", "if  ", line)
    for text in (head, f"{head} pass", f"{head}\n    pass"):
        tree = parse_module(text)
        if tree is not None:
            return text, tree
    return line, None


def first_line(statement: ast.stmt) -> int:
    """Return the number of the line that a statement begins in, with its decorators."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])


def failing_line(code: str) -> int | None:
    """Return the line, from 1, at which Python cannot read a code; 0 if unknown; None if it can."""
    try:
        parsed(code)
    except SyntaxError as error:
        return error.lineno or 0
    except UNREADABLE:
        return 0
    return None


def ends_in_string(code: str) -> bool:
    """Whether a code breaks off within a string of several lines."""
    if not any(quotes in code for quotes in TRIPLE_QUOTES):
        return False
    try:
        parsed(code)
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


def dumped(node: ast.AST) -> str:
    """Return a tree as a text that is the same for the same code; numbers may be of any length."""
    try:
        return ast.dump(node)
    except ValueError:
        return ast.dump(_with_long_numbers(node))


def digest(node: ast.AST) -> bytes:
    """Return what is the same for the same code, as `dumped`, and short enough to be kept."""
    return blake2b(dumped(node).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def words_in(node: ast.AST) -> frozenset[str]:
    """Return the words that a code cannot be written without: its names, in all their places."""
    found: set[str] = set()
    for part in ast.walk(node):
        for _, value in () if isinstance(part, ast.Constant) else ast.iter_fields(part):
            texts = value if isinstance(value, list) else [value]
            found.update(*(text.split(".") for text in texts if isinstance(text, str)))
    return frozenset(found)


def mentions(text: str, words: Iterable[str]) -> Iterator[bool]:
    """Yield of each word, as Python spells it, whether it may stand in a text: that costs little.

    Where it does not, no code of the text has the name.
    """
    # Other characters may be written in several ways.
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return (word in text for word in words)


def unparsed(node: ast.AST) -> str:
    """Return a tree as code; empty where Python cannot write it, as some nested strings."""
    try:
        return ast.unparse(node)
    except ValueError:
        with suppress(ValueError):
            return ast.unparse(_with_long_numbers(node))
    return ""


def _with_long_numbers(node: ast.AST) -> ast.AST:
    """Return a copy of a tree with its whole numbers as they can be written at any length.

    Python reads longer ones, in hexadecimal, than it writes, in decimal.
    """
    changed: ast.AST = _InHexadecimal().visit(deepcopy(node))
    return changed


class _InHexadecimal(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name(id=hex(node.value)) if type(node.value) is int else node
