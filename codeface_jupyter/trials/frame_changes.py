"""How a frame of pandas differs from what it was, in few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from codeface_jupyter.trials.checks.wording import code_span

__all__ = ["changed_columns", "frame_changes"]

MAX_NAMES = 5

# Its label, and how many columns before it have the same.
Column = tuple[object, int]


def frame_changes(before: Any, now: Any) -> Iterator[str]:
    """Yield what is different in a frame; columns of one name are told apart by their order."""
    was, are = _places(before.columns), _places(now.columns)
    both = [column for column in are if column in was]
    if added := [column for column in are if column not in was]:
        yield f"adds column{_listed(added)}"
    if dropped := [column for column in was if column not in are]:
        yield f"drops column{_listed(dropped)}"
    if both != [column for column in was if column in are]:
        yield "puts columns in another order"
    if len(before) != len(now):
        yield f"from {len(before):,} to {len(now):,} rows"
    elif not before.index.equals(now.index):
        order = before.index.get_indexer(now.index) if before.index.is_unique else None
        is_reordered = order is not None and now.index.is_unique and bool((order >= 0).all())
        yield "puts rows in another order" if is_reordered else "changes the row labels"
        before = before.iloc[order] if is_reordered else before.set_axis(now.index)
    blank = [
        column
        for column, number in are.items()
        if _is_blank(now.iloc[:, number])
        and (column not in was or not _is_blank(before.iloc[:, was[column]]))
    ]
    if blank:
        yield f"only missing values in column{_listed(blank)}"
    pairs = {name: (before.iloc[:, was[name]], now.iloc[:, are[name]]) for name in both}
    yield from _column_differences(pairs, has_same_rows=len(before) == len(now))


def changed_columns(before: Any, now: Any) -> Iterator[int]:
    """Yield where a frame's columns stand that are new, then those that have other data.

    Of rows that are others the data cannot be compared.
    """
    was, are = _places(before.columns), _places(now.columns)
    yield from (number for column, number in are.items() if column not in was)
    if not before.index.equals(now.index):
        return
    for column, number in are.items():
        if column in was and not before.iloc[:, was[column]].equals(now.iloc[:, number]):
            yield number


def _is_blank(column: Any) -> bool:
    """Whether a column has rows, and no value in any."""
    return len(column) > 0 and bool(column.isna().all())


def _places(columns: Any) -> dict[Column, int]:
    """Return where each column stands."""
    seen: Counter[object] = Counter()
    places: dict[Column, int] = {}
    for number, name in enumerate(columns):
        places[name, seen[name]] = number
        seen[name] += 1
    return places


def _column_differences(
    pairs: Mapping[Column, tuple[Any, Any]], *, has_same_rows: bool
) -> Iterator[str]:
    other_type = [column for column, (was, now) in pairs.items() if was.dtype != now.dtype]
    for column in other_type[:MAX_NAMES]:
        was, now = pairs[column]
        yield f"column {code_span(column[0])} from {was.dtype} to {now.dtype}"
    if not has_same_rows:
        return
    changed = [
        column
        for column, (was, now) in pairs.items()
        if column not in other_type and not was.equals(now)
    ]
    if changed:
        yield f"changes column{_listed(changed)}"


def _listed(columns: list[Column]) -> str:
    shown = ", ".join(code_span(name) for name, _ in columns[:MAX_NAMES])
    rest = len(columns) - MAX_NAMES
    return f"{'s' if len(columns) > 1 else ''} {shown}" + (f" and {rest} more" if rest > 0 else "")
