"""Imports of modules that are not there, and of names that a module does not have."""

from __future__ import annotations

import ast
import sys

from codeface_jupyter.trials.checks.attributes import has_member, member_names
from codeface_jupyter.trials.checks.modules import (
    PACKAGES,
    has_module,
    has_submodule,
    loaded_module,
)
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.wording import code_span, nearest

__all__ = ["check_import"]

INSTALLERS = ("%pip", "!pip", "%conda", "!conda", "!python -m pip", "%uv", "!uv")


def check_import(notes: Notes, node: ast.Import | ast.ImportFrom) -> None:
    """Report what an import statement cannot find."""
    # What the code installs first may be there then.
    if any(escape.text.startswith(INSTALLERS) for escape in notes.source.escapes):
        return
    if isinstance(node, ast.Import):
        for alias in node.names:
            _check_module(notes, alias.name, line=node.lineno)
    elif node.module and not node.level and _check_module(notes, node.module, line=node.lineno):
        for alias in node.names:
            _check_name(notes, node, alias)


def _check_module(notes: Notes, name: str, *, line: int) -> bool:
    """Report a module that is not there; return whether it is."""
    top, _, rest = name.partition(".")
    if not has_module(top):
        if top in sys.stdlib_module_names:
            # Another system's, which nobody can install; such imports stand under a condition.
            return False
        package = PACKAGES.get(top, top)
        install = code_span(f"%pip install {package}")
        message = f"The module {code_span(top)} is not installed; {install} would install it."
    elif rest and not has_module(name):
        message = f"There is no module {code_span(name)}."
    else:
        return True
    notes.add("missing_module", message, line=line)
    return False


def _check_name(notes: Notes, node: ast.ImportFrom, alias: ast.alias) -> None:
    name, module = alias.name, loaded_module(str(node.module))
    if name == "*" or module is None or has_member(module, name) is not False:
        return
    if has_submodule(str(node.module), name):
        return
    close = nearest(name, member_names(module))
    message = f"The module {code_span(node.module)} has no {code_span(name)}{close.hint()}."
    notes.add("missing_module", message, line=node.lineno)
