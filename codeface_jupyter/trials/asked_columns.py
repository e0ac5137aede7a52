"""The names that a request gives the columns of a table, and a table that has others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.checks.values import Frame, value_of
from codeface_jupyter.trials.checks.wording import listed
from codeface_jupyter.trials.last_step import quoted_name, with_last_step
from codeface_jupyter.trials.unsaid_names import (
    MAX_REQUEST_CHARS,
    NOT_NAMES,
    is_not_meant,
    without_code,
)

__all__ = ["NamedColumns", "asked_columns", "missing_columns", "with_asked_columns"]

NAME = r"(?:\"\w[\w %()/.-]{0,39}\"|`[A-Za-z_]\w{0,39}`|“\w[\w %()/.-]{0,39}”)"
# In a row after the word, or each after what it is to name.
LISTED = re.compile(
    rf"\bcolumns?\b[^.;\n\"`“]{{0,30}}?(?P<names>{NAME}(?:(?:\s*,)?\s*(?:and\s+)?{NAME})*)",
    re.IGNORECASE,
)
# Or before it: "A" and "B" as the columns.
GIVEN_AS = re.compile(
    rf"(?P<names>{NAME}(?:(?:\s*,)?\s*(?:and\s+)?{NAME})*)\s+as\s+(?:the\s+)?columns?\b",
    re.IGNORECASE,
)
IS_INDEX = re.compile(r"\s+as\s+(?:the\s+)?index\b", re.IGNORECASE)
NAMED_AS = re.compile(rf"\bas\s+(?P<names>{NAME})", re.IGNORECASE)
ONE_NAME = re.compile(NAME)
TABLE = re.compile(r"DataFrame of [\d,]+ rows? and (?P<count>[\d,]+) columns?")
WORD = re.compile(r"[^\W\d_]{3,}")
# What columns are named for then is not to be what they are called.
CHANGES_COLUMNS = re.compile(
    r"\b(?:drop|remove|delete|exclude|without|rename|replace|only)\b", re.IGNORECASE
)
# The names of columns that were given none: those of what computes them.
MADE_BY_PANDAS = frozenset({
    "count", "first", "last", "max", "mean", "median", "min", "nunique", "proportion", "size",
    "std", "sum", "var", "0",
})  # fmt: skip
# What a name says was computed: of two names, both are not the same thing's.
COMPUTED = re.compile(
    r"(?<![a-z])(?:avg|average|count|first|last|max|mean|median|min|mode|n|nunique|number|percent"
    r"|proportion|ratio|share|size|std|sum|total|var)(?![a-z])",
    re.IGNORECASE,
)
COUNTS = frozenset({"count", "n", "number", "size"})
SAME = (frozenset({"avg", "average", "mean"}), COUNTS, frozenset({"sum", "total"}))


@dataclass(frozen=True)
class NamedColumns:
    """A code whose table has the names that were asked for, the table's, and a note."""

    code: str
    columns: tuple[str, ...]
    note: str

    def are_given_by(self, outcome: Outcome | None) -> bool:
        """Whether a code has run and its table has these columns."""
        return outcome is not None and outcome.has_run and _columns(outcome) == self.columns


def asked_columns(request: str) -> tuple[str, ...]:
    """Return the names that ``request`` quotes for columns, in its order.

    Examples
    --------
    >>> asked_columns('per arm: columns "mean", "std" and "n"')
    ('mean', 'std', 'n')
    """
    request = without_code(request)
    if len(request) > MAX_REQUEST_CHARS or CHANGES_COLUMNS.search(request):
        return ()
    places = {
        (match.start("names") + one.start()): one[0][1:-1]
        for pattern in (LISTED, GIVEN_AS, NAMED_AS)
        for match in pattern.finditer(request)
        if not is_not_meant(request, match.start("names"))
        for one in ONE_NAME.finditer(match["names"])
        if not IS_INDEX.match(request, match.start("names") + one.end())
    }
    return tuple(dict.fromkeys(places[place] for place in sorted(places)))


