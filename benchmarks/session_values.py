"""Whether a value is the reference's: what differs, in a line, or None.

Types matter where they mean something: numbers are never text and a truth value is no
number, but a frame's column may have any type that holds the same values. Lists, tuples,
arrays, indexes and columns of the same values are equal, and so are a series and a frame
with one column.
"""

from __future__ import annotations

import math
import numbers
import pickle
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Options", "difference"]

RELATIVE = 1e-4
ABSOLUTE = 1e-8
# Whole numbers are counts and years: off by a little, they are others.
RELATIVE_WHOLE = 1e-9
MAX_SHOWN_CHARS = 200

Tabular = (pd.DataFrame, pd.Series, np.ndarray)
Listed = (pd.Index, list, tuple)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How values are compared.

    Attributes
    ----------
    ignore_order
        Rows and elements may come in any order.
    ignore_index
        A frame's row labels and a dict's keys do not count.
    value_only
        What holds the values does not count: a list of one is that one.
    type_only
        Nothing counts but the type.
    names
        The columns whose names count; None is all of them.
    atol
        How far from each other numbers may be, besides their relative tolerance.
    """

    ignore_order: bool = False
    ignore_index: bool = False
    value_only: bool = False
    type_only: bool = False
    names: frozenset[str] | None = None
    atol: float = ABSOLUTE


def difference(expected: object, found: object, *, options: Options = Options()) -> str | None:
    """Return how ``found`` differs from ``expected``, or None if it does not."""
    if options.type_only:
        return None if type(expected) is type(found) else _types(expected, found)
    if options.value_only:
        expected, found = _bare(expected), _bare(found)
    if isinstance(found, np.ndarray) and not found.ndim:
        found = found.item()
    if isinstance(expected, Tabular) or isinstance(found, Tabular):
        return _table_difference(expected, found, options)
    if isinstance(expected, Listed) and isinstance(found, Listed):
        return _list_difference(expected, found, options)
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return _dict_difference(expected, found, options)
    return _scalar_difference(expected, found, options)


def _scalar_difference(expected: Any, found: Any, options: Options) -> str | None:
    if _is_missing(expected) or _is_missing(found):
        return None if _is_missing(expected) and _is_missing(found) else _shown(expected, found)
    for kind in ((bool, np.bool_), numbers.Real, str, Set):
        if isinstance(expected, kind) or isinstance(found, kind):
            if not (isinstance(expected, kind) and isinstance(found, kind)):
                return _types(expected, found)
            is_number = kind is numbers.Real
            is_equal = _is_close(expected, found, options) if is_number else expected == found
            return None if is_equal else _shown(expected, found)
    return _object_difference(expected, found, options)


def _object_difference(expected: Any, found: Any, options: Options) -> str | None:
    """Compare what is neither text, number nor container, by what it consists of."""
    try:
        if bool(expected == found):
            return None
    except (TypeError, ValueError):
        pass  # an == of its own that says nothing about the whole
    if type(expected) is not type(found):
        return _types(expected, found)
    if getattr(expected, "__dict__", None):
        return _dict_difference(vars(expected), vars(found), options)
    return None if pickle.dumps(expected) == pickle.dumps(found) else _shown(expected, found)


def _dict_difference(
    expected: Mapping[Any, Any], found: Mapping[Any, Any], options: Options
) -> str | None:
    if options.ignore_index:
        return _list_difference(list(expected.values()), list(found.values()), options)
    if set(expected) != set(found):
        return f"keys: {_shown(list(expected), list(found))}"
    for key, value in expected.items():
        differs = difference(value, found[key], options=options)
        if differs:
            return f"[{key!r}] {differs}"
    return None


def _list_difference(expected: Any, found: Any, options: Options) -> str | None:
    expected, found = list(expected), list(found)
    if len(expected) != len(found):
        return f"{len(found)} elements instead of {len(expected)}"
    if options.ignore_order:
        expected, found = sorted(expected, key=_order), sorted(found, key=_order)
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        differs = difference(one, other, options=options)
        if differs:
            return f"[{number}] {differs}"
    return None


def _table_difference(expected: object, found: object, options: Options) -> str | None:
    one, other = _as_frame(expected), _as_frame(found)
    if one is None or other is None:
        return _types(expected, found)
    if one.shape != other.shape:
        return f"shape {other.shape} instead of {one.shape}"
    has_names = isinstance(expected, pd.DataFrame) and isinstance(found, pd.DataFrame)
    differs = _name_difference(one, other, options) if has_names else None
    if differs:
        return differs
    if has_names and one.columns.is_unique and set(one.columns) == set(other.columns):
        other = other[list(one.columns)]
    columns, others = _columns(one), _columns(other)
    if not options.ignore_index and _labels_count(one.index):
        columns.append(_values(one.index))
        # Row numbers are no labels, whatever they are counted in.
        others.append(_values(other.index))
    if options.ignore_order:
        columns, others = _rows_sorted(columns), _rows_sorted(others)
    names = [*one.columns, "row labels"]
    for name, column, its_other in zip(names, columns, others, strict=False):
        differs = _column_difference(column, its_other, options)
        if differs:
            return f"column {name!r}: {differs}"
    return None


def _as_frame(value: Any) -> pd.DataFrame | None:
    """Return a table as a frame; None for what is no table."""
    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, pd.Series):
        return value.to_frame()
    if isinstance(value, np.ndarray):
        return pd.DataFrame(value) if value.ndim in {1, 2} else None
    return pd.Series(list(value)).to_frame() if isinstance(value, Listed) else None


def _name_difference(expected: pd.DataFrame, found: pd.DataFrame, options: Options) -> str | None:
    counted = set(expected.columns)
    if options.names is not None:
        counted &= options.names
    if counted <= set(found.columns):
        return None
    return f"columns: {_shown(list(expected.columns), list(found.columns))}"


def _labels_count(index: pd.Index) -> bool:
    """Whether row labels say something: unnamed whole numbers only number the rows."""
    is_numbered = index.nlevels == 1 and pd.api.types.is_integer_dtype(index.dtype)
    return not (is_numbered and index.name is None)


def _columns(frame: pd.DataFrame) -> list[np.ndarray]:
    return [_values(frame.iloc[:, number]) for number in range(frame.shape[1])]


def _values(column: pd.Series | pd.Index) -> np.ndarray:
    """Return numbers as floats, and all else as objects with one kind of missing value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object).infer_objects()
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype.kind != "c":
        return column.to_numpy(dtype=float, na_value=np.nan)
    values = (None if _is_missing(value) else value for value in column.tolist())
    return np.fromiter(values, dtype=object, count=len(column))


