"""Numbers that a column holds as texts, such as ``$1,200`` and ``45%``, and their conversion.

``df["price"].astype(float)`` fails at them, and ``pd.to_numeric(df["price"], errors="coerce")``
throws all of them away.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from codeface_jupyter.privacy import has_secret, is_secret_name
from codeface_jupyter.syntax import is_deep, parse_module
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.column_texts import NamedColumn, column_texts, named_column

__all__ = ["ReadNumbers", "is_no_number", "with_numbers_read"]

# What Python, numpy and pandas say of a text that is no number to them.
SAYS_SO = re.compile(
    r"could not convert string|invalid literal for (?:int|float)\(\)|Unable to parse string"
)
# Commas stand between thousands, never before decimals; a unit is the same everywhere.
NUMBER = re.compile(
    r"\s*[-+]?\s*(?P<money>[$€£¥₹]?)\s*[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
    r"\s*(?P<unit>[%$€£¥₹°]|[^\W\d_]{2,}(?:/[^\W\d_]+)?)?\s*"
)
CLEANED = '.str.replace(r"[^\\d.+-]", "", regex=True)'
PLAIN = re.compile(r"\s*[-+]?\d+(?:\.\d+)?\s*")
# They say how large the number is.
MAGNITUDES = re.compile(
    r"mln|mio|mn|million(?:en|s)?|mrd|bn|billions?|thousands?|lakhs?|crores?|tsd", re.I
)
# Such steps take something out and leave the rest, so that all may be taken out at once.
STRIPS = frozenset({"lstrip", "removeprefix", "removesuffix", "rstrip", "strip"})
NUMERIC = re.compile(r"U?[Ii]nt\d*|[Ff]loat\d*")


@dataclass(frozen=True)
class ReadNumbers:
    """A code that reads the numbers in texts, and a note of what they are."""

    code: str
    note: str


def is_no_number(message: str) -> bool:
    """Whether an error's message says that a text is no number."""
    return SAYS_SO.search(message) is not None


def with_numbers_read(code: str, namespace: Mapping[str, object]) -> ReadNumbers | None:
    """Return a code that takes out of texts what is no part of their numbers.

    None where it converts no column of the notebook's, or one in which a text is not one number
    with signs, separators and one unit.

    Parameters
    ----------
    code
        Python.
    namespace
        The notebook's variables before it runs.
    """
    source = read_source(code)
    if source.tree is None or is_deep(source.tree):
        return None
    bound = set(_bound(source.tree))
    new, notes = code, {}
    spans = sorted(
        ((source.span(given), column) for given, column in _converted(source.tree)),
        key=lambda one: one[0],
        reverse=True,
    )
    for (begin, end), column in spans:
        texts = column_texts(column, namespace) if column.frame not in bound else {}
        if not _are_numbers(texts):
            continue
        new = f"{new[:begin]}{source.text(column.node)}{CLEANED}{new[end:]}"
        notes[column.label] = _note(column.label, texts)
    if not notes or parse_module(new) is None:
        return None
    return ReadNumbers(code=new, note=" ".join(reversed(notes.values())))


def _converted(tree: ast.Module) -> Iterator[tuple[ast.expr, NamedColumn]]:
    """Yield what is converted to numbers, and the column that it is, steps of cleaning aside."""
    for node in ast.walk(tree):
        given: ast.expr
        match node:
            case ast.Call(func=ast.Attribute(value=given, attr="astype"), args=[kind]):
                if not _is_numeric(kind):
                    continue
            case ast.Call(
                func=ast.Attribute(value=given, attr="apply" | "map"),
                args=[ast.Name(id="int" | "float")],
            ):
                pass
            case ast.Call(
                func=ast.Attribute(attr="to_numeric") | ast.Name(id="to_numeric"), args=[given, *_]
            ):
                pass
            case _:
                continue
        column = named_column(_uncleaned(given))
        if column is not None:
            yield given, column


def _bound(tree: ast.Module) -> Iterator[str]:
    """Yield the names that may be others in some place of a code than in the notebook."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name


def _is_numeric(kind: ast.expr) -> bool:
    match kind:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
            return NUMERIC.fullmatch(name) is not None
    return False


def _uncleaned(node: ast.expr) -> ast.expr:
    """Return what an expression takes characters out of: ``x`` of ``x.str.replace(",", "")``."""
    while True:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=inner, attr="str"), attr="replace"),
                args=[_, ast.Constant(value="")],
            ):
                node = inner
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=inner, attr="str"), attr=attr)
            ) if attr in STRIPS:
                node = inner
            case _:
                return node


def _are_numbers(texts: Collection[str]) -> bool:
    """Whether all texts of a column are numbers, with the same signs and unit about them."""
    if all(map(PLAIN.fullmatch, texts)):
        return False
    found = [NUMBER.fullmatch(text) for text in texts]
    kinds = {(one["money"], one["unit"]) for one in found if one is not None}
    is_magnitude = any(unit and MAGNITUDES.fullmatch(unit) for _, unit in kinds)
    return all(found) and len(kinds) == 1 and not is_magnitude


def _note(label: str, texts: Mapping[str, None]) -> str:
    example = next(iter(texts))
    shown = "" if is_secret_name(label) or has_secret(example) else f" such as {code_span(example)}"
    return f"{code_span(label)} holds texts{shown}: what is no part of the number is taken out."
