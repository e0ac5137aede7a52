"""Columns, index levels and keys that are read and do not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable

from codeface_jupyter.generation import Edit
from codeface_jupyter.syntax import parse_expression
from codeface_jupyter.trials.checks.frame_methods import LEVEL_METHODS, argument, columns_named
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.values import Frame, Keys, Value
from codeface_jupyter.trials.checks.wording import Nearest, code_span, nearest, other_names

__all__ = ["PLOT_PARAMETERS", "QUERY_WORDS", "LabelCheck"]

BACKTICKED = re.compile(r"`([^`]*)`")
# What pandas gives every query.
QUERY_WORDS = frozenset(
    {"index", "columns", "datetime", "Timestamp", "list", "tuple", "inf", "Inf"}
)
PLOT_PARAMETERS = frozenset({"x", "y"})
SEABORN_PARAMETERS = frozenset({"x", "y", "hue", "style", "size", "col", "row"})


class LabelCheck:
    """Reports labels that a frame, and keys that a dict does not have.

    Parameters
    ----------
    notes
        Where to.
    excused
        Labels that the code itself asks after.
    """

    def __init__(self, notes: Notes, excused: frozenset[str]) -> None:
        self._notes = notes
        self._excused = excused

    def columns(
        self,
        frame: Frame,
        nodes: Iterable[ast.Constant],
        *,
        owner: ast.expr,
        root: Value = None,
        with_levels: bool = False,
    ) -> None:
        """Report the labels in ``nodes`` that no column has.

        Parameters
        ----------
        owner
            The expression that gives the frame.
        root
            What the expression begins with.
        with_levels
            Whether a level of the index would do.
        """
        levels = frame.rows.levels if frame.rows is not None else None
        if frame.labels is None or (with_levels and levels is None):
            return
        known: dict[object, None] = dict(frame.labels)
        if with_levels:
            known.update(dict.fromkeys(levels or ()))
        for node in nodes:
            if node.value in known or node.value in self._excused:
                continue
            is_roots = isinstance(root, Frame) and node.value not in (root.labels or known)
            named = _root(owner) if is_roots else owner
            self._report(node, node.value, known, owner=named)

    def keys(self, keys: Keys, node: ast.Constant, *, owner: ast.expr) -> None:
        """Report a key that a dict does not have."""
        if keys.items is not None and node.value not in keys.items | dict.fromkeys(self._excused):
            self._report(node, node.value, keys.items, owner=owner, noun="key")

    def call(
        self, frame: Frame, method: str, node: ast.Call, *, owner: ast.expr, root: Value = None
    ) -> None:
        """Report the columns that a method's arguments name and the frame lacks."""
        if frame.has_nested_columns:
            return
        named = columns_named(method, node)
        with_levels = method in LEVEL_METHODS
        self.columns(frame, named, owner=owner, root=root, with_levels=with_levels)
        if method == "query":
            self._query(frame, argument(node, "expr", 0), owner=owner)

    def grouped_column(self, frame: Frame, node: ast.Call, *, owner: ast.expr) -> None:
        """Report that a column is to be grouped by the name of another, of which it knows nothing.

        Parameters
        ----------
        owner
            The expression that gives the frame.
        """
        match argument(node, "by", 0):
            case ast.Constant(value=str() as label) as named:
                pass
            case _:
                return
        if frame.labels is None or frame.rows is None or frame.has_nested_columns:
            return
        if label in frame.labels and label not in frame.rows.levels | self._excused:
            key = f"{self._notes.source.text(owner)}[{self._notes.source.text(named)}]"
            start, end = self._notes.source.span(named)
            self._notes.add(
                "unknown_key",
                f"A series has no column {code_span(label)} to be grouped by; "
                f"pass {code_span(key)}.",
                line=named.lineno,
                edit=Edit(start=start, end=end, replacement=key),
            )

    def plot(self, frame: Frame, node: ast.Call, *, owner: ast.expr) -> None:
        """Report what ``plot`` is to draw and the frame lacks."""
        self._keywords(frame, node, PLOT_PARAMETERS, owner=owner)

    def seaborn(self, frame: Frame, node: ast.Call, *, owner: ast.expr) -> None:
        """Report what a function of seaborn's is to draw and the frame lacks."""
        self._keywords(frame, node, SEABORN_PARAMETERS, owner=owner)

    def _keywords(
        self, frame: Frame, node: ast.Call, names: frozenset[str], *, owner: ast.expr
    ) -> None:
        if frame.has_nested_columns:
            return
        given = [keyword.value for keyword in node.keywords if keyword.arg in names]
        named = [value for value in given if isinstance(value, ast.Constant)]
        texts = [value for value in named if isinstance(value.value, str)]
        self.columns(frame, texts, owner=owner, with_levels=True)

    def _query(self, frame: Frame, node: ast.expr | None, *, owner: ast.expr) -> None:
        """Report the names in a query that are neither columns nor index levels."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return
        if frame.labels is None or frame.rows is None:
            return
        known: dict[object, None] = dict(frame.labels)
        known.update(dict.fromkeys(frame.rows.levels))
        for name in _query_names(node.value):
            if name not in known and name not in self._excused:
                self._report(node, name, known, owner=owner)

    def _report(
        self,
        node: ast.Constant,
        label: object,
        known: Collection[object],
        *,
        owner: ast.expr,
        noun: str = "column",
    ) -> None:
        close = nearest(label, known) if isinstance(label, str) else Nearest()
        name = label if isinstance(label, str) else repr(label)
        others = other_names(close, known, what=f"{noun}s")
        self._notes.add(
            "unknown_key",
            f"{code_span(self._notes.source.text(owner))} has no {noun} {code_span(name)}{others}",
            line=node.lineno,
            missing=name,
            edit=self._notes.retyping(node, _mended(node.value, label, close.only)),
        )


def _mended(text: object, label: object, other: str | None) -> str | None:
    """Return a text with another label; None if it is not certain."""
    if other is None or text == label:
        return other
    # A query, in which other names stand without quotes.
    is_simple = other.isidentifier()
    return re.sub(rf"(?<![\w@.]){re.escape(str(label))}\b", other, str(text)) if is_simple else None


def _root(node: ast.expr) -> ast.expr:
    """Return the name that a chain of attributes, indices and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _query_names(query: str) -> list[str]:
    """Return the columns that a query names; none if it cannot be read."""
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        name = f"backticked_{len(quoted)}"
        quoted[name] = match[1]
        return name

    text = BACKTICKED.sub(stand_in, query.strip()).replace("@", "at_")
    tree = parse_expression(text)
    if tree is None:
        return []
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node not in called and not node.id.startswith("at_")
    ]
    return [quoted.get(n, n) for n in names if n not in QUERY_WORDS and not n.startswith("ilevel")]
