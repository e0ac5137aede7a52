"""A module that an import does not find, and the one that is there and may have been meant."""

from __future__ import annotations

import ast
import pkgutil
import re
import sys

from codeface_jupyter.trials.checks.modules import has_module, loaded_module, members
from codeface_jupyter.trials.checks.packages import LIKE_THEIR_PACKAGE, PACKAGES
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.checks.wording import code_span, is_slip

__all__ = ["meant_module", "with_module_that_is_there"]

# In shorter names, another letter makes another name.
MIN_LETTERS = 5
NOT_FOUND = re.compile(r"No module named '(?P<name>[\w.]+)'")


def meant_module(message: str) -> tuple[str, str] | None:
    """Return a module that is missing, by an error's message, and the one that may be meant.

    None if there is not exactly one that is installed and called so but for a slip.

    Examples
    --------
    >>> meant_module("No module named 'jsno'")
    ('jsno', 'json')
    """
    match = NOT_FOUND.match(message)
    if match is None:
        return None
    name = match["name"]
    parent, _, last = name.rpartition(".")
    if parent and not has_module(parent):
        return None
    near = [other for other in _names_in(parent) if _is_near(last, other)]
    found = {f"{parent}.{other}".removeprefix(".") for other in near}
    there = [other for other in found if has_module(other)]
    return (name, there[0]) if len(there) == 1 else None


def with_module_that_is_there(text: str, message: str) -> tuple[str, str] | None:
    """Return a cell with the module that may be meant, and a note; None if it is not clear."""
    names = meant_module(message)
    if names is None:
        return None
    name, other = names
    source = read_source(text)
    imported, read = _places(source, name)
    if not imported or not read:
        return None
    for start in sorted({*imported, *read}, reverse=True):
        # What is read by an alias stays.
        if text.startswith(name, start):
            text = f"{text[:start]}{other}{text[start + len(name) :]}"
    return text, f"The module is called {code_span(other)}."


def _places(source: Source, name: str) -> tuple[set[int], set[int]]:
    """Return where a code imports a module, and where it reads something of it.

    Only what is read can prove, once it is there, that the module was meant.
    """
    imported: set[int] = set()
    read: set[int] = set()
    for node in ast.walk(source.tree or ast.Module(body=[], type_ignores=[])):
        match node:
            case ast.Import(names=names):
                for alias in (one for one in names if _is_in(one.name, name)):
                    imported.add(source.position(alias.lineno, alias.col_offset))
                    read |= _reads(source, alias.asname) if alias.asname else set()
            case ast.ImportFrom(module=str() as module, level=0) if _is_in(module, name):
                start = source.code.index(name, source.span(node)[0] + len("from"))
                imported.add(start)
                if node.names[0].name != "*":
                    read.add(start)
    return imported, read | (_reads(source, name) if imported else set())


def _is_in(module: str, name: str) -> bool:
    return f"{module}.".startswith(f"{name}.")


def _reads(source: Source, text: str) -> set[int]:
    """Return where something is read of what is called so."""
    owners = (
        node.value
        for node in ast.walk(source.tree or ast.Module(body=[], type_ignores=[]))
        if isinstance(node, ast.Attribute)
    )
    return {source.span(node)[0] for node in owners if source.text(node) == text}


def _is_near(name: str, other: str) -> bool:
    """Whether a name may be another one that is there: what is not there is no name of its own.

    With a letter more at its end, as in the plural, it may be a module of one's own.
    """
    if name.startswith(other) and name[-1:] != other[-1:]:
        return False
    letters = [a != b for a, b in zip(name, other, strict=False)]
    is_one_other = len(name) == len(other) >= MIN_LETTERS and sum(letters) == 1
    return name != other and (is_slip(name, other) or (is_one_other and name[0] == other[0]))


def _names_in(parent: str) -> set[str]:
    """Return the modules of a package that is imported, or those that are known by their names."""
    if not parent:
        tops = {name.partition(".")[0] for name in PACKAGES}
        known = tops | LIKE_THEIR_PACKAGE | sys.stdlib_module_names
        return {name for name in known if not name.startswith("_")}
    package = loaded_module(parent)
    path = members(package).get("__path__") if package is not None else None
    return {one.name for one in pkgutil.iter_modules(path)} if isinstance(path, list) else set()
