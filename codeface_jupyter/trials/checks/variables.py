"""The variables of a code as far as it is read: what the notebook has, and what it made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from codeface_jupyter.trials.checks.values import Frame, Keys, Value, value_of

__all__ = ["Variables"]


class Variables:
    """Names and what is known of their values.

    Parameters
    ----------
    namespace
        The notebook's variables; each is looked at once, when it is first read.
    assigned
        The names that the code binds anywhere.
    """

    def __init__(self, namespace: Mapping[str, object], *, assigned: frozenset[str]) -> None:
        self._namespace = namespace
        self._assigned = assigned
        self._bound: dict[str, Value] = {}
        self._hidden: list[frozenset[str]] = []
        self._by_id: dict[int, Value] = {}
        self._is_content_certain = True

    def __getitem__(self, name: str) -> Value:
        if any(name in names for names in self._hidden):
            return None
        if name not in self._bound:
            is_known = name in self._namespace
            self._bound[name] = self.value_of(self._namespace[name]) if is_known else None
        return self._bound[name]

    def __setitem__(self, name: str, value: Value) -> None:
        # A comprehension's own names are gone after it.
        if not any(name in names for names in self._hidden):
            self._bound[name] = value

    def value_of(self, obj: object) -> Value:
        """Return what is known of an object: the same for all its names."""
        if id(obj) not in self._by_id:
            value = self._by_id[id(obj)] = value_of(obj)
            if isinstance(value, Frame | Keys) and not self._is_content_certain:
                value.forget()
        return self._by_id[id(obj)]

    def is_bound(self, name: str) -> bool:
        """Whether a name stands for something of the notebook's or of the code's own."""
        return (
            name in self._namespace
            or self._bound.get(name) is not None
            or name in self._assigned
            or any(name in names for names in self._hidden)
        )

    def forget(self, names: Iterable[str]) -> None:
        """Let nothing be known of some names."""
        self._bound |= dict.fromkeys(names)

    def forget_contents(self) -> None:
        """Let nothing be known of what frames and dicts hold: unknown code may change any."""
        self._is_content_certain = False
        for value in [*self._by_id.values(), *self._bound.values()]:
            if isinstance(value, Frame | Keys):
                value.forget()

    @contextmanager
    def hidden(self, names: Iterable[str]) -> Iterator[None]:
        """Have names stand for something else meanwhile, as parameters do."""
        self._hidden.append(frozenset(names))
        try:
            yield
        finally:
            self._hidden.pop()

    @contextmanager
    def given(self, name: str, value: Value) -> Iterator[None]:
        """Have a name stand for ``value`` meanwhile."""
        before, was_bound = self._bound.get(name), name in self._bound
        self._bound[name] = value
        try:
            yield
        finally:
            self._bound[name] = before
            if not was_bound:
                del self._bound[name]
