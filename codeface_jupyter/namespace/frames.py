"""Describe data frames and series of pandas, polars and pyarrow; lazy frames stay uncollected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeface_jupyter.namespace.classes import class_name
from codeface_jupyter.namespace.column_labels import MAX_COLUMNS, ColumnLabels
from codeface_jupyter.namespace.extents import Extent, pandas_extent
from codeface_jupyter.namespace.memory_owners import holds_its_values
from codeface_jupyter.namespace.outline import Outline, View
from codeface_jupyter.namespace.writing import (
    HIDDEN,
    TIMES,
    is_secret_label,
    join_some,
    write_key,
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
    "secret_rows",
]

# Counting nulls looks at this many cells at most; larger frames are sampled evenly.
MAX_SAMPLED_CELLS = 500_000
MAX_SAMPLED_VALUES = 50
MAX_COLUMN_CHARS = 6_000
MAX_BRIEF_CHARS = 2_000
MAX_CATEGORIES = 6
SAMPLES = 3
TEXT_DTYPES = ("object", "str", "string", "category", "String", "Categorical", "Enum")


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One column: its name and dtype, how much is missing, a few values."""

    label: object
    dtype: str
    nulls: int | None = None
    nulls_are_estimated: bool = False
    samples: Sequence[object] = ()
    samples_are_all: bool = False
    extent: Extent | None = None

    def fact(self) -> dict[str, object]:
        fact: dict[str, object] = {
            "name": write_label(self.label),
            "dtype": self.dtype,
            "samples": self.values(),
        }
        if self.nulls is not None:
            fact["nulls"] = self.nulls
        extent = self._shown_extent()
        if extent is not None:
            fact |= {"range": extent.range, "mean": extent.mean}
        return fact

    def values(self) -> list[str]:
        if self._is_hidden():
            return [HIDDEN] if self.samples else []
        return [write_value(value, max_chars=24) for value in self.samples]

    def text(self) -> str:
        parts = [self.dtype, *self._nulls()]
        extent = self._shown_extent()
        if extent is not None:
            parts.append(extent.text)
        elif self.samples:
            parts.append(f"e.g. {' '.join(self.values())}")
        return f"{write_label(self.label)} ({', '.join(parts)})"

    def line(self, frame: str) -> str:
        """Write the column as code names it in the variable ``frame``, and what is in it."""
        more = [] if self.samples_are_all else ["…"]
        content = [*self.values(), *more] if self.samples else [self.dtype]
        key = write_key(self.label)
        return f"{f'{frame}[{key}]' if frame else key}: {', '.join([*content, *self._nulls()])}"

    def _shown_extent(self) -> Extent | None:
        return None if self._is_hidden() else self.extent

    def _is_hidden(self) -> bool:
        """Whether its name says that a secret is in it."""
        parts = self.label if type(self.label) is tuple else (self.label,)
        labels = [write_label(part) for part in parts]
        return any(label == HIDDEN or is_secret_name(label) for label in labels)

    def _nulls(self) -> list[str]:
        about = "~" if self.nulls_are_estimated else ""
        return [f"{about}{self.nulls:,} null"] if self.nulls else []


def pandas_frame(frame: Any, view: View) -> Outline:
    """Describe a pandas DataFrame."""
    rows, width = frame.shape
    labels = ColumnLabels(list(frame.columns) if holds_its_values(frame.columns) else [], view)
    step = _step(rows, len(labels.described))
    sample = frame.iloc[::step]
    # By position: labels may be equal to one another, or to nothing. One by one: several at once
    # would be copied, and so read.
    columns = [
        _pandas_column(sample.iloc[:, position], labels[position], step=step, view=view)
        for position in labels.described
    ]
    outline = _frame(class_name(type(frame)), labels, columns, shape=(rows, width), view=view)
    index = _pandas_index_note(frame.index, view)
    if index:
        outline.facts["index"] = index
        head, newline, rest = outline.text.partition("\n")
        outline.text = f"{head}; index: {index}{newline}{rest}"
    return outline


