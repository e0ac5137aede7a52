"""How a frame of pandas differs from what it was, in few words.

Columns are compared together where that is possible: of some thousand, looking at each by itself
takes seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.looking import looked_at

__all__ = ["MOSTLY_MISSING", "ONLY_MISSING", "changed_columns", "frame_changes"]

# How a column is told that has lost its values, or never had them.
ONLY_MISSING, MOSTLY_MISSING = "only missing values in column", "hardly any values in column"
MOSTLY = 0.9
MAX_NAMES = 5
# Of these kinds, NumPy compares many columns at a time.
COMPARABLE_KINDS = frozenset("biufcmM")

# Its label, and how many columns before it have the same.
Column = tuple[object, int]


def frame_changes(before: Any, now: Any) -> Iterator[str]:
    """Yield what is different in a frame; columns of one name are told apart by their order."""
    if before.equals(now):
        return
    was, are = _places(before.columns), _places(now.columns)
    both = [column for column in are if column in was]
    if added := [column for column in are if column not in was]:
        yield f"adds column{_listed(added)}"
    if dropped := [column for column in was if column not in are]:
        yield f"drops column{_listed(dropped)}"
    if both != [column for column in was if column in are]:
        yield "puts columns in another order"
    old, new = before.iloc[:, [was[c] for c in both]], now.iloc[:, [are[c] for c in both]]
    has_same_rows = len(before) == len(now)
    if not has_same_rows:
        yield f"from {len(before):,} to {len(now):,} rows"
    elif not before.index.equals(now.index):
        pair = _in_one_order(old, new)
        is_reordered = pair is not None or _has_same_labels(old.index, new.index)
        yield "puts rows in another order" if is_reordered else "changes the row labels"
        # Rows of which several have one label cannot be told apart once they hold other data.
        has_same_rows = pair is not None or not is_reordered
        old, new = pair or (old.set_axis(new.index), new)
    yield from _lost_values(before, now, was, are)
    yield from _column_differences(both, old, new, has_same_rows=has_same_rows)


def changed_columns(before: Any, now: Any) -> Iterator[int]:
    """Yield where a frame's columns stand that are new, then those that have other data.

    Of rows that are others the data cannot be compared.
    """
    was, are = _places(before.columns), _places(now.columns)
    yield from (number for column, number in are.items() if column not in was)
    if before.index.equals(now.index):
        both = [column for column in are if column in was]
        old, new = before.iloc[:, [was[c] for c in both]], now.iloc[:, [are[c] for c in both]]
        yield from (are[both[place]] for place in sorted(_differing(old, new)))


def _in_one_order(before: Any, now: Any) -> tuple[Any, Any] | None:
    """Return two frames with their rows in one order; None where they have no rows in common."""
    if not (before.index.is_unique and now.index.is_unique):
        # Rows of one label are told apart by what they hold, if that can be hashed.
        return looked_at(lambda: _sorted_alike(before, now), otherwise=None)
    order = before.index.get_indexer(now.index)
    return (before.iloc[order], now) if bool((order >= 0).all()) else None


def _sorted_alike(before: Any, now: Any) -> tuple[Any, Any] | None:
    was, are = _hashes(before), _hashes(now)
    old, new = was.argsort(kind="stable"), are.argsort(kind="stable")
    is_same = bool((was[old] == are[new]).all())
    return (before.iloc[old], now.iloc[new]) if is_same else None


def _has_same_labels(before: Any, now: Any) -> bool:
    def is_same() -> bool:
        was, are = _hashes(before), _hashes(now)
        return sorted(was.tolist()) == sorted(are.tolist())

    return looked_at(is_same, otherwise=False)


def _hashes(rows: Any) -> Any:
    """Return a number for each row of a frame, its label included, or for each label."""
    from pandas.util import hash_pandas_object

    return hash_pandas_object(rows).to_numpy()


def _lost_values(
    before: Any, now: Any, was: Mapping[Column, int], are: Mapping[Column, int]
) -> Iterator[str]:
    """Yield which columns have no values, or hardly any, and had some before if they were there.

    To choose rows takes no values away.
    """
    old, new = _missing_shares(before), _missing_shares(now)
    has_same_rows = len(before) == len(now)
    shares = {
        column: (old[was[column]] if column in was else 0.0, new[are[column]])
        for column in are
        if new and (column not in was or (has_same_rows and old))
    }
    blank = [column for column, (share, is_now) in shares.items() if share < is_now == 1]
    if blank:
        yield f"{ONLY_MISSING}{_listed(blank)}"
    sparse = [column for column, (share, is_now) in shares.items() if share < MOSTLY <= is_now < 1]
    if sparse:
        yield f"{MOSTLY_MISSING}{_listed(sparse)}"


def _missing_shares(frame: Any) -> list[float]:
    """Return for each column the share of its rows that have no value; empty without rows."""
    return frame.isna().to_numpy().mean(axis=0).tolist() if len(frame) else []


def _places(columns: Any) -> dict[Column, int]:
    """Return where each column stands."""
    seen: Counter[object] = Counter()
    places: dict[Column, int] = {}
    for number, name in enumerate(columns):
        places[name, seen[name]] = number
        seen[name] += 1
    return places


def _column_differences(
    columns: Sequence[Column], before: Any, now: Any, *, has_same_rows: bool
) -> Iterator[str]:
    """Yield how the columns of two frames differ that have the same ones in the same order."""
    kinds = list(zip(before.dtypes, now.dtypes, strict=True))
    other_type = [place for place, (was, is_now) in enumerate(kinds) if was != is_now]
    for place in other_type[:MAX_NAMES]:
        was, is_now = kinds[place]
        yield f"column {code_span(columns[place][0])} from {was} to {is_now}"
    if not has_same_rows:
        return
    changed = sorted(_differing(before, now) - frozenset(other_type))
    if changed:
        where = _changed_rows(before, now, changed[0]) if len(changed) == 1 else ""
        yield f"changes column{_listed([columns[place] for place in changed])}{where}"


def _changed_rows(before: Any, now: Any, place: int) -> str:
    """Return in how many rows a column differs; empty where its values cannot be compared."""

    def count() -> int:
        old, new = before.iloc[:, place], now.iloc[:, place]
        is_same = (old == new).fillna(False) | (old.isna() & new.isna())
        return int((~is_same.astype(bool)).sum())

    changed = looked_at(count, otherwise=0)
    if not changed:
        return ""
    return (
        f" in all {len(now):,} rows"
        if changed == len(now)
        else f" in {changed:,} of {len(now):,} rows"
    )


def _differing(before: Any, now: Any) -> frozenset[int]:
    """Return where the columns stand that are not the same in two frames of one shape."""
    if before.equals(now):
        return frozenset()
    kinds = list(zip(before.dtypes, now.dtypes, strict=True))
    together: dict[object, list[int]] = {}
    apart: list[int] = []
    for place, (was, is_now) in enumerate(kinds):
        is_comparable = was == is_now and _is_comparable(was)
        (together.setdefault(was, []) if is_comparable else apart).append(place)
    found = {place for place in apart if not before.iloc[:, place].equals(now.iloc[:, place])}
    for places in together.values():
        found |= _differing_among(before, now, places)
    return frozenset(found)


def _differing_among(before: Any, now: Any, places: Sequence[int]) -> set[int]:
    """Return which of some columns of one plain type are not the same."""
    old, new = before.iloc[:, places], now.iloc[:, places]
    # What is missing is no equal of itself.
    are_missing = old.isna().to_numpy() & new.isna().to_numpy()
    is_other = ((old.to_numpy() != new.to_numpy()) & ~are_missing).any(axis=0)
    return {place for place, is_one in zip(places, is_other, strict=True) if is_one}


def _is_comparable(kind: Any) -> bool:
    return type(kind).__module__.startswith("numpy") and kind.kind in COMPARABLE_KINDS


def _listed(columns: Collection[Column]) -> str:
    shown = ", ".join(code_span(name) for name, _ in list(columns)[:MAX_NAMES])
    rest = len(columns) - MAX_NAMES
    return f"{'s' if len(columns) > 1 else ''} {shown}" + (f" and {rest} more" if rest > 0 else "")
