"""The names on a line that failed, without keeping what they name."""

from __future__ import annotations

import sys
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

__all__ = ["LiveNames"]

# Small and immutable: kept as they are.
PLAIN = (type(None), bool, int, float, complex)
MAX_TEXT_CHARS = 1_000


class LiveNames(Mapping[str, object]):
    """The objects behind names, for as long as somebody else keeps them.

    An error is remembered until the next one; a large array or a tensor on a GPU that its
    line names must not be. Names of the notebook are looked up there when they are asked for.
    What only the failing function knew is found in its frame, which Python keeps with its last
    error, or by a weak reference.

    Parameters
    ----------
    names
        The names, in order; those that the frame does not know are left out.
    frame
        The frame that failed.
    """

    def __init__(self, names: list[str], frame: FrameType) -> None:
        self._globals = frame.f_globals
        self._frame_id = id(frame)
        local = {} if frame.f_locals is frame.f_globals else frame.f_locals
        self._locals = {name: _held(local[name]) for name in names if name in local}
        self._names = [n for n in dict.fromkeys(names) if n in local or n in self._globals]

    def __getitem__(self, name: str) -> object:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._names)})"

    def _found(self) -> dict[str, object]:
        frame = self._frame()
        found = {name: self._find(name, frame) for name in self._names}
        return {name: value for name, value in found.items() if value is not _GONE}

    def _find(self, name: str, frame: FrameType | None) -> object:
        if name not in self._locals:
            return self._globals.get(name, _GONE)
        if frame is not None and name in frame.f_locals:
            return frame.f_locals[name]
        return self._locals[name]()

    def _frame(self) -> FrameType | None:
        """Return the frame that failed, while Python keeps its error."""
        last = getattr(sys, "last_value", None)
        if not self._locals or last is None:
            return None
        frames = (frame for frame, _ in traceback.walk_tb(last.__traceback__))
        return next((frame for frame in frames if id(frame) == self._frame_id), None)


class _Gone:
    """Stands for an object that nobody has kept."""


_GONE = _Gone()


def _held(value: object) -> Callable[[], object]:
    """Return what gives ``value`` back while it may be kept, or somebody keeps it."""
    is_short = isinstance(value, str) and len(value) <= MAX_TEXT_CHARS
    if isinstance(value, PLAIN) or is_short:
        return lambda: value
    try:
        reference = weakref.ref(value)
    except TypeError:
        return lambda: _GONE

    def get() -> object:
        found = reference()
        return _GONE if found is None else found

    return get
