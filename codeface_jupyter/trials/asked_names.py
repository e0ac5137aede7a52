"""What a request wants something new to be called, and code that calls it otherwise."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from codeface_jupyter.syntax import dumped, is_deep, parse_module
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.values import Frame, value_of
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.rename_request import RenameRequest, is_in_text
from codeface_jupyter.trials.unsaid_names import NOT_MEANT, says_name, without_code

__all__ = ["Renamed", "asked_names", "with_asked_name"]

COLUMN = r"(?:column|feature|field)"
VARIABLE = (
    r"(?:variable|data ?frame|frame|table|dict(?:ionary)?|list|series|array|tuple|set|string"
    r"|function|class|result)"
)
# Whose name may well stand behind "called": "a function called repeatedly" has none.
THING = VARIABLE.replace("|function", "")
NAME = r"(?P<quote>[`\"'“])?(?P<name>[A-Za-z_]\w*)(?(quote)[`\"'”]|)(?!\w|\(|\.\w)"
QUOTED = r"(?P<quote>[`\"“])(?P<name>[A-Za-z_][\w ]*)[`\"”]"
ADDS = r"\b(?:add|append|insert|create|make)\b"
NEW = r"(?:an?\s+|the\s+)?(?:new\s+|extra\s+|additional\s+)*"
INTO = r"\b(?:save|store|put|keep|assign)\b[^.?!:;\n]{0,80}?\b(?:in|into|as|to)\s+"
CLAUSE_ENDS = r"(?=\s*(?:[.,;:!?)\n]|\Z|and\b))"
# What is called so: a column, a variable, or either.
ASKED = {
    "column": (
        rf"\b{COLUMN}\s+(?:called|named)\s+{NAME}",
        rf"{ADDS}\s+{NEW}{NAME}\s+column\b(?!\s+(?:chart|plot|graph|head|name|label|sum|mean))",
        rf"\badd\s+(?:a|the)\s+(?:new\s+)?column\s+{NAME}(?=\s*(?:[:=]|to\b))",
        rf"{INTO}{NEW}(?:{COLUMN}\s+)?{QUOTED}\s+{COLUMN}\b",
        rf"{INTO}{NEW}{COLUMN}\s+(?:called\s+|named\s+)?{QUOTED}",
        rf"\badd\s+{NAME}(?=\s*[:=])",
    ),
    "variable": (
        rf"\b{THING}\s+(?:called|named)\s+{NAME}",
        rf"\bfunction\s+named\s+{NAME}",
        rf"{ADDS}\s+{NEW}(?:{VARIABLE}\s+)?(?P<quote>`)(?P<name>[A-Za-z_]\w*)`",
        rf"{ADDS}\s+{NEW}{THING}\s+{NAME}(?=\s*[:=])",
        rf"{INTO}{NEW}{VARIABLE}\s+(?:called\s+|named\s+)?{QUOTED}",
        rf"{INTO}(?P<quote>`)(?P<name>[A-Za-z_]\w*)`(?!\s+{COLUMN})",
    ),
    "": (
        rf"\b(?:call|name)\s+(?:it|them|this|that|the\s+(?:\w+\s+)?(?:{COLUMN}|{THING}))\s+"
        + NAME
        + CLAUSE_ENDS,
    ),
}
PATTERNS = [
    (kind, re.compile(text, re.IGNORECASE)) for kind, texts in ASKED.items() for text in texts
]
# Words that are no names there, unless they are quoted: "add a numeric column", "call it twice".
NO_NAMES = frozenset({
    "a", "all", "an", "and", "any", "as", "based", "bool", "boolean", "both", "by", "calculated",
    "categorical", "computed", "containing", "data", "date", "datetime", "each", "empty", "extra",
    "float", "for", "from", "holding", "in", "index", "int", "integer", "it", "its", "label",
    "name", "names", "new", "numeric", "of", "on", "or", "other", "second", "separate", "single",
    "string", "text", "that", "the", "this", "to", "type", "types", "unique", "using", "value",
    "values", "where", "which", "whose", "with",
    "again", "back", "first", "last", "later", "like", "next", "now", "off", "once", "three",
    "twice", "two",
})  # fmt: skip
QUOTES = ("'", '"')
SAYS = ("value", "attr", "id", "arg", "name")
ADVERB = re.compile(r"(?!(?:hour|dai|week|month|year)ly)\w+ly", re.IGNORECASE)


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
            is_name = match["quote"] or _may_be_name(match["name"])
            if is_name and not NOT_MEANT.search(request[: match.start()]):
                found.setdefault(match["name"], kind)
    return found


def _may_be_name(word: str) -> bool:
    return word.lower() not in NO_NAMES and ADVERB.fullmatch(word) is None


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
    """Return a code with another name for the only column that it adds to a frame that is there.

    None if its name stands anywhere else: what is called so may be a value, or a method.
    """
    frames = {n: frame for n, obj in namespace.items() if isinstance(frame := value_of(obj), Frame)}
    live = {label for frame in frames.values() for label in frame.labels or ()}
    added = {place.label for place in _columns(tree) if place.is_made} - live
    if len(added) != 1 or name in live:
        return None
    (old,) = added
    places = [place for place in _columns(tree) if place.label == old]
    owners = {place.owner for place in places}
    is_elsewhere = len(places) != _times_said(tree, old) or is_in_text(list(ast.walk(tree)), old)
    if len(owners) != 1 or not owners <= frames.keys() or is_elsewhere:
        return None
    source = read_source(code)
    for place in sorted(places, key=lambda one: -source.span(one.key)[0]):
        start, end = source.span(place.key)
        # As it was quoted, without a prefix.
        if code[start : start + 1] not in QUOTES:
            return None
        code = f"{code[: start + 1]}{name}{code[end - 1 :]}"
        place.key.value = name
    renamed = parse_module(code)
    return code if renamed is not None and dumped(renamed) == dumped(tree) else None


@dataclass(frozen=True)
class _Column:
    """A column of a variable that a code names in brackets, and whether it assigns to it."""

    owner: str
    label: str
    key: ast.Constant
    is_made: bool


def _columns(tree: ast.Module) -> Iterator[_Column]:
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(ast.Name(id=owner), ast.Constant(value=str() as label) as key, ctx):
                yield _Column(owner, label, key, isinstance(ctx, ast.Store))


def _times_said(tree: ast.Module, text: str) -> int:
    """Return how often a code says a text or a name."""
    nodes = ast.walk(tree)
    said = (text in (getattr(node, field, None) for field in SAYS) for node in nodes)
    return sum(said)
