"""Code that does nothing by itself where something was to be done."""

from __future__ import annotations

import ast
import re

from codeface_jupyter.syntax import identifiers
from codeface_jupyter.trials.copies import parsed

__all__ = ["IDLE", "is_idle"]

IDLE = "This code does nothing by itself."
# In the languages that requests are likely to be in.
ASKS_FOR_DEFINITION = re.compile(
    r"\b(?:func|funk|fonct|funz|funç|class|klass|def|method|m[eé]th?od|decorat|generator|helper"
    r"|callback|implement|write|define)|функ|関数|函数",
    re.IGNORECASE,
)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def is_idle(code: str, *, request: str, prompt: str) -> bool:
    r"""Whether a code is a comment, or only defines what is new and nothing calls.

    Parameters
    ----------
    code
        An answer's code.
    request
        What was asked for: it may be a definition.
    prompt
        All that the model has read: what that names is defined anew.

    Examples
    --------
    >>> is_idle("def tidy():\n    df.dropna()", request="clean df", prompt="df = load()")
    True
    """
    tree = parsed(code)
    if tree is None:
        return False
    # A statement that begins with a string says something, and does nothing.
    body = [node for node in tree.body if not _is_text(node)]
    made = [node for node in body if isinstance(node, DEFINITIONS)]
    if not body:
        return True
    if not made or not all(isinstance(node, DEFINITIONS + IMPORTS) for node in body):
        return False
    is_registered = any(node.decorator_list for node in made)
    is_known = any(node.name in set(identifiers(prompt)) for node in made)
    return not (is_registered or is_known or ASKS_FOR_DEFINITION.search(request))


def _is_text(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False
