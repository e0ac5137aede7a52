"""A digest of what a code gave, which is the same for two codes that gave the same.

Two answers to a question seldom write the same code. Whether they *do* the same is seen from
their values: numbers count to six digits, row numbers and the type of what holds the values do
not, and a figure is what is drawn in it, in whatever colours.
"""

from __future__ import annotations

import hashlib
import numbers
import sys
from collections.abc import Iterator, Mapping, Set
from typing import Any

__all__ = ["digest_of_figures", "digest_of_text", "digest_of_value", "is_drawing"]

SIGNIFICANT_DIGITS = 6
MAX_ROWS = 200_000
MAX_ITEMS = 20_000
MAX_DEPTH = 6
MAX_NESTING = 3
MAX_TEXT_CHARS = 1_000
DRAWING_PACKAGES = ("matplotlib.", "seaborn.", "plotly.")
DRAWING = "a drawing"
SEPARATOR = b"\x1f"


def digest_of_value(value: object) -> str:
    """Return the digest of any value; reading it may run its own code."""
    hashed = hashlib.sha256()
    for part in _parts(value, depth=0):
        hashed.update(part)
        hashed.update(SEPARATOR)
    return hashed.hexdigest()


def digest_of_text(text: str) -> str:
    """Return the digest of what was printed: its words, numbers to six digits."""
    return digest_of_value([_number(word) for word in text.split()])


def digest_of_figures(figures: list[Any]) -> str:
    """Return the digest of what Matplotlib's figures show: data, not colours or titles."""
    drawn = sorted(
        digest_of_value(data) for figure in figures for axes in figure.axes for data in _drawn(axes)
    )
    return digest_of_value(drawn)


def is_drawing(value: object) -> bool:
    """Whether a value is an artist, or holds artists, as plotting functions give them."""
    found: Any = value
    for _ in range(MAX_NESTING):
        if isinstance(found, Mapping):
            found = list(found.values())
        if isinstance(found, list | tuple) or type(found).__name__ == "ndarray":
            found = next(iter(found), None) if getattr(found, "ndim", 1) else None
    return type(found).__module__.startswith(DRAWING_PACKAGES)


def _parts(value: Any, *, depth: int) -> Iterator[bytes]:
    """Yield a value in pieces, equal ones for equal values."""
    columns = _columns(value)
    if columns is not None:
        yield f"table {len(columns)}".encode()
        for column in columns:
            yield from _column_parts(column, depth=depth)
    elif depth > MAX_DEPTH:
        yield b"..."
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        yield from sorted(
            SEPARATOR.join([*_parts(key, depth=depth + 1), *_parts(item, depth=depth + 1)])
            for key, item in list(value.items())[:MAX_ITEMS]
        )
    elif isinstance(value, Set):
        yield f"set {len(value)}".encode()
        yield from sorted(
            SEPARATOR.join(_parts(item, depth=depth + 1)) for item in list(value)[:MAX_ITEMS]
        )
    elif isinstance(value, list | tuple):
        yield b"table 1"
        yield str(len(value)).encode()
        for item in value[:MAX_ITEMS]:
            yield from _parts(item, depth=depth + 1)
    else:
        yield _scalar(value).encode(errors="surrogatepass")


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return f"text {value}"
    if type(value).__name__ in {"bool", "bool_"}:
        return f"truth {bool(value)}"
    if isinstance(value, numbers.Real):
        return f"number {_rounded(float(value))}"
    if value is None or type(value).__name__ in {"NaTType", "NAType"}:
        return "number nan"
    return DRAWING if is_drawing(value) else _other(value)


def _other(value: object) -> str:
    kind = type(value)
    # The text of these is their address.
    if vars(kind).get("__repr__", object.__repr__) is object.__repr__ or callable(value):
        return f"{kind.__module__}.{kind.__qualname__}"
    return f"{kind.__qualname__} {repr(value)[:MAX_TEXT_CHARS]}"


def _rounded(number: float) -> str:
    # Minus nothing is nothing.
    return f"{number + 0.0:.{SIGNIFICANT_DIGITS}g}"


def _number(word: str) -> object:
    try:
        return float(word.strip(",;:()[]").replace(",", ""))
    except ValueError:
        return word


def _columns(value: Any) -> list[Any] | None:
    """Return what a table of pandas or NumPy consists of: its columns, labels that count first."""
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            columns = [value.iloc[:, number] for number in range(value.shape[1])]
            return [*_labels(value.index), *columns]
        if isinstance(value, pandas.Series):
            return [*_labels(value.index), value]
        if isinstance(value, pandas.Index):
            return [value]
    if numpy is not None and isinstance(value, numpy.ndarray) and value.ndim:
        rows = value.reshape(len(value), -1) if value.size else value.reshape(0, 1)
        return [rows[:, number] for number in range(rows.shape[1])]
    return None


def _labels(index: Any) -> list[Any]:
    """Return the row labels that say something: unnamed whole numbers only number the rows."""
    if index.nlevels > 1:
        return [index.get_level_values(level) for level in range(index.nlevels)]
    is_numbered = index.name is None and index.dtype.kind in "iu"
    return [] if is_numbered else [index]


def _column_parts(column: Any, *, depth: int) -> Iterator[bytes]:
    import numpy as np

    yield str(len(column)).encode()
    column = column[:MAX_ROWS]
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iuf":
        values = np.asarray(column, dtype=float)
    elif kind in "mM" and not hasattr(column.dtype, "tz"):
        values = np.asarray(column).astype("int64").astype(float)
    else:
        for item in list(column)[:MAX_ITEMS]:
            yield from _parts(item, depth=depth + 1)
        return
    yield from _rounded_all(values)


def _rounded_all(values: Any) -> Iterator[bytes]:
    """Yield an array of floats with six digits each: as text if short, else as bytes."""
    import numpy as np

    if len(values) <= MAX_ITEMS:
        yield from (f"number {_rounded(float(value))}".encode() for value in values)
        return
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
        exponent[~np.isfinite(exponent)] = 0
        scale = 10.0 ** (SIGNIFICANT_DIGITS - 1 - exponent)
        yield (np.round(values * scale) / scale + 0.0).tobytes()


def _drawn(axes: Any) -> Iterator[object]:
    """Yield the data of the artists in Matplotlib's axes."""
    for line in axes.lines:
        yield ["line", [_plain(data) for data in line.get_data()]]
    for patch in axes.patches:
        box = getattr(patch, "get_bbox", None)
        yield ["patch", list(box().bounds[2:]) if box else type(patch).__name__]
    for collection in axes.collections:
        yield ["collection", collection.get_offsets().tolist()[:MAX_ITEMS]]
    for image in axes.images:
        yield ["image", image.get_array()]


def _plain(data: Any) -> object:
    return list(data)[:MAX_ITEMS]
