"""What the methods of series and of groups give."""

from __future__ import annotations

import ast

from codeface_jupyter.trials.checks.frame_methods import ROW_METHODS, VALUE_METHODS, argument
from codeface_jupyter.trials.checks.values import (
    Accessor,
    Column,
    Frame,
    Grouped,
    GroupedColumn,
    Instance,
    Keys,
    Value,
)
from codeface_jupyter.trials.table_kinds import kind_of_result

__all__ = ["result_of_accessor", "result_of_groups", "result_of_series"]

PREDICATES = frozenset(
    {
        *("between", "duplicated", "isin", "isna", "isnull", "notna", "notnull"),
        *("eq", "ne", "lt", "le", "gt", "ge"),
    }
)
TEXT_PREDICATES = frozenset(
    {
        *("contains", "endswith", "fullmatch", "isalpha", "isdigit", "islower", "isnumeric"),
        *("isspace", "istitle", "isupper", "match", "startswith"),
    }
)


def result_of_series(column: Column, method: str, node: ast.Call) -> Value:
    """Return what is known of what a method of a series gives."""
    if column.library != "pandas" or argument(node, "inplace", None) is not None:
        return None
    found: Value = None
    if method in PREDICATES:
        found = Column("bool", column.rows)
    elif method in ROW_METHODS:
        found = column
    elif method in VALUE_METHODS - {"explode"}:
        found = Column("", column.rows)
    elif kind_of_result("series", method) == "series":
        found = Column()
    elif method in ("to_frame", "unstack"):
        found = Frame()
    elif method == "reset_index":
        found = Frame() if argument(node, "drop", None) is None else None
    elif method in ("tolist", "to_list"):
        found = Instance(list)
    elif method == "to_dict":
        found = Keys()
    return found


def result_of_accessor(accessor: Accessor, method: str, node: ast.Call) -> Value:
    """Return what is known of what a method of ``.str`` or ``.dt`` gives."""
    if method in TEXT_PREDICATES and accessor.name == "str":
        return Column("bool", accessor.rows)
    kind = kind_of_result({"str": "strings", "dt": "dates"}[accessor.name], method)
    is_split = method == "split" and argument(node, "expand", None) is None
    return Column("", accessor.rows) if kind == "series" or is_split else None


def result_of_groups(groups: Grouped | GroupedColumn, method: str, node: ast.Call) -> Value:
    """Return what is known of what a method of a frame's or a column's groups gives."""
    if isinstance(groups, GroupedColumn):
        is_one = method in ("agg", "aggregate") and _is_text(node)
        return Column() if is_one or kind_of_result("column groups", method) == "series" else None
    if method == "filter":
        return groups.frame.same_columns()
    if method == "size":
        return Column()
    if method in ("agg", "aggregate"):
        how = argument(node, "func", 0)
        if isinstance(how, ast.Constant):
            method = str(how.value)
        elif not isinstance(how, ast.Dict | ast.List | ast.Lambda | None):
            return None
    return Frame() if kind_of_result("groups", method) == "frame" else None


def _is_text(node: ast.Call) -> bool:
    how = argument(node, "func", 0)
    return isinstance(how, ast.Constant) and isinstance(how.value, str)
