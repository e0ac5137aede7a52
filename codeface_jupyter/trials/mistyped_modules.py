"""A module that an import does not find, and the one that is there and may have been meant."""

from __future__ import annotations

import pkgutil
import re
import sys

from codeface_jupyter.trials.checks.modules import has_module, loaded_module, members
from codeface_jupyter.trials.checks.packages import LIKE_THEIR_PACKAGE, PACKAGES
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
    word = re.compile(rf"(?<![\w.'\"]){re.escape(name)}(?![\w'\"])")
    note = f"The module is called {code_span(other)}."
    return (word.sub(other, text), note) if word.search(text) else None


def _is_near(name: str, other: str) -> bool:
    """Whether a name may be another one that is there: what is not there is no name of its own."""
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
