"""Names that a request quotes and an answer's code does not say: it does something else then."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from codeface_jupyter.syntax import parse_module

__all__ = ["unsaid_names", "unsaid_note"]

QUOTED = re.compile(
    r'"(?P<double>[^"\n]{1,60})"|“(?P<curly>[^”\n]{1,60})”'
    # An apostrophe is no quote.
    r"|(?<!\w)'(?P<single>[^'\n]{1,60})'(?!\w)"
    r"|`(?P<code>[^`\n]{1,60})`"
)
# Words, with what stands in the names of columns; no code, and nothing that is only signs.
NAME = re.compile(r"\w[\w .%/()\-:&#+,?]*")
FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
# What is quoted as often as it is meant.
KINDS = frozenset({"dataframe", "dict", "false", "list", "nan", "none", "series", "true", "tuple"})


def unsaid_names(request: str, code: str) -> tuple[str, ...]:
    """Return what ``request`` quotes and ``code`` says nowhere, in the order of the request.

    A column that a request names in quotes is read, made or looked for by its name, and so is a
    category, a file or a variable: code that does not say it has not done what was asked.

    Parameters
    ----------
    request
        What was asked, in the user's words. Code in it between fences does not count.
    code
        The answer's code.

    Returns
    -------
    tuple of str
        Empty if there are none, or ``code`` does not parse.
    """
    module = parse_module(code)
    if module is None:
        return ()
    said = set(_said(module))
    texts = "\n".join(said)
    return tuple(name for name in _quoted(request) if name not in said and name not in texts)


def unsaid_note(names: Iterable[str], *, code: str) -> str:
    """Return a sentence on names that an answer does without; empty if there are none.

    Those that ``code`` writes in other cases are not worth one: people quote as they remember.
    """
    written = code.lower()
    missed = [f"“{name}”" for name in names if name.lower() not in written]
    return f"The request names {' and '.join(missed)}, this code does not." if missed else ""


def _quoted(request: str) -> Iterator[str]:
    """Yield the names that a request quotes, each once."""
    found = dict.fromkeys(_names(FENCED.sub("", request)))
    yield from (name for name in found if name.lower() not in KINDS)


def _names(text: str) -> Iterator[str]:
    for match in QUOTED.finditer(text):
        quoted = match[match.lastgroup or 0]
        is_name = str.isidentifier(quoted) if match["code"] else NAME.fullmatch(quoted)
        if is_name:
            yield quoted


def _said(module: ast.Module) -> Iterator[str]:
    """Yield the texts, names and keywords in a code."""
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=asname):
                yield from filter(None, (name, asname))
