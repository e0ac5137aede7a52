"""The names on a line that failed, without keeping what they name."""

from __future__ import annotations

import sys
import traceback
import weakref
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

__all__ = ["LiveNames"]

# Small and immutable: kept as they are.
PLAIN = (type(None), bool, int, float, complex)
MAX_TEXT_CHARS = 1_000


class LiveNames(Mapping[str, object]):
    """The objects behind names, for as long as somebody else keeps them.

    An error is remembered until the next one; a large array or a tensor on a GPU that its
    line names must not be. Names of the notebook, or of another module, are looked up there when
    they are asked for. What only the failing code knew is found in its frame, which Python keeps
    with its last error, or by a weak reference.

    Parameters
    ----------
    names
        The names, in order, each of which the frame knows.
    frame
        The frame that failed.
    """

    def __init__(self, names: list[str], frame: FrameType) -> None:
        self._names = names
        self._module = frame.f_globals if _is_of_a_module(frame.f_globals) else {}
        self._frame_id = id(frame)
        own = _own_names(frame)
        self._own = {name: _held(own[name]) for name in names if name in own}

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
        if name not in self._own:
            return self._module.get(name, _GONE)
        own = {} if frame is None else _own_names(frame)
        return own[name] if name in own else self._own[name]()

    def _frame(self) -> FrameType | None:
        """Return the frame that failed, while Python keeps its error."""
        last = getattr(sys, "last_value", None)
        if not self._own or last is None:
            return None
        frames = (frame for frame, _ in traceback.walk_tb(last.__traceback__))
        return next((frame for frame in frames if id(frame) == self._frame_id), None)


def _own_names(frame: FrameType) -> Mapping[str, object]:
    """Return what a frame knows and its module, if it is of one, does not."""
    if not _is_of_a_module(frame.f_globals):
        return ChainMap(frame.f_locals, frame.f_globals)
    return {} if frame.f_locals is frame.f_globals else frame.f_locals


def _is_of_a_module(names: dict[str, object]) -> bool:
    """Whether somebody else keeps a frame's global names: those of `exec` may be its own."""
    module = sys.modules.get(str(names.get("__name__")))
    return getattr(module, "__dict__", None) is names


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
