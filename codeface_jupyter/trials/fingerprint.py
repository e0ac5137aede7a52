"""A digest of what a code gave, which is the same for two codes that gave the same.

Two answers to a question seldom write the same code. Whether they *do* the same is seen from
their values: numbers count to six digits, times to the microsecond, row numbers and the type of
what holds the values do not, and a figure is what is drawn in it, in whatever colours.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import numbers
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain, islice
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NamedTuple

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.trials.drawn_data import drawn_data
from codeface_jupyter.trials.looking import looked_at

__all__ = [
    "digest_of_figures",
    "digest_of_text",
    "digest_of_value",
    "is_drawing",
    "is_opaque",
    "is_styled",
]

SIGNIFICANT_DIGITS = 6
MAX_ROWS = 200_000
MAX_ITEMS = 20_000
# Of all that a value holds, however deep: less than a second's work.
MAX_ALL_ITEMS = 200_000
MAX_COLUMNS = 1_000
MAX_ALL_NUMBERS = 2_000_000
MAX_STYLED_CELLS = 10_000
MAX_DEPTH = 6
MAX_NESTING = 3
MAX_TEXT_CHARS = 1_000
# Most of what there is; nothing else is asked of them.
PLAIN_TYPES = frozenset({bool, int, float, str, type(None)})
DRAWING_PACKAGES = ("matplotlib.", "seaborn.")
DRAWING = "a drawing"
TIMES = ("datetime64", "timedelta64")
SEPARATOR = b"\x1f"
ADDRESS = re.compile(r"\bat 0x[0-9A-Fa-f]+")


def digest_of_value(value: object) -> str:
    """Return the digest of any value.

    Reading it may run its own code. What that raises is passed on: a value that was read in part
    is not known to be the same as another one.
    """
    hashed = hashlib.sha256()
    for part in _Reader().parts(value):
        hashed.update(part)
        hashed.update(SEPARATOR)
    return hashed.hexdigest()


def digest_of_text(text: str) -> str:
    """Return the digest of what was printed: its words, numbers to six digits."""
    return digest_of_value([_number(word) for word in text.split()])


def digest_of_figures(figures: list[Any]) -> str:
    """Return the digest of what Matplotlib's figures show: data, not colours or titles.

    Empty where they show none.
    """
    all_axes = (axes for figure in figures for axes in figure.axes)
    drawn = sorted(digest_of_value(data) for axes in all_axes for data in drawn_data(axes))
    return digest_of_value(drawn) if drawn else ""


def is_drawing(value: object) -> bool:
    """Whether a value is an artist, or holds artists, as plotting functions give them."""
    return looked_at(lambda: _is_drawing(value), otherwise=False)


def is_opaque(value: object) -> bool:
    """Whether nothing of a value can be read but its type, as of a generator or a function."""
    return looked_at(lambda: is_drawing(value) or _says_nothing(value), otherwise=True)


def is_styled(value: object) -> bool:
    """Whether a value is what pandas gives for the looks of a frame: ``frame.style``."""
    return is_instance(value, "pandas.io.formats.style", "Styler")


def _looks(styled: Any) -> str:
    """Return the page of a frame that was styled; empty if it would take long to be made."""
    # Its own name for the table is another one each time.
    return str(styled.to_html(table_uuid="table")) if styled.data.size <= MAX_STYLED_CELLS else ""


def _says_nothing(value: object) -> bool:
    # An iterator has to be used up to be read.
    is_bare = _has_no_text(value) and not _state(value)
    return value is None or isinstance(value, Iterator) or is_bare


def _is_drawing(value: object) -> bool:
    found: Any = value
    for _ in range(MAX_NESTING):
        if isinstance(found, Mapping):
            found = list(found.values())
        if isinstance(found, list | tuple) or is_instance(found, "numpy", "ndarray"):
            found = next(iter(found), None) if getattr(found, "ndim", 1) else None
    return type(found).__module__.startswith(DRAWING_PACKAGES)


class _Reader:
    """Reads one value in pieces, equal ones for equal values, up to a number of items."""

    def __init__(self) -> None:
        self._items_left = MAX_ALL_ITEMS
        self._numbers_left = MAX_ALL_NUMBERS

    def parts(self, value: Any, *, depth: int = 0) -> Iterator[bytes]:
        """Yield the pieces of a value."""
        if type(value) in PLAIN_TYPES:
            yield _plain_scalar(value)
            return
        table = _table(value)
        if table is not None:
            yield f"table {table.width}".encode()
            for column in islice(table.columns, MAX_COLUMNS):
                yield from self._column_parts(column, depth=depth)
        elif is_styled(value):
            yield b"styled"
            yield from self.parts([value.data, _looks(value)], depth=depth)
        elif depth > MAX_DEPTH:
            yield b"..."
        elif isinstance(value, Mapping):
            yield f"mapping {len(value)}".encode()
            items = self._first(value.items())
            yield from sorted(self._joined(pair, depth=depth) for pair in items)
        elif isinstance(value, Set):
            yield f"set {len(value)}".encode()
            yield from sorted(self._joined([item], depth=depth) for item in self._first(value))
        elif isinstance(value, list | tuple):
            yield b"table 1"
            yield str(len(value)).encode()
            yield from self._item_parts(value, depth=depth)
        else:
            yield _scalar(value).encode(errors="surrogatepass")
            for pair in self._first(sorted(_state(value).items())):
                yield self._joined(pair, depth=depth)

    def _joined(self, items: Iterable[object], *, depth: int) -> bytes:
        parts = (part for item in items for part in self.parts(item, depth=depth + 1))
        return SEPARATOR.join(parts)

    def _item_parts(self, items: Iterable[object], *, depth: int) -> Iterator[bytes]:
        for item in self._first(items):
            if type(item) in PLAIN_TYPES:
                yield _plain_scalar(item)
            else:
                yield from self.parts(item, depth=depth + 1)

    def _first(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in islice(items, MAX_ITEMS):
            if not self._items_left:
                return
            self._items_left -= 1
            yield item

    def _column_parts(self, column: Any, *, depth: int) -> Iterator[bytes]:
        import numpy as np

        yield str(len(column)).encode()
        column = column[: min(MAX_ROWS, self._numbers_left)]
        self._numbers_left -= len(column)
        kind = getattr(column.dtype, "kind", "O")
        if kind in "iuf":
            yield from self._number_parts(np.asarray(column, dtype=float))
        elif kind in "mM":
            if getattr(column.dtype, "tz", None) is not None:
                yield str(column.dtype.tz).encode()
            # Libraries keep them in units of their own choice.
            yield from self._time_parts(np.asarray(column, dtype=f"{kind}8[us]"), depth=depth)
        else:
            yield from self._item_parts(column, depth=depth)

    def _number_parts(self, values: Any) -> Iterator[bytes]:
        """Yield an array of floats with six digits each: as text if short, else as bytes."""
        import numpy as np

        if self._is_short(values):
            yield from (f"number {_rounded(float(value))}".encode() for value in values)
            return
        with np.errstate(all="ignore"):
            exponent = np.floor(np.log10(np.abs(values)))
            exponent[~np.isfinite(exponent)] = 0
            scale = 10.0 ** (SIGNIFICANT_DIGITS - 1 - exponent)
            yield (np.round(values * scale) / scale + 0.0).tobytes()

    def _time_parts(self, times: Any, *, depth: int) -> Iterator[bytes]:
        """Yield an array of points in time, or of spans, in microseconds."""
        if self._is_short(times):
            for time in times.tolist():
                yield from self.parts(time, depth=depth + 1)
        else:
            yield times.astype("int64").tobytes()

    def _is_short(self, values: Any) -> bool:
        """Whether values are few enough to be read one by one; they count then."""
        is_short = len(values) <= min(MAX_ITEMS, self._items_left)
        self._items_left -= len(values) if is_short else 0
        return is_short


def _plain_scalar(value: Any) -> bytes:
    text = f"text {value}" if type(value) is str else _number_text(value)
    return text.encode(errors="surrogatepass")


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return f"text {value}"
    if _is_numpy_scalar(value):
        return _scalar(_as_python(value))
    return _number_text(value) or _time_text(value) or _other(value)


def _number_text(value: Any) -> str:
    if type(value).__name__ in {"bool", "bool_"}:
        return f"truth {bool(value)}"
    if isinstance(value, numbers.Real):
        return f"number {_rounded_real(value)}"
    if isinstance(value, numbers.Complex):
        number = complex(value)
        return f"number {_rounded(number.real)} {_rounded(number.imag)}"
    is_missing = value is None or type(value).__name__ in {"NaTType", "NAType"}
    return "number nan" if is_missing else ""


def _time_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"time {value.isoformat()}"
    return f"span {value.total_seconds():.6f}" if isinstance(value, dt.timedelta) else ""


def _is_numpy_scalar(value: object) -> bool:
    """Whether a value is an array without dimensions, or a time or a span of NumPy's."""
    return any(is_instance(value, "numpy", name) for name in ("ndarray", *TIMES))


