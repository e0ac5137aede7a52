"""A column that a request names and no table has: an answer that runs does without it."""

from __future__ import annotations

import ast
import re

from codeface_jupyter.generation import Finding, GenerationResult
from codeface_jupyter.syntax import parse_module

__all__ = ["substitute_note"]


def substitute_note(request: str, *, failed: GenerationResult, shown: GenerationResult) -> str:
    """Return a sentence on a column that a request named in vain; empty if it named none.

    Where no name is near, an answer that runs takes another column or computes it from others,
    and looks right.

    Parameters
    ----------
    request
        What was asked.
    failed
        The likeliest answer, which named what does not exist.
    shown
        The answer that takes its place.
    """
    made = _texts_in(shown.code)
    vain = [f for f in failed.findings if _is_named(f, request) and f.missing not in made]
    if not vain:
        return ""
    return f"{vain[0].message} This answer does without it."


def _is_named(finding: Finding, request: str) -> bool:
    if not finding.missing or finding.edits:
        return False
    return bool(re.search(rf"(?<!\w){re.escape(finding.missing)}(?!\w)", request, re.IGNORECASE))


def _texts_in(code: str) -> set[str]:
    """Return the texts and keywords in a code, with which it may make a column of that name."""
    module = parse_module(code)
    nodes = list(ast.walk(module)) if module is not None else []
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