def pandas_series(series: Any, view: View) -> Outline:
    """Describe a pandas Series."""
    step = _step(len(series), 1)
    sample = series.iloc[::step]
    secret = secret_rows(series)
    if secret and holds_its_values(series):
        sample = series[[n not in secret for n in range(len(series))]]
    column = _pandas_column(sample, series.name, step=step, view=view)
    outline = _series("Series", column, length=len(series), is_named=series.name is not None)
    index = _pandas_index_note(series.index, view)
    if index:
        outline.facts["index"] = index
        outline.text += f"; index: {index}"
    return outline


def secret_rows(series: Any) -> list[int]:
    """Return where the values are that are labelled as secrets, as in a row of a frame.

    No frame has as many columns as a long series has rows.
    """
    if len(series) > MAX_COLUMNS or not holds_its_values(series.index):
        return []
    return [n for n, label in enumerate(series.index) if is_secret_label(label)]


def pandas_index(index: Any, view: View) -> Outline:
    """Describe a pandas Index."""
    is_shown = view.allow_values and holds_its_values(index)
    samples = list(index[:SAMPLES]) if is_shown else []
    column = _Column(label=index.name, dtype=str(index.dtype), samples=samples)
    kind = class_name(type(index))
    return _series(kind, column, length=len(index), is_named=index.name is not None)


def polars_frame(frame: Any, view: View) -> Outline:
    """Describe a polars DataFrame; its null counts are kept by polars itself."""
    labels = ColumnLabels(frame.columns, view)
    columns = [
        _polars_column(frame.to_series(position), view=view) for position in labels.described
    ]
    return _frame("polars DataFrame", labels, columns, shape=frame.shape, view=view)


def polars_series(series: Any, view: View) -> Outline:
    """Describe a polars Series."""
    column = _polars_column(series, view=view)
    return _series("polars Series", column, length=len(series), is_named=bool(series.name))


def polars_lazy_frame(frame: Any, view: View) -> Outline:
    """Describe a polars LazyFrame by its schema, which needs no data."""
    schema = frame.collect_schema()
    labels = ColumnLabels(list(schema.names()), view)
    columns = [
        _Column(label=labels[position], dtype=_polars_dtype(schema[labels[position]]))
        for position in labels.described
    ]
    # Its columns are not taken by indexing.
    unnamed = replace(view, name="")
    shape = (None, len(schema))
    outline = _frame("polars LazyFrame", labels, columns, shape=shape, view=unnamed)
    outline.kind = "lazyframe"
    outline.facts["is_collected"] = False
    return outline


def arrow_table(table: Any, view: View) -> Outline:
    """Describe a pyarrow Table or RecordBatch."""
    labels = ColumnLabels(table.schema.names, view)
    columns = [
        _arrow_column(labels[position], table.column(position), view=view)
        for position in labels.described
    ]
    name = f"pyarrow {class_name(type(table))}"
    shape = (table.num_rows, table.num_columns)
    return _frame(name, labels, columns, shape=shape, view=view)


def arrow_array(array: Any, view: View) -> Outline:
    """Describe a pyarrow Array or ChunkedArray."""
    column = _arrow_column(None, array, view=view)
    name = f"pyarrow {class_name(type(array))}"
    return _series(name, column, length=len(array), is_named=False)


def _pandas_column(sample: Any, label: object, *, step: int, view: View) -> _Column:
    dtype = str(sample.dtype)
    if not holds_its_values(sample):
        return _Column(label=label, dtype=dtype)
    missing = sample.isna()
    present = sample[~missing]
    if dtype == "object" and len(present):
        dtype = f"object of {class_name(type(present.iloc[0]))}"
    categories = _categories(present, dtype) if view.allow_values and step == 1 else None
    return _Column(
        label=label,
        dtype=dtype,
        nulls=int(missing.sum()) * step,
        nulls_are_estimated=step > 1,
        samples=categories or _samples(present.head(MAX_SAMPLED_VALUES), dtype=dtype, view=view),
        samples_are_all=categories is not None,
        extent=pandas_extent(present, is_estimated=step > 1) if _shows_extents(view) else None,
    )


