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

__all__ = ["result_of_accessor", "result_of_groups", "result_of_series"]

PREDICATES = frozenset(
    {
        *("between", "duplicated", "isin", "isna", "isnull", "notna", "notnull"),
        *("eq", "ne", "lt", "le", "gt", "ge"),
    }
)
# These give a series, of other values or with other rows.
SERIES = frozenset(
    {
        *("cummax", "cummin", "cumprod", "cumsum", "describe", "diff", "drop", "explode", "mode"),
        *("map", "pct_change", "rank", "reindex", "rename", "shift", "value_counts"),
    }
)
# These give one value for each group.
REDUCTIONS = frozenset(
    {
        *("count", "first", "last", "max", "mean", "median", "min", "nunique", "prod", "sem"),
        *("std", "sum", "var"),
    }
)
AGGREGATIONS = frozenset({"agg", "aggregate"})
TEXT_METHODS = frozenset(
    {
        *("capitalize", "casefold", "center", "get", "len", "ljust", "lower", "lstrip", "pad"),
        *("removeprefix", "removesuffix", "repeat", "replace", "rjust", "rstrip", "slice"),
        *("strip", "swapcase", "title", "upper", "zfill", "count", "find"),
    }
)
TIME_METHODS = frozenset({"ceil", "day_name", "floor", "month_name", "normalize", "strftime"})
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
    elif method in SERIES:
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
    if accessor.name == "dt":
        return Column("", accessor.rows) if method in TIME_METHODS else None
    if method in TEXT_PREDICATES:
        return Column("bool", accessor.rows)
    is_split = method == "split" and argument(node, "expand", None) is None
    return Column("", accessor.rows) if method in TEXT_METHODS or is_split else None


def result_of_groups(groups: Grouped | GroupedColumn, method: str, node: ast.Call) -> Value:
    """Return what is known of what a method of a frame's or a column's groups gives."""
    if method == "size":
        return Column()
    if isinstance(groups, GroupedColumn):
        is_one = method in REDUCTIONS or (method in AGGREGATIONS and _is_text(node))
        return Column() if is_one else None
    if method == "filter":
        return groups.frame.same_columns()
    return Frame() if method in REDUCTIONS | AGGREGATIONS else None


def _is_text(node: ast.Call) -> bool:
    how = argument(node, "func", 0)
    return isinstance(how, ast.Constant) and isinstance(how.value, str)