def _as_python(value: Any) -> Any:
    is_time = value.dtype.kind in "mM"
    item = value.astype(f"{value.dtype.kind}8[us]").item() if is_time else value.item()
    # An array may hold another one without dimensions.
    return repr(item) if is_instance(item, "numpy", "ndarray") else item


def _other(value: object) -> str:
    if is_drawing(value):
        return DRAWING
    kind = type(value)
    if _has_no_text(value):
        return f"{kind.__module__}.{kind.__qualname__}"
    return f"{kind.__qualname__} {ADDRESS.sub('', repr(value))[:MAX_TEXT_CHARS]}"


def _has_no_text(value: object) -> bool:
    """Whether the text of a value is its address, or its name."""
    if type(value).__repr__ is object.__repr__ or isinstance(value, type | BuiltinFunctionType):
        return True
    # Some that can be called are data, such as polynomials.
    return callable(value) and ADDRESS.search(repr(value)) is not None


def _state(value: object) -> dict[str, object]:
    """Return the data that an object of any class keeps under public names, as a model does."""
    if isinstance(value, type | ModuleType | FunctionType) or is_drawing(value):
        return {}
    held = getattr(value, "__dict__", None)
    named = held.items() if isinstance(held, dict) else ()
    return {
        name: part
        for name, part in named
        if isinstance(name, str) and not name.startswith("_") and not callable(part)
    }


