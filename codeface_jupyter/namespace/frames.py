"""Describe data frames and series of pandas, polars and pyarrow; lazy frames stay uncollected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from codeface_jupyter.namespace.outline import Outline, View
from codeface_jupyter.namespace.writing import (
    HIDDEN,
    TIMES,
    join_some,
    write_label,
    write_value,
)
from codeface_jupyter.privacy import is_secret_name

__all__ = [
    "arrow_array",
    "arrow_table",
    "pandas_frame",
    "pandas_index",
    "pandas_series",
    "polars_frame",
    "polars_lazy_frame",
    "polars_series",
]

# Counting nulls looks at this many cells at most; larger frames are sampled evenly.
MAX_SAMPLED_CELLS = 500_000
MAX_COLUMNS = {False: 24, True: 200}
MAX_COLUMN_CHARS = {False: 360, True: 6_000}
SAMPLES = {False: 2, True: 3}
TEXT_DTYPES = ("object", "str", "string", "category", "String", "Categorical", "Enum")


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One column: its name and dtype, how much is missing, a few values."""

    label: object
    dtype: str
    nulls: int = 0
    nulls_are_estimated: bool = False
    samples: Sequence[object] = ()

    def fact(self) -> dict[str, object]:
        return {
            "name": write_label(self.label),
            "dtype": self.dtype,
            "nulls": self.nulls,
            "samples": self.values(),
        }

    def values(self) -> list[str]:
        if is_secret_name(write_label(self.label)):
            return [HIDDEN] if self.samples else []
        return [write_value(value, max_chars=24) for value in self.samples]

    def text(self) -> str:
        parts = [self.dtype]
        if self.nulls:
            about = "~" if self.nulls_are_estimated else ""
            parts.append(f"{about}{self.nulls:,} null")
        if self.samples:
            parts.append(f"e.g. {' '.join(self.values())}")
        return f"{write_label(self.label)} ({', '.join(parts)})"


def pandas_frame(frame: Any, view: View) -> Outline:
    """Describe a pandas DataFrame."""
    rows, width = frame.shape
    shown = min(width, MAX_COLUMNS[view.is_full])
    step = _step(rows, shown)
    sample = frame.iloc[::step, :shown]
    columns = []
    for position in range(shown):
        # By position: labels may be equal to one another, or to nothing.
        series = sample.iloc[:, position]
        columns.append(_pandas_column(series, frame.columns[position], step=step, view=view))
    outline = _frame("dataframe", type(frame).__name__, columns, shape=(rows, width), view=view)
    index = _pandas_index_note(frame.index)
    if index:
        outline.text += f"; index: {index}"
        outline.facts["index"] = index
    return outline


def pandas_series(series: Any, view: View) -> Outline:
    """Describe a pandas Series."""
    step = _step(len(series), 1)
    column = _pandas_column(series.iloc[::step], series.name, step=step, view=view)
    outline = _series("Series", column, length=len(series), is_named=series.name is not None)
    index = _pandas_index_note(series.index)
    if index:
        outline.text += f"; index: {index}"
    return outline


def pandas_index(index: Any, view: View) -> Outline:
    """Describe a pandas Index."""
    samples = list(index[: SAMPLES[view.is_full]]) if view.allow_values else []
    column = _Column(label=index.name, dtype=str(index.dtype), samples=samples)
    kind = type(index).__name__
    return _series(kind, column, length=len(index), is_named=index.name is not None)


def polars_frame(frame: Any, view: View) -> Outline:
    """Describe a polars DataFrame; its null counts are kept by polars itself."""
    columns = [
        _polars_column(frame.to_series(position), view=view)
        for position in range(min(frame.width, MAX_COLUMNS[view.is_full]))
    ]
    return _frame("dataframe", "polars DataFrame", columns, shape=frame.shape, view=view)


def polars_series(series: Any, view: View) -> Outline:
    """Describe a polars Series."""
    column = _polars_column(series, view=view)
    return _series("polars Series", column, length=len(series), is_named=bool(series.name))


