"""What a code does to the notebook's variables: a look before it, and what is different after.

Only the variables that the code names are looked at closely, since every other one can only be
changed through them or through a function; data are copied for that as long as they are small.
It runs in the copy of the kernel, where objects may do what they like.
"""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from codeface_jupyter.namespace.classes import bases_of, is_instance
from codeface_jupyter.outcome import Change
from codeface_jupyter.privacy import is_secret_name
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.few_words import CONTAINERS, PLAIN, few_words
from codeface_jupyter.trials.fingerprint import digest_of_value, is_opaque
from codeface_jupyter.trials.frame_changes import changed_columns, frame_changes
from codeface_jupyter.trials.looking import looked_at
from codeface_jupyter.trials.secret_values import secret_names

__all__ = ["StateBefore"]

MAX_COPIED_BYTES = 256 * 2**20
MAX_COPIED_ITEMS = 20_000
# What is defined or imported is no news to who reads the code.
NO_DATA = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


@dataclass(frozen=True)
class _Kept:
    """A variable before: the object itself, and a copy that tells what has changed in it."""

    value: object
    copied: object | None

    @property
    def before(self) -> object:
        """What it was, as far as that is kept."""
        return self.value if self.copied is None else self.copied


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
        tree = parse_module(code)
        named = set() if tree is None else _names(tree)
        self._secret = frozenset() if tree is None else secret_names(tree)
        self._kept = {
            name: _Kept(value, _copied(value) if name in named else None)
            for name, value in _own(namespace)
        }

    def changes(self, namespace: Mapping[str, object]) -> tuple[Change, ...]:
        """Return what is different in ``namespace``, what was there before first."""
        return (*self._changes_of_old(namespace), *self._new(namespace))

    def changed_columns(self, name: str, now: object) -> Iterator[int]:
        """Yield where a frame's columns stand that are new, then those that have other data."""
        kept = self._kept.get(name)
        if kept is not None and _is_frame(kept.before) and _is_frame(now):
            yield from changed_columns(kept.before, now)

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
        new = (namespace[change.name] for change in self._new(namespace))
        return sorted(digest_of_value(value) for value in new if not is_opaque(value))

    def held(self) -> list[object]:
        """Return the data that the code names, as they were before."""
        return [kept.copied for kept in self._kept.values() if kept.copied is not None]

    def keeps_data(self, namespace: Mapping[str, object]) -> bool:
        """Whether what is different in old variables is at most how something is called."""
        changed = {change.name for change in self._changes_of_old(namespace)}
        return all(
            name in namespace and digest_of_value(kept.copied) == digest_of_value(namespace[name])
            for name, kept in self._kept.items()
            if name in changed
        )

    def _changes_of_old(self, namespace: Mapping[str, object]) -> Iterator[Change]:
        for name, kept in self._kept.items():
            if not _is_data(kept.value):
                continue
            if name not in namespace:
                yield Change(name=name, kind="gone", text="deleted")
                continue
            text = _told_difference(kept, namespace[name], is_secret=self._is_secret(name))
            if text:
                yield Change(name=name, kind="changed", text=text)

    def _new(self, namespace: Mapping[str, object]) -> Iterator[Change]:
        for name, value in _own(namespace):
            if name not in self._kept and _is_data(value):
                text = few_words(value, is_secret=self._is_secret(name))
                yield Change(name=name, kind="new", text=text)

    def _is_secret(self, name: str) -> bool:
        return name in self._secret or is_secret_name(name)


