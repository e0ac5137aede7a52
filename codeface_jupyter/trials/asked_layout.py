"""What a request puts into the rows and the columns of a table, and a table laid out otherwise."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from codeface_jupyter.outcome import Outcome, PreviewTable
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.alike_names import says_the_same
from codeface_jupyter.trials.asked_columns import asked_columns
from codeface_jupyter.trials.asked_kind import asked_kind
from codeface_jupyter.trials.checks.wording import code_span, listed
from codeface_jupyter.trials.last_step import quoted_name, with_last_step
from codeface_jupyter.trials.unsaid_names import MAX_REQUEST_CHARS, is_not_meant, without_code

__all__ = ["LaidOut", "Layout", "asked_layout", "with_asked_layout"]

QUOTED = r"(?:\"\w[^\"\n]{0,39}\"|`\w[^`\n]{0,39}`|“\w[^”\n]{0,39}”)"
NAMES = rf"{QUOTED}(?:(?:\s*,)?\s*(?:and\s+)?{QUOTED})*"
OTHER_WORDS = r"(?:and|are|as|be|is|it|put|that|the|them|these|they|this|those|use|with)\b"
WORDS = rf"\b(?!{OTHER_WORDS})[a-z]\w+(?:\s+(?:names?|numbers?|types?))?"
WHAT = rf"(?P<what>{NAMES}|{WORDS})"
TO = r"\s+(?:as|in|into|on)\s+(?:the\s+)?"
ROWS = (
    rf"{WHAT}{TO}(?:rows?|index)\b(?!\s+(?:labels?|names?|numbers?))",
    rf"\b(?:rows?|index)\s+should\s+be\s+(?:the\s+)?{WHAT}",
    rf"\b(?:indexed\s+by|one\s+row\s+(?:per|for\s+each))\s+{WHAT}",
    rf"{WHAT}\s+down(?=\s*[,;)])",
)
COLUMNS = (
    rf"{WHAT}{TO}columns?\b(?!\s+(?:labels?|names?|numbers?))",
    rf"\bcolumns?\s+should\s+be\s+(?:the\s+)?{WHAT}",
    rf"\b(?:one|a)\s+column\s+(?:per|for\s+each)\s+{WHAT}",
    rf"{WHAT}\s+across(?=\s*[,;.)]|$)",
)
ONE_NAME = re.compile(QUOTED)
# The names of rows, one after the other.
ORDERED = re.compile(
    r"\bin\s+the\s+(?:following\s+)?order:?\s+(?P<names>[^\s,;.]+(?:(?:\s*,\s*and|\s*,|\s+and)\s+"
    r"[^\s,;.]+)+)",
    re.IGNORECASE,
)
BETWEEN = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+", re.IGNORECASE)
# What a name or number of something is, is told by the thing.
OF_A_THING = re.compile(r"\s+(?:names?|numbers?|types?)\Z", re.IGNORECASE)
SPEAKS_OF_ROWS = re.compile(r"\b(?:index|rows?)\b", re.IGNORECASE)
NUMBERED = re.compile(r"\d+")


@dataclass(frozen=True)
class Layout:
    """What stands in the rows, or the index, and in the columns; empty where it is not said."""

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class LaidOut:
    """A code with a step at its end that lays out its table as it was asked for, and a note.

    Attributes
    ----------
    code
        The code.
    note
        What the step does.
    is_given_by
        Whether an outcome's table is laid out so.
    """

    code: str
    note: str
    is_given_by: Callable[[Outcome | None], bool]


@dataclass(frozen=True)
class _Step:
    """A step that lays out a table in another way, and what the table's header begins with."""

    text: str
    note: str
    header: tuple[str, ...]


def asked_layout(request: str) -> Layout:
    """Return what ``request`` says of a table's rows and columns.

    Examples
    --------
    >>> asked_layout("mean score, classes as rows and subjects as columns")
    Layout(rows=('classes',), columns=('subjects',))
    """
    request = without_code(request)
    if len(request) > MAX_REQUEST_CHARS:
        return Layout()
    return Layout(rows=_said(request, ROWS), columns=_said(request, COLUMNS))


