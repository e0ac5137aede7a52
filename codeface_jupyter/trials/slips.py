"""Slips in a cell that failed which Python's own words tell, and the cell without them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.failed_statement import failed_statement
from codeface_jupyter.trials.naming.lexing import lex
from codeface_jupyter.trials.naming.unfinished import closers

__all__ = ["without_slip"]

NOT_CALLABLE = re.compile(r"'\w+' object is not callable")
# A list of columns is wanted, and a tuple is one key.
TUPLE_KEY = re.compile(r"\('|Cannot subset columns with a tuple")
NEVER_CLOSED = re.compile(r"'[(\[{]' was never closed")
# What is not closed is so on one of the next lines.
MAX_LINES = 40


def without_slip(text: str, error: ErrorInfo) -> Iterator[str]:
    """Yield what a cell may have been meant to be, the likeliest first; each has to be tried.

    Parameters
    ----------
    text
        The cell, in Python.
    error
        What it failed with.
    """
    if error.ename in {"SyntaxError", "_IncompleteInputError"}:
        yield from _readable(text)
        return
    source = read_source(text)
    statement = failed_statement(source.tree, text, error)
    if statement is None:
        return
    if error.ename == "TypeError" and NOT_CALLABLE.search(error.evalue):
        yield from _uncalled(source, statement)
    if error.ename in {"KeyError", "ValueError"} and TUPLE_KEY.match(error.evalue):
        yield from _listed(source, statement)


def _uncalled(source: Source, statement: ast.stmt) -> Iterator[str]:
    """Yield the code with an attribute in the place of a call of it: ``shape``, not ``shape()``."""
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Attribute() as called, args=[], keywords=[]):
                end, whole_end = source.span(called)[1], source.span(node)[1]
                yield f"{source.code[:end]}{source.code[whole_end:]}"


def _listed(source: Source, statement: ast.stmt) -> Iterator[str]:
    """Yield the code with a list of names in the place of several: ``df[["a", "b"]]``."""
    for node in ast.walk(statement):
        match node:
            case ast.Subscript(slice=ast.Tuple(elts=[ast.Constant(value=str()), *_]) as key):
                start, end = source.span(key)
                names = source.code[start:end]
                names = names[1:-1] if names.startswith("(") else names
                yield f"{source.code[:start]}[{names}]{source.code[end:]}"


def _readable(text: str) -> Iterator[str]:
    """Yield what Python can read, where what it cannot read in the code lacks little."""
    try:
        compile(text, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        lines = text.split("\n")
        number = min(max(error.lineno or 1, 1), len(lines))
        if NEVER_CLOSED.search(error.msg):
            yield from filter(parse_module, _closed(lines, number))
        elif error.msg.startswith("expected ':'"):
            changed = [*lines[: number - 1], f"{lines[number - 1].rstrip()}:", *lines[number:]]
            yield from filter(parse_module, ["\n".join(changed)])
    except (ValueError, RecursionError, MemoryError):
        return


def _closed(lines: list[str], opened: int) -> Iterator[str]:
    """Yield the code with brackets closed at the end of each line from ``opened`` on."""
    for number in range(opened, min(len(lines), opened + MAX_LINES) + 1):
        if not lines[number - 1].strip():
            continue
        before = "\n".join(lines[:number]).rstrip()
        yield "\n".join([f"{before}{closers(lex(before))}", *lines[number:]])
