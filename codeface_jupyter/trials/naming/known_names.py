"""The names that exist where a code ends, by the live objects of the notebook."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from codeface_jupyter.infilling import NextName
from codeface_jupyter.namespace.classes import own_attributes
from codeface_jupyter.trials.checks.attributes import (
    class_attributes,
    gains_attributes,
    has_attribute,
    is_transparent,
    is_usual_class,
    member_names,
)
from codeface_jupyter.trials.checks.frame_methods import LEVEL_METHODS, names_columns
from codeface_jupyter.trials.checks.labels import PLOT_PARAMETERS, QUERY_WORDS
from codeface_jupyter.trials.checks.values import (
    Accessor,
    Column,
    Frame,
    Grouped,
    GroupedColumn,
    Instance,
    Keys,
    Live,
    Plot,
    Rows,
    Value,
    class_of,
)
from codeface_jupyter.trials.naming.cursor import Cursor, Place, place_of
from codeface_jupyter.trials.naming.known_parameters import KnownParameters
from codeface_jupyter.trials.naming.lexing import statement_start
from codeface_jupyter.trials.naming.owners import read_owner

__all__ = ["KnownNames"]

# Of so many, the model's own choice is as good, and the masks would be slow.
MAX_NAMES = 2_000
JOINERS = "\u200c\u200d"
# Those that pandas takes from numexpr.
QUERY_FUNCTIONS = frozenset(
    {
        *("abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "ceil"),
        *("cos", "cosh", "exp", "expm1", "floor", "log", "log10", "log1p", "sin", "sinh", "sqrt"),
        *("tan", "tanh"),
    }
)
# Long enough for what a completion is made in, and the checks read every line of it.
MAX_CODE_CHARS = 20_000
# What else may stand in a query: Python's own words, and the functions that take a column.
QUERY_SYNTAX = QUERY_WORDS | QUERY_FUNCTIONS | {"and", "in", "not", "or", "None", "True", "False"}


class KnownNames:
    """Finds the names that may come next, as the code before the cursor grows.

    Nothing of the code is run, and no object is asked anything that its own code would
    answer.

    Parameters
    ----------
    namespace
        The notebook's variables.
    others
        Returns names that may be there besides, of cells that have not been run, say; called
        once, and only if that matters.
    """

    def __init__(
        self,
        namespace: Mapping[str, object],
        *,
        others: Callable[[], Iterable[str]] = frozenset,
    ) -> None:
        self._namespace = namespace
        self._parameters = KnownParameters(namespace, others=others)
        # By the code up to where the name's owner ends: a token later it is the same.
        self._found: dict[tuple[str, Place], frozenset[str]] = {}

    def at_end_of(self, code: str) -> NextName | None:
        """Return the names that exist where ``code`` ends; None where that is not known.

        Where a name is being made, as in ``frame["new"] = …``, anything may come.
        """
        if len(code) > MAX_CODE_CHARS:
            return None
        cursor = Cursor.of(code)
        place = place_of(cursor)
        return self._parameters.at(cursor) if place is None else self._at(cursor, place)

    def _at(self, cursor: Cursor, place: Place) -> NextName | None:
        """Return the attributes or labels that a code may end in."""
        if not place.quote and place.typed.startswith("_"):
            return None
        key = (cursor.code[: place.owner[-1].end], replace(place, owner=(), typed=""))
        if key not in self._found:
            self._found[key] = self._names(cursor, place)
        options = frozenset(n for n in self._found[key] if n.startswith(place.typed))
        if not options:
            return None
        return NextName(options=options, typed=place.typed, closing=place.quote)

    def _names(self, cursor: Cursor, place: Place) -> frozenset[str]:
        value = read_owner(cursor, place.owner, self._namespace).value
        if _may_be_made(cursor, place, value):
            return frozenset()
        has_labels = place.quote or place.is_in_query
        names = set(_labels(value, place) if has_labels else _attributes(value))
        if len(names) > MAX_NAMES:
            return frozenset()
        if place.quote:
            return frozenset(_spelled(name, place.quote) for name in names)
        return frozenset(filter(str.isidentifier, names))


def _may_be_made(cursor: Cursor, place: Place, value: Value) -> bool:
    """Whether the name may be that of something that the statement makes."""
    first = cursor.tokens[statement_start(cursor.tokens)]
    if first.text in ("import", "from"):
        return True
    if first.start != place.owner[0].start or place.method or place.is_listed:
        return False
    if place.quote:
        return isinstance(value, Frame | Keys)
    return isinstance(value, Live) and type(value.obj) is not types.ModuleType


def _labels(value: Value, place: Place) -> Iterable[str]:
    found: Iterable[object] = ()
    match value:
        case Frame(has_nested_columns=False):
            found = _columns(value, place)
        case Grouped(frame=Frame(has_nested_columns=False) as frame):
            found = frame.labels or () if not place.method or _aggregates(place) else ()
        case Column(rows=Rows(levels=levels)) if place.argument == "level":
            found = levels
        case Plot(frame=frame) if place.argument in PLOT_PARAMETERS:
            found = _columns(frame, replace(place, method="plot"))
        case Keys(items=dict() as items) if not place.method:
            found = items
    return [name for name in found if isinstance(name, str)]


def _columns(frame: Frame, place: Place) -> Iterable[object]:
    """Return the columns that may be named, and the levels of the index where these may be."""
    labels = frame.labels or {}
    if place.is_in_query:
        return [*labels, *frame.rows.levels, *QUERY_SYNTAX] if frame.rows is not None else ()
    if not place.method:
        return labels
    if place.method == "plot":
        return labels if place.argument in PLOT_PARAMETERS else ()
    if not names_columns(place.method, place.argument, is_key=place.is_key):
        return ()
    if place.method not in LEVEL_METHODS:
        return labels
    return [*labels, *frame.rows.levels] if frame.rows is not None else ()


def _aggregates(place: Place) -> bool:
    is_named_pair = place.method == "agg" and isinstance(place.argument, str)
    return is_named_pair or (place.is_key and place.method in ("agg", "aggregate"))


def _attributes(value: Value) -> Iterable[str]:
    found: Iterable[object] = ()
    match value:
        case Frame(labels=dict() as labels, attributes=attributes):
            found = [*labels, *attributes, *_of_class(value)]
        case Grouped(frame=Frame(labels=dict() as labels)):
            found = [*labels, *_of_class(value)]
        case Column() | GroupedColumn() | Accessor() | Plot() | Keys():
            found = _of_class(value)
        case Instance(cls=cls) if is_transparent(cls) and not gains_attributes(cls):
            found = class_attributes(cls)
        case Live(obj=obj) if not value.may_have_gained or not _gains_attributes(obj):
            found = _of_object(obj)
    return [name for name in found if isinstance(name, str) and not name.startswith("_")]


def _of_class(value: Value) -> Iterable[str]:
    cls = class_of(value)
    return class_attributes(cls) if cls is not None else ()


def _gains_attributes(obj: object) -> bool:
    is_fixed = type(obj) is types.ModuleType or is_usual_class(obj)
    return not is_fixed and gains_attributes(type(obj))


def _of_object(obj: object) -> Iterable[object]:
    # Of what has its own way to find attributes, nobody can say that one is missing.
    if has_attribute(obj, "a name that nothing has") is not False:
        return ()
    if type(obj) is types.ModuleType:
        return member_names(obj)
    if is_usual_class(obj):
        return class_attributes(obj)
    return [*own_attributes(obj), *class_attributes(type(obj))]


def _spelled(name: str, quote: str) -> str:
    """Return a name as it is written between quotes."""
    return "".join(_spelled_sign(sign, quote) for sign in name)


def _spelled_sign(sign: str, quote: str) -> str:
    if sign in (quote, "\\"):
        return f"\\{sign}"
    # What joins the parts of an emoji, and letters of some scripts, counts as not printable.
    is_shown = sign in JOINERS or sign.isprintable()
    return sign if is_shown else sign.encode("unicode_escape").decode()