def _said(request: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return what a request says of one of both; empty if it says several things."""
    found = {
        tuple(name[1:-1] for name in ONE_NAME.findall(match["what"])) or (match["what"],)
        for pattern in patterns
        for match in re.finditer(pattern, request, re.IGNORECASE)
        if not is_not_meant(request, match.start("what"))
    }
    return found.pop() if len(found) == 1 else ()


def with_asked_layout(code: str, outcome: Outcome | None, *, request: str) -> LaidOut | None:
    """Return a code whose table is laid out as it was asked for; None if it is, or it is not clear.

    Parameters
    ----------
    code
        Python.
    outcome
        What it did.
    request
        What was asked, in the user's words.
    """
    table = outcome.preview.table if outcome is not None and outcome.has_run else None
    tree = parse_module(code) if table is not None else None
    if outcome is None or table is None or tree is None:
        return None
    layout = asked_layout(request)
    steps = _Steps(table, layout, outcome=outcome, request=request, tree=tree)
    step = next(steps.found(), None)
    new = with_last_step(code, step.text, variable=outcome.preview.variable) if step else None
    if step is None or new is None:
        return None
    return LaidOut(code=new, note=step.note, is_given_by=lambda now: _begins(now, step.header))


def _begins(outcome: Outcome | None, header: tuple[str, ...]) -> bool:
    """Whether a code has run and its table's header begins so."""
    table = outcome.preview.table if outcome is not None and outcome.has_run else None
    return table is not None and table.header[: len(header)] == header


class _Steps:
    """Finds the step that is missing after one table."""

    def __init__(
        self,
        table: PreviewTable,
        layout: Layout,
        *,
        outcome: Outcome,
        request: str,
        tree: ast.Module,
    ) -> None:
        self._index, *self._columns = table.header
        self._labels = [row[0] for row in table.rows]
        self._layout = layout
        self._request = request
        self._tree = tree
        texts = (outcome.value, *(change.text for change in outcome.changes))
        self._is_series = any(text.startswith("Series") for text in texts)

    def found(self) -> Iterator[_Step]:
        """Yield the steps that may be missing, the likeliest first."""
        rows, columns = self._layout.rows, self._layout.columns
        if len(columns) == 1:
            yield from self._swapped(rows, columns[0])
            yield from self._unstacked(columns[0])
            yield from self._pivoted(rows, columns[0])
        if rows:
            yield from self._indexed(rows)
        elif not SPEAKS_OF_ROWS.search(self._request):
            yield from self._as_columns()
        yield from self._ordered()

    def _swapped(self, rows: tuple[str, ...], column: str) -> Iterator[_Step]:
        """Yield the step for rows and columns that are the other way round."""
        is_across = _is_called(self._index, column)
        is_down = any(_is_called(self._index, row) for row in rows)
        if rows and is_across and not is_down and not self._is_series:
            yield _Step(".T", "Swapped rows and columns, as you asked.", ())

    def _unstacked(self, column: str) -> Iterator[_Step]:
        """Yield the step for a long series of two keys, one of which belongs into the columns."""
        are_pairs = bool(self._labels) and all(label.startswith("(") for label in self._labels)
        for down, across in permutations(_keys(self._tree)) if are_pairs else ():
            if self._is_series and _is_called(across, column) and not _is_called(down, column):
                yield _Step(f".unstack({quoted_name(across)})", _put_across(across), (down,))

    def _pivoted(self, rows: tuple[str, ...], column: str) -> Iterator[_Step]:
        """Yield the step for a long table with a column of each key and one of the values."""
        keys = [name for what in (*rows, column) for name in self._called(what)]
        values = [name for name in self._columns if name not in keys]
        match keys, values:
            case [down, across], [value] if self._is_numbered and rows and down != across:
                given = f"index={quoted_name(down)}, columns={quoted_name(across)}"
                step = f".pivot({given}, values={quoted_name(value)})"
                yield _Step(step, _put_across(across), (down,))

    def _indexed(self, rows: tuple[str, ...]) -> Iterator[_Step]:
        """Yield the step for a numbered table of which some columns are to be the index."""
        names = [name for row in rows for name in self._called(row)]
        others = [name for name in self._columns if name not in names]
        if not self._is_numbered or not others or len(names) != len(rows):
            return
        index = ", ".join(map(quoted_name, names))
        step = f".set_index({index})" if len(names) == 1 else f".set_index([{index}])"
        if asked_kind(self._request) == "Series" and len(others) == 1:
            step += f"[{quoted_name(others[0])}]"
        header = (names[0] if len(names) == 1 else "", others[0])
        yield _Step(step, f"Made {listed(names)} the index, as you asked.", header)

    def _as_columns(self) -> Iterator[_Step]:
        """Yield the step for an index that is to be a column."""
        asked = asked_columns(self._request)
        is_asked = any(_is_called(self._index, name) for name in asked)
        if is_asked and len(asked) == len(self._columns) + 1:
            note = f"Made the index a column, {code_span(self._index)}, as you asked."
            yield _Step(".reset_index()", note, ("", self._index))

    def _ordered(self) -> Iterator[_Step]:
        """Yield the step for rows in another order than the one that is named."""
        asked = ORDERED.search(self._request)
        names = [name.strip("\"'`“”") for name in BETWEEN.split(asked["names"])] if asked else []
        if sorted(names) == sorted(self._labels) and names != self._labels:
            step = f".loc[[{', '.join(map(quoted_name, names))}]]"
            yield _Step(step, "Put the rows in the order that you named.", (self._index,))

    @property
    def _is_numbered(self) -> bool:
        """Whether it is a table with nothing but numbers for its rows."""
        has_numbers = all(map(NUMBERED.fullmatch, self._labels))
        return not self._is_series and not self._index and bool(self._labels) and has_numbers

    def _called(self, what: str) -> list[str]:
        """Return the columns that may be meant."""
        return [name for name in self._columns if _is_called(name, what)]


def _is_called(name: str, what: str) -> bool:
    """Whether words may mean a name: "payment types" is a column ``payment``."""
    things = (what, OF_A_THING.sub("", what))
    return bool(name) and any(says_the_same(name, one, is_column=True) for one in things)


def _put_across(name: str) -> str:
    return f"Put {code_span(name)} into the columns, as you asked."


def _keys(tree: ast.Module) -> tuple[str, ...]:
    """Return the two columns that a code groups rows by; empty if that is not clear."""
    found = {pair for node in ast.walk(tree) for pair in _pairs_of_keys(node)}
    return found.pop() if len(found) == 1 else ()


def _pairs_of_keys(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="groupby"),
            args=[
                ast.List(
                    elts=[ast.Constant(value=str() as first), ast.Constant(value=str() as second)]
                ),
                *_,
            ],
        ):
            yield first, second
        # The values that are counted in each group are keys as well.
        case ast.Call(
            func=ast.Attribute(
                value=ast.Subscript(
                    value=ast.Call(
                        func=ast.Attribute(attr="groupby"),
                        args=[ast.Constant(value=str() as first), *_],
                    ),
                    slice=ast.Constant(value=str() as second),
                ),
                attr="value_counts",
            )
        ):
            yield first, second
