"""Texts that a code looks for in a column of the notebook's, in which no row holds them.

``df[df["city"] == "berlin"]`` runs and finds nothing where the column says ``Berlin``: the
answer is then a zero or an empty table that looks like a result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeface_jupyter.privacy import has_secret, is_secret_name
from codeface_jupyter.syntax import is_deep
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.checks.values import TEXT_DTYPES, Frame, value_of
from codeface_jupyter.trials.checks.wording import code_span, listed
from codeface_jupyter.trials.name_changes import names_changed

__all__ = ["AbsentValue", "absent_value"]

# Longer columns take too long to look through.
MAX_ROWS = 200_000
MAX_SHOWN = 3


@dataclass(frozen=True)
class AbsentValue:
    """A text that no row of a column holds.

    Attributes
    ----------
    column
        The column, as the code writes it.
    text
        The text.
    others
        What the column holds instead: the same in other cases, or else its first values.
    """

    column: str
    text: str
    others: tuple[str, ...]

    @property
    def note(self) -> str:
        """A sentence of Markdown."""
        there = (
            f"; it holds {listed([repr(other) for other in self.others])}" if self.others else ""
        )
        return f"No row of {code_span(self.column)} is {code_span(repr(self.text))}{there}."


def absent_value(code: str, namespace: Mapping[str, object], *, request: str) -> AbsentValue | None:
    """Return the first text that a code compares a column with and that no row of it holds.

    None for what the request names itself: it may well be that there is none, unless the column
    holds it in other cases.

    Parameters
    ----------
    code
        Python.
    namespace
        The notebook's variables before it runs.
    request
        What was asked, in the user's words.
    """
    source = read_source(code)
    if source.tree is None or is_deep(source.tree):
        return None
    for column, text in _compared(source.tree):
        found = _absent(column, text, namespace, source=source)
        is_named = text.casefold() in request.casefold()
        if found is not None and (not is_named or _is_alike(found)):
            return found
    return None


@dataclass(frozen=True)
class _Column:
    """A column of a variable, and how the code writes it."""

    frame: str
    label: str
    node: ast.expr


def _compared(tree: ast.Module) -> Iterator[tuple[_Column, str]]:
    """Yield the columns that a code only reads, with the texts that they are compared with."""
    changed = {name for statement in tree.body for name, _ in names_changed(statement)}
    # Who makes sure of something expects that there may be none.
    sure = {
        id(n) for part in ast.walk(tree) if isinstance(part, ast.Assert) for n in ast.walk(part)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Compare(
                left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=str() as text)]
            ):
                column = _column(left)
                if column is not None and column.frame not in changed and id(node) not in sure:
                    yield column, text


def _column(node: ast.expr) -> _Column | None:
    match node:
        case ast.Subscript(value=ast.Name(id=frame), slice=ast.Constant(value=str() as label)):
            return _Column(frame, label, node)
        case ast.Attribute(value=ast.Name(id=frame), attr=label):
            return _Column(frame, label, node)
    return None


def _absent(
    column: _Column, text: str, namespace: Mapping[str, object], *, source: Source
) -> AbsentValue | None:
    obj = namespace.get(column.frame)
    frame = value_of(obj)
    if not isinstance(frame, Frame) or frame.library != "pandas" or frame.has_nested_columns:
        return None
    if frame.dtypes.get(column.label) not in TEXT_DTYPES or is_secret_name(column.label):
        return None
    values = _texts(obj, column.label)
    if not values or text in values:
        return None
    alike = [value for value in values if _folded(value) == _folded(text)]
    others = [value for value in alike or values if not has_secret(repr(value))]
    return AbsentValue(source.text(column.node), text, tuple(others[:MAX_SHOWN]))


def _texts(frame: Any, label: str) -> dict[str, None]:
    """Return the texts of a column in their order; empty if it is long or holds others, too."""
    try:
        if len(frame) > MAX_ROWS:
            return {}
        values = frame[label].dropna().tolist()
    except Exception:  # noqa: BLE001 - the user's cells may change it meanwhile
        return {}
    return dict.fromkeys(values) if all(type(value) is str for value in values) else {}


def _is_alike(found: AbsentValue) -> bool:
    return any(_folded(other) == _folded(found.text) for other in found.others)


def _folded(text: str) -> str:
    return text.strip().casefold()