def polars_lazy_frame(frame: Any, view: View) -> Outline:
    """Describe a polars LazyFrame by its schema, which needs no data."""
    columns = [
        _Column(label=name, dtype=str(dtype)) for name, dtype in frame.collect_schema().items()
    ]
    outline = _frame(
        "lazyframe", "polars LazyFrame", columns, shape=(None, len(columns)), view=view
    )
    outline.facts["is_collected"] = False
    return outline


def arrow_table(table: Any, view: View) -> Outline:
    """Describe a pyarrow Table or RecordBatch."""
    columns = []
    for position in range(min(table.num_columns, MAX_COLUMNS[view.is_full])):
        field, column = table.schema.field(position), table.column(position)
        columns.append(_arrow_column(field.name, column, view=view))
    name = f"pyarrow {type(table).__name__}"
    shape = (table.num_rows, table.num_columns)
    return _frame("dataframe", name, columns, shape=shape, view=view)


def arrow_array(array: Any, view: View) -> Outline:
    """Describe a pyarrow Array or ChunkedArray."""
    column = _arrow_column(None, array, view=view)
    name = f"pyarrow {type(array).__name__}"
    return _series(name, column, length=len(array), is_named=False)


def _pandas_column(sample: Any, label: object, *, step: int, view: View) -> _Column:
    dtype = str(sample.dtype)
    missing = sample.isna()
    present = sample[~missing]
    if dtype == "object" and len(present):
        dtype = f"object of {type(present.iloc[0]).__name__}"
    return _Column(
        label=label,
        dtype=dtype,
        nulls=int(missing.sum()) * step,
        nulls_are_estimated=step > 1,
        samples=_samples(present.head(50), dtype=dtype, view=view),
    )


def _polars_column(series: Any, *, view: View) -> _Column:
    dtype = str(series.dtype)
    samples = _samples(series.head(50).drop_nulls(), dtype=dtype, view=view)
    return _Column(label=series.name, dtype=dtype, nulls=series.null_count(), samples=samples)


def _arrow_column(label: object, array: Any, *, view: View) -> _Column:
    dtype = str(array.type)
    present = (value for value in array[:50].to_pylist() if value is not None)
    return _Column(
        label=label,
        dtype=dtype,
        nulls=array.null_count,
        samples=_samples(present, dtype=dtype, view=view),
    )


def _samples(values: Iterable[object], *, dtype: str, view: View) -> list[object]:
    """Return a few different values; in brief only for text, as numbers need no example."""
    is_text = dtype.startswith(TEXT_DTYPES) and not dtype.startswith("struct")
    if not view.allow_values or not (view.is_full or is_text):
        return []
    found: list[object] = []
    for value in values:
        if not any(write_value(value) == write_value(other) for other in found):
            found.append(value)
        if len(found) == SAMPLES[view.is_full]:
            break
    return found


def _pandas_index_note(index: Any) -> str:
    """Return an index's name and type; nothing for plain row numbers."""
    if type(index).__name__ == "RangeIndex":
        return ""
    names = [write_label(name) for name in index.names if name is not None]
    if type(index).__name__ == "MultiIndex":
        return f"MultiIndex ({', '.join(names) or f'{index.nlevels} levels'})"
    return f"{', '.join(names)} ({index.dtype})".lstrip()


def _step(rows: int, columns: int) -> int:
    """Return the step between sampled rows."""
    return max(1, -(-rows * max(columns, 1) // MAX_SAMPLED_CELLS))


def _frame(
    kind: Any, name: str, columns: Sequence[_Column], *, shape: tuple[Any, int], view: View
) -> Outline:
    rows, width = shape
    size = f"?{TIMES}{width}" if rows is None else f"{rows}{TIMES}{width}"
    listed = join_some(
        [column.text() for column in columns],
        total=width,
        max_chars=MAX_COLUMN_CHARS[view.is_full],
    )
    outline = Outline(kind, f"{name} {size}: {listed}" if width else f"{name} {size}")
    outline.facts["shape"] = list(shape)
    outline.facts["columns"] = [column.fact() for column in columns]
    return outline


def _series(name: str, column: _Column, *, length: int, is_named: bool) -> Outline:
    described = column.text()
    if not is_named:
        described = described.partition(" ")[2]
    outline = Outline("series", f"{name} of {length:,}: {described}")
    outline.facts |= {"length": length, **column.fact()}
    return outline