def _shows_extents(view: View) -> bool:
    """Whether the user wants to know it all: in a prompt they take time and tokens."""
    return view.is_full and view.allow_values


def _categories(present: Any, dtype: str) -> list[object] | None:
    """Return a text column's different values, if they are few."""
    if dtype not in ("str", "string", "object of str", "category"):
        return None
    values: Sequence[object] = ()
    # Most columns have too many among the first values already.
    for part in (present.head(MAX_SAMPLED_VALUES), present):
        # Mixed values may not be hashable, or answer a comparison as they like.
        if dtype == "object of str" and not all(type(value) is str for value in part):
            return None
        values = part.unique()
        if len(values) > MAX_CATEGORIES:
            return None
    return list(values)


def _polars_column(series: Any, *, view: View) -> _Column:
    dtype = _polars_dtype(series.dtype)
    samples = _samples(series.head(MAX_SAMPLED_VALUES).drop_nulls(), dtype=dtype, view=view)
    return _Column(label=series.name, dtype=dtype, nulls=series.null_count(), samples=samples)


def _writes_categories(dtype: Any) -> bool:
    """Whether a polars type is written with the values that it allows, which may be many."""
    parts = [getattr(dtype, "inner", None), *(f.dtype for f in getattr(dtype, "fields", ()))]
    return class_name(type(dtype)) == "Enum" or any(map(_writes_categories, filter(None, parts)))


def _polars_dtype(dtype: Any) -> str:
    return class_name(type(dtype)) if _writes_categories(dtype) else str(dtype)


def _arrow_column(label: object, array: Any, *, view: View) -> _Column:
    dtype = str(array.type)
    # One by one: a single cell may be a list of millions.
    present = (value.as_py() for value in array[:MAX_SAMPLED_VALUES] if value.is_valid)
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
        if len(found) == SAMPLES:
            break
    return found


def _pandas_index_note(index: Any, view: View) -> str:
    """Return an index's name, type and extent; nothing for plain row numbers."""
    if class_name(type(index)) == "RangeIndex":
        return ""
    names = [write_label(name) for name in index.names if name is not None]
    if class_name(type(index)) == "MultiIndex":
        return f"MultiIndex ({', '.join(names) or f'{index.nlevels} levels'})"
    return f"{', '.join(names)} ({index.dtype}{_reach(index, view)})".lstrip()


def _reach(index: Any, view: View) -> str:
    if not _shows_extents(view) or any(map(is_secret_label, index.names)):
        return ""
    if not holds_its_values(index):
        return ""
    step = _step(len(index), 1)
    sample = index[::step]
    extent = pandas_extent(sample[sample.notna()], is_estimated=step > 1)
    return f", {extent.range}" if extent is not None else ""


def _step(rows: int, columns: int) -> int:
    """Return the step between sampled rows."""
    return max(1, -(-rows * max(columns, 1) // MAX_SAMPLED_CELLS))


def _frame(
    name: str,
    labels: ColumnLabels,
    columns: Sequence[_Column],
    *,
    shape: tuple[Any, int],
    view: View,
) -> Outline:
    rows, width = shape
    size = f"?{TIMES}{width}" if rows is None else f"{rows}{TIMES}{width}"
    outline = Outline("dataframe", f"{name} {size}", max_chars=MAX_BRIEF_CHARS)
    outline.facts["shape"] = list(shape)
    outline.facts["columns"] = [column.fact() for column in columns]
    if not len(labels.labels):
        return outline
    if view.is_full:
        written = [column.text() for column in columns]
        outline.text += f": {join_some(written, total=width, max_chars=MAX_COLUMN_CHARS)}"
    else:
        outline.text += f", columns {labels.names()}"
        outline.text += "".join(f"\n{column.line(view.name)}" for column in columns)
    return outline


def _series(name: str, column: _Column, *, length: int, is_named: bool) -> Outline:
    described = column.text()
    if not is_named:
        described = described.partition(" ")[2]
    outline = Outline("series", f"{name} of {length:,}: {described}")
    outline.facts |= {"length": length, **column.fact()}
    return outline
