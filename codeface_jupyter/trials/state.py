"""What a code does to the notebook's variables: a look before it, and what is different after.

Only the variables that the code names are looked at closely, since every other one can only be
changed through them or through a function; data are copied for that as long as they are small.
It runs in the copy of the kernel, where objects may do what they like.
"""

from __future__ import annotations

import ast
import copy
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from codeface_jupyter.outcome import Change
from codeface_jupyter.shorten import in_one_line, shorten
from codeface_jupyter.trials.fingerprint import digest_of_value

__all__ = ["StateBefore", "few_words", "is_scalar"]

MAX_COPIED_BYTES = 256 * 2**20
MAX_COPIED_ITEMS = 20_000
MAX_NAMES = 5
MAX_VALUE_CHARS = 60
PLAIN = (bool, int, float, complex, str, bytes, type(None))
CONTAINERS = (list, dict, set, tuple, frozenset)
# What is defined or imported is no news to who reads the code.
NO_DATA = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


@dataclass(frozen=True)
class _Kept:
    """A variable before: the object itself, and a copy that tells what has changed in it."""

    value: object
    copied: object | None


class StateBefore:
    """The notebook's variables before a code runs.

    Parameters
    ----------
    namespace
        The notebook's names; those that begin with an underscore are IPython's or private.
    code
        The code, in plain Python; what it names is kept for comparison.
    """

    def __init__(self, namespace: Mapping[str, object], code: str) -> None:
        named = _names(code)
        self._kept = {
            name: _Kept(value, _copied(value) if name in named else None)
            for name, value in namespace.items()
            if not name.startswith("_")
        }

    def changes(self, namespace: Mapping[str, object]) -> tuple[Change, ...]:
        """Return what is different in ``namespace``, what was there before first."""
        return (*self._changes_of_old(namespace), *self._new(namespace))

    def digest(self, namespace: Mapping[str, object]) -> str:
        """Return the digest of all variables that were there before and have other data now."""
        changed = {
            change.name: digest_of_value(namespace.get(change.name))
            for change in self._changes_of_old(namespace)
        }
        return digest_of_value(changed) if changed else ""

    def digest_of_new(self, namespace: Mapping[str, object]) -> str:
        """Return the digest of the data of new variables, whatever their names."""
        values = self.digests_of_new(namespace)
        return digest_of_value(values) if values else ""

    def digests_of_new(self, namespace: Mapping[str, object]) -> list[str]:
        """Return the digest of each new variable's data, in an order without meaning."""
        return sorted(digest_of_value(namespace[change.name]) for change in self._new(namespace))

    def _changes_of_old(self, namespace: Mapping[str, object]) -> Iterator[Change]:
        for name, kept in self._kept.items():
            if isinstance(kept.value, NO_DATA):
                continue
            if name not in namespace:
                yield Change(name=name, kind="gone", text="deleted")
                continue
            text = _difference(kept, namespace[name])
            if text:
                yield Change(name=name, kind="changed", text=text)

    def _new(self, namespace: Mapping[str, object]) -> Iterator[Change]:
        for name, value in namespace.items():
            is_own = not name.startswith("_") and not isinstance(value, NO_DATA)
            if is_own and name not in self._kept:
                yield Change(name=name, kind="new", text=few_words(value))


def few_words(value: object) -> str:
    """Return what a value is, in few words: "Series of 3", "ndarray, 5 x 3", "42"."""
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, PLAIN):
        return in_one_line(repr(value), max_chars=MAX_VALUE_CHARS)
    if isinstance(shape, tuple) and all(isinstance(size, int) for size in shape) and shape:
        if len(shape) == 1:
            return f"{name} of {shape[0]:,}"
        if _is_frame(value):
            rows, columns = shape
            return f"{name} of {_counted(rows, 'row')} and {_counted(columns, 'column')}"
        return f"{name}, {' x '.join(f'{size:,}' for size in shape)}"
    if isinstance(value, CONTAINERS):
        return f"{name} of {len(value):,}"
    return str(name)


def is_scalar(value: object) -> bool:
    """Whether few words say all of a value."""
    return (isinstance(value, PLAIN) or getattr(value, "shape", None) == ()) and len(
        few_words(value)
    ) < MAX_VALUE_CHARS


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _names(code: str) -> set[str]:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _copied(value: Any) -> object | None:
    """Return a copy of data, as long as it is small; None for all else."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, CONTAINERS):
        return _copied_container(value)
    if _is_table(value):
        size = getattr(value, "nbytes", None)
        if size is None:
            size = int(value.memory_usage().sum())
        return cast("object", value.copy()) if size <= MAX_COPIED_BYTES else None
    return None


def _copied_container(value: Any) -> object | None:
    if len(value) > MAX_COPIED_ITEMS:
        return None
    try:
        return cast("object", copy.deepcopy(value))
    except Exception:  # noqa: BLE001 - what is in it may refuse as it likes
        return None


def _is_table(value: object) -> bool:
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    is_pandas = pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)
    return is_pandas or (numpy is not None and isinstance(value, numpy.ndarray))


def _is_frame(value: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _difference(kept: _Kept, now: Any) -> str:
    """Return how a variable differs from what it was, in few words; empty if it does not."""
    before = kept.value if kept.copied is None else kept.copied
    if before is now:
        return ""
    if _is_frame(before) and _is_frame(now):
        return _frame_difference(before, now)
    if type(before) is not type(now):
        return f"becomes {few_words(now)}"
    if _is_equal(before, now):
        return ""
    was, becomes = few_words(before), few_words(now)
    return "values changed" if was == becomes else f"from {was} to {becomes}"


def _is_equal(before: Any, now: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(before, numpy.ndarray):
        return bool(before.dtype == now.dtype and before.tobytes() == now.tobytes())
    if hasattr(before, "equals") and _is_table(before):
        return bool(before.equals(now))
    return digest_of_value(before) == digest_of_value(now)


def _frame_difference(before: Any, now: Any) -> str:
    parts = []
    added = [name for name in now.columns if name not in before.columns]
    dropped = [name for name in before.columns if name not in now.columns]
    if added:
        parts.append(f"adds column{_listed(added)}")
    if dropped:
        parts.append(f"drops column{_listed(dropped)}")
    if len(before) != len(now):
        parts.append(f"from {len(before):,} to {len(now):,} rows")
    both = [name for name in now.columns if name in before.columns]
    if before.columns.is_unique and now.columns.is_unique:
        parts += _column_differences(before[both], now[both], has_same_rows=len(before) == len(now))
    return ", ".join(parts)


def _column_differences(before: Any, now: Any, *, has_same_rows: bool) -> Iterator[str]:
    other_type = [name for name in now.columns if now[name].dtype != before[name].dtype]
    for name in other_type[:MAX_NAMES]:
        yield f"column `{_short(name)}` from {before[name].dtype} to {now[name].dtype}"
    if not has_same_rows:
        return
    changed = [
        name
        for name in now.columns
        if name not in other_type and not before[name].equals(now[name])
    ]
    if changed:
        yield f"changes column{_listed(changed)}"


def _listed(names: list[Any]) -> str:
    shown = ", ".join(f"`{_short(name)}`" for name in names[:MAX_NAMES])
    rest = len(names) - MAX_NAMES
    return f"{'s' if len(names) > 1 else ''} {shown}" + (f" and {rest} more" if rest > 0 else "")


def _short(name: object) -> str:
    return shorten(str(name).replace("`", "'"), max_chars=MAX_VALUE_CHARS)
