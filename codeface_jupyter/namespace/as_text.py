"""An object as text for a request: its own ``str``, guarded, bounded and without secrets."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import Any

from codeface_jupyter.namespace.classes import bases_of, is_instance
from codeface_jupyter.namespace.describe import describe, is_lazily_computed
from codeface_jupyter.namespace.foreign_code import CallResult, call_guarded
from codeface_jupyter.namespace.frames import secret_rows
from codeface_jupyter.namespace.writing import HIDDEN, is_secret_label

__all__ = ["as_text"]

TIMEOUT_S = 1.0
# pandas shows as many rows of a long frame, and ours may be a copy.
SHOWN_ROWS = 60
MAX_ITEMS = 10_000
CONTAINERS = (dict, list, tuple, set, frozenset)


def as_text(obj: object, *, max_chars: int) -> CallResult[str]:
    """Return an object as text, at most ``max_chars`` of it and one more.

    Its own code gets a second. What would have to be computed first is described, and columns
    whose names are those of secrets are hidden.
    """
    if isinstance(obj, str):
        return CallResult(str.__str__(obj)[: max_chars + 1])
    if is_lazily_computed(obj):
        return CallResult(describe(obj).text)
    called = call_guarded(lambda: _write(obj), timeout_s=TIMEOUT_S)
    if called.value is None:
        return called
    return CallResult(str.__str__(called.value)[: max_chars + 1])


def _write(obj: Any) -> str:
    for module, cls, write in FRAMES:
        if is_instance(obj, module, cls):
            return write(obj)
    # Writing a long list cannot be stopped.
    if isinstance(obj, CONTAINERS) and _is_long(obj):
        return _SHORT.repr(obj)
    return str(obj)


def _pandas_frame(frame: Any) -> str:
    secret = _secret_positions(list(frame.columns))
    has_secret_index = any(map(is_secret_label, frame.index.names))
    if not secret and not has_secret_index:
        return str(frame)
    rows = len(frame)
    # A few rows only, so that no large table is copied.
    half = SHOWN_ROWS // 2
    shown = list(range(rows)) if rows <= SHOWN_ROWS else [*range(half), *range(rows - half, rows)]
    part = frame.iloc[shown].astype(object)
    for position in secret:
        part.isetitem(position, HIDDEN)
    if has_secret_index:
        part = part.set_axis([HIDDEN] * len(part))
    return f"{part.to_string()}\n\n[{rows} rows x {frame.shape[1]} columns]"


def _pandas_series(series: Any) -> str:
    if any(map(is_secret_label, [series.name, *series.index.names])):
        return HIDDEN
    secret = secret_rows(series)
    if secret:
        series = series.astype(object)
        series.iloc[secret] = HIDDEN
    return str(series)


def _pandas_index(index: Any) -> str:
    return HIDDEN if any(map(is_secret_label, index.names)) else str(index)


def _polars_frame(frame: Any) -> str:
    secret = [name for name in frame.columns if is_secret_label(name)]
    return f"{frame.drop(secret)}\n{_hidden(secret)}" if secret else str(frame)


def _polars_series(series: Any) -> str:
    return HIDDEN if is_secret_label(series.name) else str(series)


def _arrow_table(table: Any) -> str:
    secret = _secret_positions(table.schema.names)
    if not secret:
        return str(table)
    names = [table.schema.names[position] for position in secret]
    shown = table.select([n for n in range(table.num_columns) if n not in secret])
    return f"{shown}\n{_hidden(names)}"


FRAMES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("pandas", "DataFrame", _pandas_frame),
    ("pandas", "Series", _pandas_series),
    ("pandas", "Index", _pandas_index),
    ("polars", "DataFrame", _polars_frame),
    ("polars", "Series", _polars_series),
    ("pyarrow", "Table", _arrow_table),
    ("pyarrow", "RecordBatch", _arrow_table),
)


def _hidden(names: Sequence[str]) -> str:
    return f"{', '.join(names)}: {HIDDEN}"


def _secret_positions(labels: Sequence[object]) -> list[int]:
    return [n for n, label in enumerate(labels) if is_secret_label(label)]


def _is_long(obj: object) -> bool:
    """Whether containers within each other have more items than are worth writing."""
    left, count = [obj], 0
    while left and count <= MAX_ITEMS:
        part = left.pop()
        base = next((base for base in CONTAINERS if base in bases_of(part)), None)
        if base is None:
            continue
        count += base.__len__(part)  # type: ignore[arg-type]
        if count <= MAX_ITEMS:
            left += base.__iter__(part)  # type: ignore[arg-type]
            left += dict.values(part) if isinstance(part, dict) else ()
    return count > MAX_ITEMS


_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 1_000
_SHORT.maxset = _SHORT.maxfrozenset = 1_000
_SHORT.maxstring = _SHORT.maxother = 1_000
