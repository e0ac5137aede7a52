"""Imports of modules that are not there, and of names that a module does not have."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Sequence

from codeface_jupyter.trials.checks.attributes import has_member, member_names
from codeface_jupyter.trials.checks.modules import has_submodule, loaded_module, may_have_module
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.packages import package_with
from codeface_jupyter.trials.checks.source import Source
from codeface_jupyter.trials.checks.wording import code_span, nearest

__all__ = ["check_import", "installs_packages"]

INSTALLER = re.compile(
    r"\b(?:pip[\d.]*|conda|mamba|micromamba|uv|poetry|pdm|pixi|easy_install|apt|apt-get)\b"
)
# The functions of `subprocess` and `os` that run a command.
RUNNERS = frozenset(
    {
        *("Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "popen"),
        *("run", "system"),
    }
)


def installs_packages(source: Source) -> bool:
    """Whether a code may install something: ``!pip install x``, or ``subprocess`` with pip."""
    if any(INSTALLER.search(escape.text) for escape in source.escapes):
        return True
    nodes = list(ast.walk(source.tree)) if source.tree is not None else []
    if not any(isinstance(node, ast.Call) and _function(node) in RUNNERS for node in nodes):
        return False
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    return any(isinstance(text, str) and INSTALLER.search(text) for text in texts)


def check_import(notes: Notes, node: ast.Import | ast.ImportFrom) -> None:
    """Report what an import statement cannot find."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            _check_module(notes, alias.name, line=node.lineno)
    elif node.module and not node.level:
        names = [alias.name for alias in node.names]
        if _check_module(notes, node.module, line=node.lineno, members=names):
            for alias in node.names:
                _check_name(notes, node, alias)


def _function(node: ast.Call) -> str:
    """Return the last part of a called function's name."""
    return str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))


def _check_module(notes: Notes, name: str, *, line: int, members: Iterable[str] = ()) -> bool:
    """Report a module that is not there; return whether it is.

    Parameters
    ----------
    members
        What is imported from it, which may be modules of packages of their own.
    """
    top = name.partition(".")[0]
    is_top_there = may_have_module(top)
    if is_top_there and may_have_module(name):
        return True
    if not is_top_there and top in sys.stdlib_module_names:
        # Another system's, which nobody can install; such imports stand under a condition.
        return False
    packages = _packages(name, members)
    # Packages of their own share `google`.
    is_apart = bool(packages) and not package_with(top)
    if is_apart or not is_top_there:
        missing = code_span(name if is_apart else top)
        message = f"The module {missing} is not installed{_hint(packages)}."
    else:
        message = f"There is no module {code_span(name)}."
    notes.add("missing_module", message, line=line)
    return False


def _packages(name: str, members: Iterable[str]) -> list[str]:
    found = dict.fromkeys(package_with(f"{name}.{member}") for member in members)
    return [package for package in found or [package_with(name)] if package]


def _hint(packages: Sequence[str]) -> str:
    command = f"%pip install {' '.join(packages)}"
    return f"; {code_span(command)} would install it" if packages else ""


def _check_name(notes: Notes, node: ast.ImportFrom, alias: ast.alias) -> None:
    name, module = alias.name, loaded_module(str(node.module))
    if name == "*" or module is None or has_member(module, name) is not False:
        return
    if has_submodule(str(node.module), name):
        return
    close = nearest(name, member_names(module))
    message = f"The module {code_span(node.module)} has no {code_span(name)}{close.hint()}."
    notes.add("missing_module", message, line=node.lineno)
