"""Modules that a request asks for and that are not installed: no other answer can do without."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.checks.modules import PACKAGES, has_module

__all__ = ["asks_for_missing_module"]


def asks_for_missing_module(request: str, code: str) -> bool:
    """Whether ``code`` imports a module that is not installed and that ``request`` names.

    Parameters
    ----------
    request
        What was asked. It names a module by its own name, by its package's, or by what the code
        imports from it: "scale them with StandardScaler".
    code
        The answer's code.
    """
    module = parse_module(code)
    if module is None:
        return False
    words = {re.escape(word) for node in ast.walk(module) for word in _missing(node)}
    return bool(words) and re.search(rf"\b(?:{'|'.join(words)})\b", request, re.I) is not None


def _missing(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield from _names_of(alias.name)
        case ast.ImportFrom(module=str(name), level=0, names=names) if not _is_there(name):
            yield from _names_of(name)
            yield from (alias.name for alias in names if alias.name != "*")


def _names_of(name: str) -> Iterator[str]:
    top = name.partition(".")[0]
    if not has_module(top):
        yield from (top, PACKAGES.get(top, top))


def _is_there(name: str) -> bool:
    return has_module(name.partition(".")[0])