def _rows_sorted(columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the columns with their rows in an order of their own, texts deciding first."""
    by_text_first = sorted(columns, key=lambda column: column.dtype != object)
    keys = [tuple(_order(value) for value in row) for row in zip(*by_text_first, strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [column[order] for column in columns]


def _column_difference(expected: np.ndarray, found: np.ndarray, options: Options) -> str | None:
    if expected.dtype == float and found.dtype == float:
        is_equal = _are_close(expected, found, options)
        if is_equal.all():
            return None
        place = int(np.argmin(is_equal))
        return f"[{place}] {_shown(expected[place], found[place])}"
    return _list_difference(expected, found, Options(atol=options.atol))


def _are_close(expected: np.ndarray, found: np.ndarray, options: Options) -> np.ndarray:
    are_whole = (np.rint(expected) == expected) & (np.rint(found) == found)
    size = np.abs(expected)
    allowed = np.where(are_whole, RELATIVE_WHOLE * size, np.maximum(RELATIVE * size, options.atol))
    with np.errstate(invalid="ignore"):
        is_near = np.abs(expected - found) <= allowed
    is_finite = np.isfinite(expected) & np.isfinite(found)
    both_missing = np.isnan(expected) & np.isnan(found)
    return (is_near & is_finite) | (expected == found) | both_missing


def _is_close(expected: Any, found: Any, options: Options) -> bool:
    return bool(_are_close(np.array([float(expected)]), np.array([float(found)]), options)[0])


def _is_missing(value: Any) -> bool:
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _order(value: Any) -> tuple[str, Any]:
    """Return a key that sorts anything, nearly equal numbers alike."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return type(value).__name__, str(value)
    return "", -math.inf if math.isnan(value) else float(f"{float(value):.4g}")


def _bare(value: Any) -> Any:
    """Return nested lists in the place of containers, and an only element in its list's."""
    if isinstance(value, pd.DataFrame):
        value = value.to_numpy()
    if isinstance(value, pd.Series | pd.Index | np.ndarray):
        value = value.tolist()
    if isinstance(value, Set):
        value = sorted(value, key=_order)
    if isinstance(value, list | tuple):
        value = [_bare(element) for element in value]
        return value[0] if len(value) == 1 else value
    return value


def _types(expected: object, found: object) -> str:
    return f"{type(found).__name__} instead of {type(expected).__name__}"


def _shown(expected: object, found: object) -> str:
    return f"{repr(found)[:MAX_SHOWN_CHARS]} instead of {repr(expected)[:MAX_SHOWN_CHARS]}"
