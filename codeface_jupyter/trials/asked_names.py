"""What a request wants something new to be called, and code that calls it otherwise."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from codeface_jupyter.syntax import is_deep, parse_module
from codeface_jupyter.trials.checks.values import Frame, value_of
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.rename_request import RenameRequest
from codeface_jupyter.trials.unsaid_names import NOT_MEANT, says_name, without_code

__all__ = ["Renamed", "asked_names", "with_asked_name"]

COLUMN = r"(?:column|feature|field)"
VARIABLE = (
    r"(?:variable|data ?frame|frame|table|dict(?:ionary)?|list|series|array|tuple|set|string"
    r"|function|class|result)"
)
NAME = r"(?P<quote>[`\"'“])?(?P<name>[A-Za-z_]\w*)(?(quote)[`\"'”]|)(?![\w.(])"
QUOTED = r"(?P<quote>[`\"“])(?P<name>[A-Za-z_][\w ]*)[`\"”]"
MAKES = r"\b(?:add|append|create|make|build|insert|compute|calculate|derive)\b"
NEW = r"(?:an?\s+|the\s+)?(?:new\s+|extra\s+|additional\s+)*"
SAVES = r"\b(?:save|store|put|keep|assign)\b"
WITHIN = r"[^.?!:;\n]"
# What is called so: a column, a variable, or either.
ASKED = {
    "column": (
        rf"\b{COLUMN}\s+(?:called|named)\s+{NAME}",
        rf"{MAKES}\s+{NEW}{NAME}\s+{COLUMN}\b",
        rf"{MAKES}{WITHIN}{{0,30}}?\b{COLUMN}\s+{NAME}(?=\s*(?:[:=,.]|to\b|in\b|with\b|from\b|for\b|\Z))",
        rf"{SAVES}{WITHIN}*?\b(?:in|into|as|to)\s+{NEW}(?:{COLUMN}\s+)?{QUOTED}\s+{COLUMN}\b",
        rf"{SAVES}{WITHIN}*?\b(?:in|into|as|to)\s+{NEW}{COLUMN}\s+(?:called\s+|named\s+)?{QUOTED}",
        rf"\badd\s+{NAME}(?=\s*[:=])",
    ),
    "variable": (
        rf"\b{VARIABLE}\s+(?:called|named)\s+{NAME}",
        rf"{MAKES}\s+{NEW}(?:{VARIABLE}\s+)?(?P<quote>`)(?P<name>[A-Za-z_]\w*)`",
        rf"{MAKES}\s+{NEW}{VARIABLE}\s+{NAME}(?=\s*[:=])",
        rf"{SAVES}{WITHIN}*?\b(?:in|into|as|to)\s+{NEW}{VARIABLE}\s+(?:called\s+|named\s+)?{QUOTED}",
        rf"{SAVES}{WITHIN}*?\b(?:in|into|as|to)\s+(?P<quote>`)(?P<name>[A-Za-z_]\w*)`(?!\s+{COLUMN})",
    ),
    "": (
        rf"\b(?:call|name)\s+(?:it|them|this|that|the\s+(?:\w+\s+)?(?:{COLUMN}|{VARIABLE}))\s+{NAME}",
    ),
}
PATTERNS = [
    (kind, re.compile(text, re.IGNORECASE)) for kind, texts in ASKED.items() for text in texts
]
# Words that are no names there, unless they are quoted: "add a numeric column", "a column with".
NO_NAMES = frozenset({
    "a", "all", "an", "and", "any", "as", "based", "bool", "boolean", "both", "by", "calculated",
    "categorical", "computed", "containing", "data", "date", "datetime", "each", "empty", "extra",
    "float", "for", "from", "holding", "in", "index", "int", "integer", "it", "its", "label",
    "name", "names", "new", "numeric", "of", "on", "or", "other", "second", "separate", "single",
    "string", "text", "that", "the", "this", "to", "type", "types", "unique", "using", "value",
    "values", "where", "which", "whose", "with",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """A code in which something has the name that was asked for, and a note that says so."""

    code: str
    note: str


def asked_names(request: str) -> dict[str, str]:
    """Return the names that a request gives to what is to be made, and what that is.

    That is "column", "variable", or empty where it may be either.

    Examples
    --------
    >>> asked_names("add a revenue column to sales, and call the table monthly")
    {'revenue': 'column', 'monthly': ''}
    """
    request = without_code(request)
    found: dict[str, str] = {}
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(request):
            name, is_word = match["name"], match["name"].lower() in NO_NAMES
            if (match["quote"] or not is_word) and not NOT_MEANT.search(request[: match.start()]):
                found.setdefault(name, kind)
    return found


def with_asked_name(code: str, request: str, namespace: Mapping[str, object]) -> Renamed | None:
    """Return a code with the name that was asked for in the place of its own.

    None if it has it, or it is not clear which of its names that is to be.
    """
    tree = parse_module(code)
    if tree is None or is_deep(tree):
        return None
    asked = asked_names(request)
    unsaid = [(name, kind) for name, kind in asked.items() if not says_name(tree, name)]
    if len(unsaid) != 1:
        return None
    ((name, kind),) = unsaid
    renamed = None
    if kind != "variable":
        renamed = _with_column(code, tree, name, namespace)
    if renamed is None and kind != "column" and name.isidentifier():
        renamed = _with_variable(code, tree, name, but_for={*namespace, *asked})
    note = f"Named {code_span(name)}, as you asked."
    return Renamed(code=renamed, note=note) if renamed is not None else None


def _with_variable(
    code: str, tree: ast.Module, name: str, *, but_for: Container[str]
) -> str | None:
    """Return a code with another name for the last thing that it makes."""
    made = [made for node in tree.body for made in _made(node)]
    if not made or made[-1] in but_for:
        return None
    return RenameRequest(old=made[-1], new=name).renamed(code)


def _made(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name


def _with_column(
    code: str, tree: ast.Module, name: str, namespace: Mapping[str, object]
) -> str | None:
    """Return a code with another name for the only column that it adds."""
    live = {
        label
        for obj in namespace.values()
        if isinstance(frame := value_of(obj), Frame)
        for label in frame.labels or ()
    }
    added = set(_added(tree)) - live
    if len(added) != 1:
        return None
    (old,) = added
    attributes = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return None if old in attributes else _with_text(code, old, name)


def _added(tree: ast.Module) -> Iterator[str]:
    """Yield the labels of columns that a code assigns to."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str() as label), ctx=ast.Store()):
                yield label


def _with_text(code: str, old: str, new: str) -> str | None:
    """Return a code with another text wherever one stands as a whole."""
    begins = [0, *accumulate(len(line) for line in code.splitlines(keepends=True))]
    replaced = code
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    for token in reversed(tokens):
        if token.type == tokenize.STRING and token.string in (f"'{old}'", f'"{old}"'):
            begin, end = (begins[row - 1] + column for row, column in (token.start, token.end))
            replaced = f"{replaced[: begin + 1]}{new}{replaced[end - 1 :]}"
    return replaced if replaced != code else None
