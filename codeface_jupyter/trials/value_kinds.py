"""Tell from an expression alone that its value is a data frame, a series or an array.

Nothing is run: what is live is known by its class, and what a method returns by its name.
What is not known for certain has no kind.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from types import ModuleType

from codeface_jupyter.namespace import column_names
from codeface_jupyter.namespace.classes import bases_of, is_instance
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.attributes import class_member
from codeface_jupyter.trials.table_kinds import kind_of_attribute, kind_of_result

__all__ = ["TABLE_KINDS", "ValueKinds"]

TABLE_KINDS = frozenset({"frame", "series", "table", "array", "polars frame", "polars series"})

LIVE_CLASSES = (
    ("pandas", "DataFrame", "frame"),
    ("pandas", "Series", "series"),
    ("numpy", "ndarray", "array"),
    ("polars", "DataFrame", "polars frame"),
    ("polars", "Series", "polars series"),
    ("polars", "LazyFrame", "polars lazy frame"),
    ("pandas.core.groupby", "DataFrameGroupBy", "groups"),
    ("pandas.core.groupby", "SeriesGroupBy", "column groups"),
)
MODULES = ("pandas", "numpy", "polars")

# Of a column, a list of columns, or a slice or a mask of rows.
ITEMS: dict[str, dict[str, str]] = {
    "frame": {"column": "series", "columns": "frame", "some rows": "frame"},
    "series": {"some rows": "series"},
    "rows": {
        "columns": "frame",
        "some rows": "frame",
        "column of some rows": "series",
        "columns of some rows": "frame",
    },
    "table": {"columns": "table", "some rows": "table"},
    "table rows": {"columns": "table", "some rows": "table"},
    "groups": {"column": "column groups", "columns": "groups"},
    "array": {"some rows": "array"},
    "polars frame": {"column": "polars series", "columns": "polars frame"},
}
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow)
LOGIC = (ast.BitAnd, ast.BitOr, ast.BitXor)
COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class ValueKinds:
    """Follows what kinds of values a code's names have, statement by statement.

    Parameters
    ----------
    namespace
        The notebook's variables as they are before the code runs.
    """

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._assigned: dict[str, str | None] = {}

    def take(self, statement: ast.stmt) -> None:
        """Follow one statement of the code, at its top level."""
        kinds: dict[str, str | None] = dict.fromkeys(names_bound(statement))
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                kinds[name] = self.of(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                kinds[name] = self.of(value)
            case ast.Import(names=names):
                for alias in names:
                    kinds[alias.asname or alias.name] = (
                        alias.name if alias.name in MODULES else None
                    )
        self._assigned |= kinds

    def of(self, node: ast.expr) -> str | None:
        """Return the kind of an expression's value; None if it is not certain."""
        kind: str | None = None
        match node:
            case ast.Name(id=name):
                kind = self._assigned[name] if name in self._assigned else self._live(name)
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if _may_give_table(node):
                kind = kind_of_result(self.of(value), method)
            case ast.Attribute(value=value, attr=name):
                kind = kind_of_attribute(self.of(value), name) or self._column(value, name)
            case ast.Subscript(value=value, slice=index):
                kind = ITEMS.get(self.of(value) or "", {}).get(self._index(index))
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ARITHMETIC + LOGIC):
                kind = self._joined(left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                kind = self._joined(left, right) if isinstance(op, COMPARISONS) else None
            case ast.UnaryOp(op=ast.USub() | ast.Invert(), operand=operand):
                kind = self._joined(operand, operand)
        return kind

    def _live(self, name: str) -> str | None:
        value = self._namespace.get(name)
        if ModuleType in bases_of(value):
            return next((module for module in MODULES if sys.modules.get(module) is value), None)
        for module, cls, kind in LIVE_CLASSES:
            if is_instance(value, module, cls):
                return kind
        return None

    def _column(self, node: ast.expr, name: str) -> str | None:
        """Return a column's kind that is written as an attribute of a live frame."""
        if not isinstance(node, ast.Name) or node.id in self._assigned:
            return None
        is_column = self._live(node.id) == "frame" and name in column_names(
            self._namespace[node.id]
        )
        # A column does not hide what every frame has.
        frame = self._namespace.get(node.id)
        return "series" if is_column and class_member(type(frame), name) is None else None

    def _index(self, node: ast.expr) -> str:
        """Return what an index selects."""
        match node:
            case ast.Constant(value=str()):
                return "column"
            case ast.List():
                return "columns"
            case ast.Name(id=name) if name not in self._assigned:
                return self._live_index(name)
            case ast.Slice():
                return "some rows"
            case ast.Tuple(elts=[rows, columns]) if self._index(rows) == "some rows":
                return f"{self._index(columns)} of some rows"
        return "some rows" if self.of(node) in {"series", "table", "array"} else ""

    def _live_index(self, name: str) -> str:
        """Return what a live variable selects as an index."""
        if type(self._namespace.get(name)) in {str, list}:
            return "column" if type(self._namespace[name]) is str else "columns"
        return "some rows" if self._live(name) == "series" else ""

    def _joined(self, left: ast.expr, right: ast.expr) -> str | None:
        """Return the kind of what an operator makes of two values."""
        kinds = {self.of(left), self.of(right)}
        for kind in ("frame", "table", "series", "array", "polars series"):
            if kind in kinds:
                return kind
        return None


def _may_give_table(call: ast.Call) -> bool:
    """Whether a call neither works in place nor reduces a frame to a single value."""
    for keyword in call.keywords:
        nothing = isinstance(keyword.value, ast.Constant) and keyword.value.value is None
        if keyword.arg in {None, "inplace"} or (keyword.arg == "axis" and nothing):
            return False
    return True