def _own(namespace: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the user's variables; ``globals()`` may hold anything under any key."""
    for name, value in namespace.items():
        if isinstance(name, str) and not name.startswith("_"):
            yield name, value


def _is_data(value: object) -> bool:
    # Without a word to the object: most of those asked about, the code does not name.
    return not any(base is kind for base in bases_of(value) for kind in NO_DATA)


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _copied(value: Any) -> object | None:
    """Return a copy of data, as long as it is small; None for all else."""
    return looked_at(lambda: _small_copy(value), otherwise=None)


def _small_copy(value: Any) -> object | None:
    if isinstance(value, PLAIN):
        return value
    is_data = isinstance(value, CONTAINERS) or _is_table(value)
    return _copy(value) if is_data and _is_small(value) else None


def _copy(value: Any) -> object:
    if is_instance(value, "pandas", "DataFrame"):
        return _copied_frame(value)
    if is_instance(value, "pandas", "Series"):
        is_deep = _has_few_objects(value)
        return cast("object", _copied_objects(value) if is_deep else value.copy())
    is_shallow = _is_table(value) and not _has_few_objects(value)
    return cast("object", value.copy() if is_shallow else copy.deepcopy(value))


def _copied_frame(frame: Any) -> object:
    copied = frame.copy()
    if _has_few_objects(frame):
        for number, kind in enumerate(frame.dtypes):
            if _is_object(kind):
                copied.isetitem(number, _copied_objects(frame.iloc[:, number]))
    return cast("object", copied)


def _copied_objects(series: Any) -> Any:
    """Return a copy of a series of objects, and of those, which its own copy would share."""
    copied = copy.deepcopy(series.to_numpy())
    return type(series)(copied, index=series.index, name=series.name, dtype=object)


def _has_few_objects(table: Any) -> bool:
    """Whether what a table refers to, lists for example, may be copied with it."""
    kinds = table.dtypes if _is_frame(table) else [table.dtype]
    cells = len(table) if _is_frame(table) else table.size
    return 0 < cells * sum(map(_is_object, kinds)) <= MAX_COPIED_ITEMS


def _is_object(kind: Any) -> bool:
    return str(kind) == "object"


def _is_small(value: Any) -> bool:
    """Whether data take little to copy, down through all that they hold."""
    items, size, waiting = 0, 0, [value]
    while waiting:
        held = waiting.pop()
        if _is_table(held):
            size += _bytes_of(held)
        elif isinstance(held, CONTAINERS):
            items += len(held)
        if size > MAX_COPIED_BYTES or items > MAX_COPIED_ITEMS:
            return False
        if isinstance(held, CONTAINERS):
            waiting.extend(held.values() if isinstance(held, dict) else held)
    return True


def _bytes_of(table: Any) -> int:
    size = getattr(table, "nbytes", None)
    return int(table.memory_usage().sum() if size is None else size)


def _is_table(value: object) -> bool:
    is_series = is_instance(value, "pandas", "Series")
    return is_series or _is_frame(value) or is_instance(value, "numpy", "ndarray")


def _is_frame(value: object) -> bool:
    return is_instance(value, "pandas", "DataFrame")


def _told_difference(kept: _Kept, now: Any, *, is_secret: bool) -> str:
    """Return how a variable is known to differ from what it was, in few words; else nothing."""
    return looked_at(lambda: _difference(kept, now, is_secret=is_secret), otherwise="")


def _difference(kept: _Kept, now: Any, *, is_secret: bool) -> str:
    before: Any = kept.before
    if before is now:
        return ""
    if _is_frame(before) and _is_frame(now):
        return ", ".join(frame_changes(before, now))
    if type(before) is not type(now):
        return f"becomes {few_words(now, is_secret=is_secret)}"
    if _is_equal(before, now):
        return ""
    was, becomes = (few_words(value, is_secret=is_secret) for value in (before, now))
    return "values changed" if was == becomes else f"from {was} to {becomes}"


def _is_equal(before: Any, now: Any) -> bool:
    """Whether two values are the same; missing ones are."""
    if type(before) is not type(now):
        return False
    if isinstance(before, PLAIN):
        return bool(before == now or (before != before and now != now))  # noqa: PLR0124 - NaN
    if is_instance(before, "numpy", "ndarray"):
        return _is_equal_array(before, now)
    return bool(before.equals(now)) if _is_table(before) else _is_equal_container(before, now)


def _is_equal_container(before: Any, now: Any) -> bool:
    if isinstance(before, dict) and before.keys() == now.keys():
        return all(_is_equal(value, now[key]) for key, value in before.items())
    if isinstance(before, list | tuple):
        return len(before) == len(now) and all(map(_is_equal, before, now))
    return digest_of_value(before) == digest_of_value(now)


def _is_equal_array(before: Any, now: Any) -> bool:
    if before.shape != now.shape or before.dtype != now.dtype:
        return False
    # The bytes of objects are their addresses.
    is_plain = not _is_object(before.dtype)
    return bool(
        before.tobytes() == now.tobytes() if is_plain else _is_equal(before.tolist(), now.tolist())
    )
