"""What is known of the value of an expression, without computing it.

A value of which nothing is certain is None. A `Frame` and `Keys` change as the code
changes the object that they stand for: all names of the object share one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codeface_jupyter.namespace.classes import is_instance, module_of
from codeface_jupyter.namespace.writing import PLAIN_TYPES

__all__ = [
    "PLAIN_ROWS",
    "TEXT_DTYPES",
    "Accessor",
    "Column",
    "Frame",
    "Grouped",
    "GroupedColumn",
    "Indexer",
    "Instance",
    "Keys",
    "Live",
    "Method",
    "Plot",
    "Row",
    "Rows",
    "Value",
    "class_of",
    "is_exactly",
    "is_plain",
    "library_class",
    "value_of",
]

# Wider frames and larger dicts are not looked through.
MAX_LABELS = 20_000
MAX_DTYPES = 2_000
LABEL_TYPES = frozenset({str, int, float, bool, type(None)})
PLAIN_CLASSES = (*PLAIN_TYPES, list, tuple, set, frozenset, bytearray)
# Dtypes of columns that may hold texts.
TEXT_DTYPES = frozenset({"object", "str", "string"})
# Kinds of dtypes whose values are no text that could be an attribute.
NO_TEXT = frozenset("iufbMm")


@dataclass(frozen=True)
class Live:
    """A certain object of the notebook's.

    Attributes
    ----------
    obj
        The object.
    may_have_gained
        Whether something was done with it that may have given it attributes, as fitting does
        to an estimator.
    """

    obj: object
    may_have_gained: bool = False


@dataclass(frozen=True)
class Instance:
    """Some object of exactly this class."""

    cls: type


@dataclass(frozen=True)
class Rows:
    """What is known of the labels of rows: which levels have names, and if any may be text."""

    levels: frozenset[str] = frozenset()
    has_text: bool = False
    is_nested: bool = False


PLAIN_ROWS = Rows()


@dataclass(eq=False)
class Frame:
    """A data frame of pandas or polars.

    Attributes
    ----------
    labels
        The columns, in their order, and what was made since; None if they are not known.
    dtypes
        The dtypes of those columns whose dtype is certain.
    rows
        What is known of its rows' labels; None is nothing.
    attributes
        What was set on the object itself.
    library
        ``pandas`` or ``polars``.
    has_nested_columns
        Whether a label may stand for several columns: ``labels`` are all prefixes of
        those with levels.
    """

    labels: dict[object, None] | None = None
    dtypes: dict[object, str] = field(default_factory=dict)
    rows: Rows | None = None
    attributes: set[str] = field(default_factory=set)
    library: str = "pandas"
    has_nested_columns: bool = False

    def forget(self) -> None:
        """From here on, anything may have been done to it."""
        self.labels = self.rows = None
        self.dtypes = {}

    def add(self, label: object) -> None:
        """Take a column that was made, or made anew."""
        if self.labels is not None:
            self.labels.setdefault(label)
        self.dtypes.pop(label, None)

    def same_columns(self, *, keeps_dtypes: bool = True, keeps_rows: bool = True) -> Frame:
        """Return another frame with the same columns."""
        return Frame(
            labels=None if self.labels is None else dict(self.labels),
            dtypes=dict(self.dtypes) if keeps_dtypes else {},
            rows=self.rows if keeps_rows else None,
            library=self.library,
            has_nested_columns=self.has_nested_columns,
        )

    def with_labels(self, labels: dict[object, None] | None) -> Frame:
        """Return a frame of the same rows with other columns."""
        made = self.same_columns()
        made.labels = labels
        made.dtypes = {name: made.dtypes[name] for name in labels or () if name in made.dtypes}
        return made


@dataclass(frozen=True)
class Column:
    """A series; its dtype is empty where it is not certain."""

    dtype: str = ""
    rows: Rows | None = None
    library: str = "pandas"


@dataclass(frozen=True)
class Row:
    """A series whose index is a frame's columns."""

    frame: Frame


@dataclass(frozen=True)
class Grouped:
    """A frame's groups.

    Attributes
    ----------
    frame
        The frame.
    is_usual
        Whether the groups' keys become the index of what is computed of them.
    """

    frame: Frame
    is_usual: bool = True


@dataclass(frozen=True)
class GroupedColumn:
    """A column's groups."""

    rows: Rows | None = None


@dataclass(frozen=True)
class Accessor:
    """A series' ``str``, or its ``dt`` where it holds dates and times."""

    name: str
    rows: Rows | None = None


@dataclass(frozen=True)
class Indexer:
    """A frame's ``loc``, ``at``, ``iloc`` or ``iat``."""

    frame: Frame
    name: str


@dataclass(frozen=True)
class Plot:
    """A frame's ``plot``."""

    frame: Frame


@dataclass(eq=False)
class Keys:
    """A dict; its keys are None where they are not known."""

    items: dict[object, Value] | None = None

    def forget(self) -> None:
        """From here on, anything may have been done to it."""
        self.items = None


@dataclass(frozen=True)
class Method:
    """A method of a known value, not called yet."""

    owner: Value
    name: str


Value = (
    Live | Instance | Frame | Column | Row | Grouped | GroupedColumn | Accessor | Indexer | Plot
    | Keys | Method | None
)  # fmt: skip


