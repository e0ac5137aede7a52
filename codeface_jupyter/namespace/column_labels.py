"""Of a frame's columns, which to name and which to look into: those that are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from codeface_jupyter.namespace.outline import View
from codeface_jupyter.namespace.relevance import relevance, relevant
from codeface_jupyter.namespace.writing import join_some, write_key, write_label

__all__ = ["MAX_COLUMNS", "ColumnLabels"]

MAX_COLUMNS = 200
# In brief: names are worth more than types. Chosen by benchmarks/notebook_eval.py.
MAX_NAMES_CHARS = 900
MAX_DETAILED_COLUMNS = 8
# Beside others, fewer numbered columns are named one by one.
MIN_NUMBERED = 3


@dataclass(frozen=True)
class ColumnLabels:
    """The labels of all columns of a frame, in their order.

    Attributes
    ----------
    labels
        The labels.
    view
        What is asked, and how much is told.
    """

    labels: Sequence[object]
    view: View

    def __getitem__(self, position: int) -> object:
        return self.labels[position]

    @cached_property
    def described(self) -> list[int]:
        """The positions of the columns to look into: in brief those that are asked about."""
        most = MAX_COLUMNS if self.view.is_full else MAX_DETAILED_COLUMNS
        if self.view.is_full or not self.view.stems:
            return list(range(min(len(self.labels), most)))
        return self._asked_about[:most]

    def names(self) -> str:
        """Write the names in their order, the ones that are asked about if not all fit."""
        numbered = _numbered(self.labels)
        if numbered == {0: len(self.labels)}:
            return f"0 to {len(self.labels) - 1}"
        written = {start: f"0 to {count - 1}" for start, count in numbered.items()}
        inside = {p for start, count in numbered.items() for p in range(start, start + count)}
        others = (p for p in range(len(self.labels)) if p not in inside)
        asked = [p for p in self._asked_about if p not in inside]
        for position in [*asked, *islice(others, MAX_COLUMNS)]:
            written.setdefault(position, write_key(self.labels[position]))
        kept = _first_that_fit(written)
        parts = [written[position] for position in sorted(kept)]
        more = len(self.labels) - sum(numbered.get(position, 1) for position in kept)
        max_chars = sum(len(part) + 2 for part in parts)
        return join_some(parts, total=len(parts) + more, max_chars=max_chars)

    @cached_property
    def _asked_about(self) -> list[int]:
        """The positions of the columns that are asked about, the closest ones first."""
        if not self.view.stems:
            return []
        if len(self.labels) > MAX_COLUMNS:
            return relevant(map(_text_of, self.labels), self.view.stems, most=MAX_COLUMNS)
        worth = [relevance(write_label(label), self.view.stems) for label in self.labels]
        return sorted(filter(worth.__getitem__, range(len(worth))), key=lambda p: -worth[p])


def _first_that_fit(written: dict[int, str]) -> list[int]:
    kept: list[int] = []
    room = MAX_NAMES_CHARS
    for position, name in written.items():
        room -= len(name) + 2
        if kept and room < 0:
            break
        kept.append(position)
    return kept


def _text_of(label: object) -> str:
    """Return the words of a label, sooner than it could be written."""
    if type(label) is str:
        return label
    if type(label) is tuple:
        return " ".join(part for part in label if type(part) is str)
    return str(label) if type(label) is int else ""


def _numbered(labels: Sequence[object]) -> dict[int, int]:
    """Return where columns are only numbered from 0, and how many are."""
    runs: dict[int, int] = {}
    start: int | None = None
    for position, label in enumerate(labels):
        if type(label) is int and label == 0:
            start = position
        if start is not None and type(label) is int and label == position - start:
            runs[start] = position - start + 1
        else:
            start = None
    fewest = min(MIN_NUMBERED, max(len(labels), 2))
    return {start: count for start, count in runs.items() if count >= fewest}