def _rounded_real(number: numbers.Real) -> str:
    try:
        return _rounded(float(number))
    except OverflowError:
        # The same for equal numbers of any type, and in every process.
        return f"{hash(number)}"


def _rounded(number: float) -> str:
    # Minus nothing is nothing.
    return f"{number + 0.0:.{SIGNIFICANT_DIGITS}g}"


def _number(word: str) -> object:
    try:
        return float(word.strip(",;:()[]").replace(",", ""))
    except ValueError:
        return word


class _Table(NamedTuple):
    """What a table of pandas or NumPy consists of."""

    width: int
    columns: Iterable[Any]


def _table(value: Any) -> _Table | None:
    """Return a table's columns, labels that count first; None if a value is none."""
    if is_instance(value, "pandas", "DataFrame"):
        labels, width = _labels(value.index), value.shape[1]
        columns = (value.iloc[:, number] for number in range(width))
        return _Table(len(labels) + width, chain(labels, columns))
    if is_instance(value, "pandas", "Series"):
        labels = _labels(value.index) or _labels_as_data(value)
        return _Table(len(labels) + 1, [*labels, value])
    if is_instance(value, "pandas", "Index"):
        return _Table(1, [value])
    if is_instance(value, "numpy", "ndarray") and value.ndim:
        values = _unmasked(value)
        rows = values.reshape(len(values), -1) if values.size else values.reshape(0, 1)
        return _Table(rows.shape[1], (rows[:, number] for number in range(rows.shape[1])))
    return None


def _labels_as_data(series: Any) -> list[Any]:
    """Return the whole numbers that a series is labelled with if they are no row numbers.

    What has a name is the column of a frame, and has the numbers of the rows that it is from.
    """
    import numpy as np

    if series.name is not None or series.index.nlevels > 1:
        return []
    numbers = np.sort(series.index.to_numpy())
    return [] if np.array_equal(numbers, np.arange(len(numbers))) else [series.index]


def _unmasked(array: Any) -> Any:
    """Return a plain array; what is masked is missing in it."""
    if not is_instance(array, "numpy.ma", "MaskedArray"):
        # A matrix keeps its two dimensions, whatever it is asked for.
        return sys.modules["numpy"].asarray(array)
    is_numeric = array.dtype.kind in "iuf"
    return array.astype(float if is_numeric else object).filled(float("nan"))


def _labels(index: Any) -> list[Any]:
    """Return the row labels that say something: unnamed whole numbers only number the rows."""
    if index.nlevels > 1:
        return [index.get_level_values(level) for level in range(index.nlevels)]
    is_numbered = index.name is None and index.dtype.kind in "iu"
    return [] if is_numbered else [index]
