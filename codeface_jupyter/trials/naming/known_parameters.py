"""The parameters that an argument may name where a code ends, by the live callable."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from codeface_jupyter.infilling import NextName
from codeface_jupyter.trials.checks.signatures import signature_of_value
from codeface_jupyter.trials.checks.undefined_names import ALWAYS_THERE
from codeface_jupyter.trials.naming.arguments import ArgumentPlace, argument_place_of
from codeface_jupyter.trials.naming.cursor import Cursor
from codeface_jupyter.trials.naming.owners import read_owner

__all__ = ["KnownParameters"]

# What an argument without a name may begin with that is no variable: `not`, say, and `rb` of bytes.
WORDS = frozenset(keyword.kwlist) | {"b", "br", "f", "fr", "r", "rb", "rf", "t", "tr", "u"}
# Wherever an argument may begin: its call ends, the stars of several, a line, and spaces.
ANYWHERE = (")", "*", "\n", "#", "\t")
MANY_SPACES = " " * 60


@dataclass(frozen=True)
class _Callable:
    """What is known of what is called, and the names that stand for something in its arguments."""

    signature: inspect.Signature | None
    names: frozenset[str] | None


class KnownParameters:
    """Finds the parameters that may be named next, as the code before the cursor grows.

    Parameters
    ----------
    namespace
        The notebook's variables.
    others
        Returns names that may be there besides; called once, and only if that matters.
    """

    def __init__(
        self, namespace: Mapping[str, object], *, others: Callable[[], Iterable[str]]
    ) -> None:
        self._namespace = namespace
        self._find_others = others
        # By the code up to where the name of what is called ends.
        self._found: dict[str, _Callable] = {}

    def at(self, cursor: Cursor) -> NextName | None:
        """Return the parameters that an argument may name in which a code ends.

        None where that is not known, and where another expression may stand as well.
        """
        place = argument_place_of(cursor)
        called = None if place is None else self._callable(cursor, place)
        if place is None or called is None or called.signature is None:
            return None
        if not place.has_to_be_named(called.signature) and self._may_be_value(place, called):
            return None
        names = place.parameters(called.signature)
        options = frozenset(name for name in names if name.startswith(place.typed))
        if not options:
            return None
        instead = _instead(options, place.typed)
        return NextName(options=options, typed=place.typed, closing="=", instead=instead)

    @cached_property
    def _others(self) -> frozenset[str]:
        return frozenset(self._find_others())

    def _callable(self, cursor: Cursor, place: ArgumentPlace) -> _Callable:
        code = cursor.code[: place.called[-1].end]
        if code not in self._found:
            owner = read_owner(cursor, place.called, self._namespace)
            self._found[code] = _Callable(signature_of_value(owner.value), owner.names)
        return self._found[code]

    def _may_be_value(self, place: ArgumentPlace, called: _Callable) -> bool:
        """Whether what is typed of an argument may begin something else than a parameter's name."""
        if not place.typed or place.is_first_of_brackets or called.names is None:
            return True
        known = chain(called.names, self._namespace, ALWAYS_THERE, WORDS)
        return any(name.startswith(place.typed) for name in chain(known, self._others))


def _instead(options: Iterable[str], typed: str) -> frozenset[str]:
    """Return what else may stand where a parameter would be named, spaces above all."""
    if typed:
        return frozenset(f"{name}{space}=" for name in options for space in (" ", MANY_SPACES))
    begun = {f"{name}=" for name in options}.union(ANYWHERE)
    return frozenset({*ANYWHERE, MANY_SPACES, *(f" {text}" for text in begun)})
