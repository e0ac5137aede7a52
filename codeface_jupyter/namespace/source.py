"""The source of functions and classes, those of the notebook's cells included."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
import types
from collections.abc import Iterator, Mapping
from typing import cast

from codeface_jupyter.namespace.classes import bases_of, members_of
from codeface_jupyter.syntax import Definition, first_line, parse_module

__all__ = ["source_of"]


def source_of(obj: object) -> str | None:
    """Return the source of a function, a class or a module; None if it is not known.

    Until Python 3.13, a class did not say where it was defined: one of a notebook's cells is
    found by its methods, or else by its name in the latest cell that defines it.
    """
    if type in bases_of(obj):
        cls = cast("type", obj)
        members = members_of(cls)
        name = type.__dict__["__qualname__"].__get__(cls)
        if members.get("__module__") == "__main__":
            return _class_in_cells(name, members)
    try:
        return inspect.getsource(obj).rstrip()  # type: ignore[arg-type]  # it raises for others
    except (OSError, TypeError, ValueError):
        return None


def _class_in_cells(name: str, members: Mapping[str, object]) -> str | None:
    known = [
        (code.co_filename, code.co_firstlineno)
        for value in members.values()
        if (code := _code_of(value)) is not None and code.co_qualname.startswith(f"{name}.")
    ]
    for filename, line in known:
        found = _definition(linecache.getlines(filename), name, line=line)
        if found is not None:
            return found
    # The latest cells come last.
    for lines in reversed(list(_cells())):
        found = _definition(lines, name)
        if found is not None:
            return found
    return None


def _code_of(value: object) -> types.CodeType | None:
    """Return the code of a method, as it stands in its class."""
    match value:
        case staticmethod() | classmethod():
            value = value.__func__
        case property():
            value = value.fget
    return value.__code__ if isinstance(value, types.FunctionType) else None


def _cells() -> Iterator[list[str]]:
    """Yield the lines of every code that is no file's: IPython keeps them without a time."""
    for entry in list(linecache.cache.values()):
        if len(entry) > 1 and entry[1] is None:
            yield entry[2]


def _definition(lines: list[str], name: str, *, line: int | None = None) -> str | None:
    """Return the last class of this name in a code, around a line if one is given."""
    code = "".join(lines)
    tree = parse_module(code) if name.rpartition(".")[2] in code else None
    found = None
    for node in _classes(tree, name.split(".")) if tree is not None else ():
        begin, end = first_line(node), node.end_lineno or node.lineno
        if line is None or begin <= line <= end:
            found = textwrap.dedent("".join(lines[begin - 1 : end])).rstrip()
    return found


def _classes(tree: ast.AST, path: list[str]) -> Iterator[ast.ClassDef]:
    """Yield the classes at a qualified name, wherever blocks put them."""
    first, *rest = path
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, Definition):
            yield from _classes(node, path)
        elif node.name == first and rest:
            yield from _classes(node, [part for part in rest if part != "<locals>"])
        elif node.name == first and isinstance(node, ast.ClassDef):
            yield node