def with_asked_columns(
    code: str, outcome: Outcome | None, *, request: str, namespace: Mapping[str, object]
) -> NamedColumns | None:
    """Return a code that renames its table's columns to what was asked; None if that is not clear.

    Clear is the only name that is missing where only one column has a name that pandas made, and
    one that has a word in common with only one of the columns that are not asked for.

    Parameters
    ----------
    code
        Python.
    outcome
        What it did.
    request
        What was asked, in the user's words.
    namespace
        The notebook's variables: what is a column there already is no new name.
    """
    asked = asked_columns(request)
    columns = _columns(outcome) if outcome is not None and outcome.has_run else ()
    missing = [name for name in asked if name not in columns]
    others = [name for name in columns if name not in asked]
    is_one_each = len(missing) == len(others) > 0 and len(set(columns)) == len(columns)
    tree = parse_module(code) if is_one_each else None
    if tree is None or any(_is_known(name, tree, namespace) for name in missing):
        return None
    is_only_one_left = len(columns) > 1 and len(others) == 1 and others[0] in MADE_BY_PANDAS
    pairs = dict(_pairs(missing, others, is_only_one_left=is_only_one_left))
    if len(pairs) < len(others) or outcome is None or any(map(_differ, pairs, pairs.values())):
        return None
    names = ", ".join(f"{quoted_name(old)}: {quoted_name(new)}" for old, new in pairs.items())
    step = f".rename(columns={{{names}}})"
    renamed = with_last_step(code, step, variable=outcome.preview.variable)
    if renamed is None:
        return None
    named = listed([*pairs.values()])
    return NamedColumns(
        code=renamed,
        columns=tuple(pairs.get(name, name) for name in columns),
        note=f"Named {'the column' if len(pairs) == 1 else 'columns'} {named}, as you asked.",
    )


def missing_columns(
    code: str, outcome: Outcome | None, *, request: str, namespace: Mapping[str, object]
) -> tuple[str, ...]:
    """Return the new names that ``request`` quotes for columns and that a code's table lacks.

    Empty where the table's columns are not all known. A series is one column.
    """
    if outcome is None or not outcome.has_run or outcome.preview.table is None:
        return ()
    asked = asked_columns(request)
    is_one = outcome.value.startswith("Series of") and len(asked) > 1
    tree = parse_module(code) if asked and (is_one or _columns(outcome)) else None
    if tree is None:
        return ()
    there = {name.casefold() for name in outcome.preview.table.header}
    missing = (name for name in asked if name.casefold() not in there)
    return tuple(name for name in missing if not _is_known(name, tree, namespace))


def _is_known(name: str, tree: ast.Module, namespace: Mapping[str, object]) -> bool:
    """Whether a name is something else: in the code, or a type, variable or column."""
    if _says(tree, name) or name.lower() in NOT_NAMES or name in namespace:
        return True
    frames = (value_of(value) for value in namespace.values())
    return any(isinstance(frame, Frame) and name in (frame.labels or ()) for frame in frames)


def _says(tree: ast.Module, name: str) -> bool:
    said = (value for node in ast.walk(tree) for _, value in ast.iter_fields(node))
    return any(isinstance(value, str) and value == name for value in said)


def _columns(outcome: Outcome) -> tuple[str, ...]:
    """Return the names of the columns of a code's table; empty if not all are known."""
    table = outcome.preview.table
    if table is None:
        return ()
    texts = [outcome.value, *(change.text for change in outcome.changes)]
    counts = {int(m["count"].replace(",", "")) for text in texts if (m := TABLE.match(text))}
    columns = table.header[1:]
    return columns if counts == {len(columns)} else ()


def _pairs(
    missing: Sequence[str], others: Sequence[str], *, is_only_one_left: bool
) -> Iterator[tuple[str, str]]:
    """Yield names that a table has, each with the one that was asked for in its place."""
    if is_only_one_left:
        yield others[0], missing[0]
        return
    for name in missing:
        alike = [other for other in others if _words(other) & _words(name)]
        if len(alike) == 1:
            yield alike[0], name


def _differ(old: str, new: str) -> bool:
    """Whether two names say that different things were computed: "mean" and "max_temp"."""
    was, wanted = ({one.lower() for one in COMPUTED.findall(name)} for name in (old, new))
    if not wanted or not was:
        return bool(wanted - COUNTS) and old in MADE_BY_PANDAS
    return was.isdisjoint(wanted) and not any(was & same and wanted & same for same in SAME)


def _words(name: str) -> set[str]:
    return {word.lower() for word in WORD.findall(name)}
