"""Texts that a code looks for in a column of the notebook's, in which no row holds them.

``df[df["city"] == "berlin"]`` runs and finds nothing where the column says ``Berlin``: the
answer is then a zero or an empty table that looks like a result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codeface_jupyter.privacy import has_secret, is_secret_name
from codeface_jupyter.syntax import is_deep
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.checks.wording import code_span, listed
from codeface_jupyter.trials.column_texts import NamedColumn, column_texts, named_column
from codeface_jupyter.trials.name_changes import names_changed

__all__ = ["AbsentValue", "absent_value"]

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


def _compared(tree: ast.Module) -> Iterator[tuple[NamedColumn, str]]:
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
                column = named_column(left)
                if column is not None and column.frame not in changed and id(node) not in sure:
                    yield column, text


def _absent(
    column: NamedColumn, text: str, namespace: Mapping[str, object], *, source: Source
) -> AbsentValue | None:
    values = {} if is_secret_name(column.label) else column_texts(column, namespace)
    if not values or text in values:
        return None
    alike = [value for value in values if _folded(value) == _folded(text)]
    others = [value for value in alike or values if not has_secret(repr(value))]
    return AbsentValue(source.text(column.node), text, tuple(others[:MAX_SHOWN]))


def _is_alike(found: AbsentValue) -> bool:
    return any(_folded(other) == _folded(found.text) for other in found.others)


def _folded(text: str) -> str:
    return text.strip().casefold()