# The classes of what these stand for.
CLASSES: Mapping[type, tuple[str, str]] = {
    Row: ("pandas", "Series"),
    Grouped: ("pandas.core.groupby.generic", "DataFrameGroupBy"),
    GroupedColumn: ("pandas.core.groupby.generic", "SeriesGroupBy"),
    Plot: ("pandas.plotting", "PlotAccessor"),
    Keys: ("builtins", "dict"),
}

ACCESSORS: Mapping[str, tuple[str, str]] = {
    "dt": ("pandas.core.indexes.accessors", "DatetimeProperties"),
    "str": ("pandas.core.strings.accessor", "StringMethods"),
}


def is_exactly(obj: object, module: str, name: str) -> bool:
    """Whether an object is of a library's class itself, not of a subclass."""
    found = sys.modules.get(module)
    return found is not None and vars(found).get(name) is type(obj)


def library_class(module: str, name: str) -> type | None:
    """Return a library's class; None if the library is not imported."""
    found = sys.modules.get(module)
    cls = vars(found).get(name) if found is not None else None
    return cls if isinstance(cls, type) else None


def is_plain(cls: type) -> bool:
    """Whether a class's instances have no attributes of their own."""
    # Compared by identity: a class may have a hash of its own.
    is_array = cls is library_class("numpy", "ndarray")
    return is_array or any(cls is plain for plain in PLAIN_CLASSES)


def class_of(value: Value) -> type | None:
    """Return the class of a value."""
    match value:
        case Live(obj=obj):
            return type(obj)
        case Instance(cls=cls):
            return cls
        case Frame(library=library):
            return library_class(library, "DataFrame")
        case Column(library=library):
            return library_class(library, "Series")
        case Accessor(name=name):
            return library_class(*ACCESSORS[name])
    module, name = CLASSES.get(type(value), ("", ""))
    return library_class(module, name)


def value_of(obj: object) -> Value:
    """Return what may be known of a live object; its own code is not run."""
    if type(obj) is dict:
        return Keys(_items(obj))
    if is_plain(type(obj)):
        return Instance(type(obj))
    for library, name, read in READERS:
        if is_exactly(obj, library, name):
            return read(obj)
    return Live(obj)


def _items(obj: dict[object, object]) -> dict[object, Value] | None:
    if len(obj) > MAX_LABELS or not all(map(_is_plain_label, list(obj))):
        return None
    return {key: Live(value) for key, value in list(obj.items())}


def _pandas_frame(obj: Any) -> Frame:
    labels = _labels(obj.columns)
    # Not asked of the index, which would compare labels of any class.
    is_unique = labels is not None and len(labels) == len(obj.columns)
    is_nested = is_instance(obj.columns, "pandas", "MultiIndex") or not is_unique
    has_dtypes = labels is not None and len(labels) <= MAX_DTYPES and not is_nested
    dtypes = map(_dtype, obj.dtypes.tolist()) if has_dtypes else ()
    return Frame(
        labels=labels,
        dtypes=dict(zip(labels or (), dtypes, strict=False)),
        rows=_rows(obj.index),
        attributes=set(object.__getattribute__(obj, "__dict__")),
        has_nested_columns=is_nested,
    )


def _polars_frame(obj: Any) -> Frame:
    return Frame(dict.fromkeys(obj.columns), rows=PLAIN_ROWS, library="polars")


def _pandas_column(obj: Any) -> Column:
    return Column(_dtype(obj.dtype), _rows(obj.index))


def _polars_column(_: Any) -> Column:
    return Column(library="polars")


def _labels(index: Any) -> dict[object, None] | None:
    """Return an index's labels; for one with levels, all that stand for some of them."""
    if len(index) > MAX_LABELS:
        return None
    if is_exactly(index, "pandas", "MultiIndex"):
        return _prefixes(index.tolist())
    if is_exactly(index, "pandas", "Index") or is_exactly(index, "pandas", "RangeIndex"):
        labels = index.tolist()
        return dict.fromkeys(labels) if all(map(_is_plain_label, labels)) else None
    return None


def _prefixes(labels: list[tuple[object, ...]]) -> dict[object, None] | None:
    if not all(map(_is_plain_label, labels)):
        return None
    found: dict[object, None] = {}
    for label in labels:
        found |= {label[0]: None}
        found |= {label[:length]: None for length in range(1, len(label) + 1)}
    return found


def _is_plain_label(label: object) -> bool:
    if type(label) is tuple:
        return all(type(part) in LABEL_TYPES for part in label)
    return type(label) in LABEL_TYPES


def _rows(index: Any) -> Rows:
    return Rows(
        levels=frozenset(name for name in index.names if type(name) is str),
        has_text=getattr(index.dtype, "kind", "O") not in NO_TEXT,
        is_nested=is_instance(index, "pandas", "MultiIndex"),
    )


def _dtype(dtype: object) -> str:
    """Return a dtype's name, of NumPy's and pandas' own only."""
    package = module_of(type(dtype)).partition(".")[0]
    return str(dtype) if package in ("numpy", "pandas") else ""


READERS: tuple[tuple[str, str, Callable[[Any], Value]], ...] = (
    ("pandas", "DataFrame", _pandas_frame),
    ("pandas", "Series", _pandas_column),
    ("polars", "DataFrame", _polars_frame),
    ("polars", "Series", _polars_column),
)
