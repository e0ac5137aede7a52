"""Comparisons for tasks that do not say in what form their answer is wanted.

"Revenue per store" may be answered by a series, a frame or a dict: all say the same. The tasks in
``notebooks/`` name one of these as their ``compare_fn``.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from session_values import Options, difference

__all__ = ["last_values", "one_value", "rows_in_any_order", "same_table"]

PAIR = 2


def same_table(expected: Any, found: Any) -> dict[str, object]:
    """Compare tables, with their rows in the order of the reference, whatever holds them."""
    return _compared(_table(expected), _table(found))


def rows_in_any_order(expected: Any, found: Any) -> dict[str, object]:
    """Compare tables whose rows may come in any order."""
    return _compared(_table(expected), _table(found), options=Options(ignore_order=True))


def one_value(expected: Any, found: Any) -> dict[str, object]:
    """Compare a value with an answer alone, or with one row that says it and more."""
    is_match = any(difference(expected, one) is None for one in _said(found))
    return {"match": is_match, "reason": f"{found!r} instead of {expected!r}"}


def last_values(expected: Any, found: Any) -> dict[str, object]:
    """Compare values in their order: how they are labelled does not count."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, pd.DataFrame):
        found = found.iloc[:, -1]
    return _compared(list(expected), list(found))


def _compared(expected: Any, found: Any, *, options: Options | None = None) -> dict[str, object]:
    reason = difference(expected, found, options=options or Options())
    return {"match": reason is None, "reason": reason}


def _table(value: Any) -> Any:
    """Return a table without names, what its rows are labelled with as its first columns."""
    if isinstance(value, dict):
        value = pd.Series(value)
    if isinstance(value, pd.Series):
        value = value.to_frame()
    if not isinstance(value, pd.DataFrame):
        return value
    index = value.index
    is_numbered = index.nlevels == 1 and index.name is None and index.dtype.kind in "iu"
    labels = [] if is_numbered else [index.get_level_values(n) for n in range(index.nlevels)]
    columns = [*labels, *(value.iloc[:, number] for number in range(value.shape[1]))]
    return pd.DataFrame(dict(enumerate(map(list, columns))))


def _said(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = pd.Series(value)
    if isinstance(value, pd.Series | pd.DataFrame) and len(value) == 1:
        label = value.index[0]
        labels = label if isinstance(label, tuple) else [label]
        return [*labels, *value.to_numpy().ravel().tolist()]
    is_listed = isinstance(value, list | tuple | set) or hasattr(value, "tolist")
    if is_listed and hasattr(value, "__len__"):
        is_pair = isinstance(value, tuple) and len(value) == PAIR
        return list(value) if is_pair or len(value) == 1 else [value]
    return [value]
