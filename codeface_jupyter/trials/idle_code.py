"""Code that does nothing by itself where something was to be done."""

from __future__ import annotations

import ast
import re
from collections.abc import Container

from codeface_jupyter.syntax import Definition, Import, identifiers, unparsed
from codeface_jupyter.trials.copies import parsed

__all__ = ["IDLE", "is_idle"]

IDLE = "This code does nothing by itself."
# In the languages that requests are likely to be in.
ASKS_FOR_DEFINITION = re.compile(
    r"func|funk|fonct|funz|funç|class|klass|clase|\bdef(?:in|s?\b)|method|m[eé]th?od|decorat"
    r"|generator|helper|callback|closure|lambda|coroutine|routine|procedure|exception|enum|hook"
    r"|udf|predicate|context manager|property|properties|algorithm|model|network|structure"
    r"|implement|write|test|функ|класс|метод|напиши|関数|函數|函数|类|類|方法|クラス|함수|클래스",
    re.IGNORECASE,
)


def is_idle(code: str, *, request: str, prompt: str, names: Container[str]) -> bool:
    """Whether a code does nothing by itself with what a request is about.

    That is a comment, or definitions of what is new and what nothing calls.

    Parameters
    ----------
    code
        An answer's code.
    request
        What was asked for: it may be a definition, or an explanation.
    prompt
        All that the model has read: what that names is defined anew.
    names
        The user's variables. A request that names none may be about anything.
    """
    tree = parsed(code)
    if tree is None or not any(name in names for name in identifiers(request)):
        return False
    # A statement that begins with a string says something, and does nothing.
    body = [node for node in tree.body if not _is_text(node)]
    made = [node for node in body if isinstance(node, Definition)]
    if not body:
        return True
    if not made or not all(isinstance(node, Definition | Import) for node in body):
        return False
    is_registered = any(node.decorator_list for node in made)
    is_known = any(node.name in set(identifiers(prompt)) for node in made)
    is_named = any(_is_asked_for(node, request, names) for node in made)
    return not (is_registered or is_known or is_named or ASKS_FOR_DEFINITION.search(request))


def _is_asked_for(node: ast.stmt, request: str, names: Container[str]) -> bool:
    """Whether a request names what a class is, as "a PyTorch Dataset" does without "class"."""
    if not isinstance(node, ast.ClassDef):
        return False
    words = [word for word in identifiers(request) if word not in names]
    bases = {unparsed(base).rpartition(".")[2].lower() for base in node.bases}
    return any(
        word.lower() in bases or (word[0].isupper() and node.name.endswith(word)) for word in words
    )


def _is_text(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False
