"""What the methods of data frames do with columns: which arguments name some, what comes out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from codeface_jupyter.trials.checks.values import Column, Frame, Grouped, Rows, Value
from codeface_jupyter.trials.table_kinds import kind_of_result

__all__ = [
    "LEVEL_METHODS",
    "ROW_METHODS",
    "VALUE_METHODS",
    "argument",
    "columns_named",
    "is_true",
    "label_nodes",
    "names_columns",
    "result_of",
    "rows_are_certain",
]


@dataclass(frozen=True)
class _Parameter:
    """A parameter that names columns: a label, a list of them, or a dict's keys."""

    name: str
    position: int | None = None


_BY = (_Parameter("by", 0),)
_SUBSET = (_Parameter("subset", 0),)
COLUMN_PARAMETERS: Mapping[str, tuple[_Parameter, ...]] = {
    "agg": (_Parameter("func", 0),),
    "aggregate": (_Parameter("func", 0),),
    "astype": (_Parameter("dtype", 0),),
    "boxplot": (_Parameter("column", 0), _Parameter("by", 1)),
    "drop": (_Parameter("columns"),),
    "drop_duplicates": _SUBSET,
    "dropna": (_Parameter("subset"),),
    "duplicated": _SUBSET,
    "explode": (_Parameter("column", 0),),
    "fillna": (_Parameter("value", 0),),
    "get_dummies": (_Parameter("columns"),),
    "groupby": _BY,
    "hist": (_Parameter("column", 0), _Parameter("by", 1)),
    "melt": (_Parameter("id_vars", 0), _Parameter("value_vars", 1)),
    "merge": (_Parameter("on", 2), _Parameter("left_on", 3)),
    "nlargest": (_Parameter("columns", 1),),
    "nsmallest": (_Parameter("columns", 1),),
    "pivot": (_Parameter("index"), _Parameter("columns"), _Parameter("values")),
    "pivot_table": (_Parameter("values", 0), _Parameter("index", 1), _Parameter("columns", 2)),
    "pop": (_Parameter("item", 0),),
    "set_index": (_Parameter("keys", 0),),
    "sort_values": _BY,
}
# These take a dict only to name columns; other values of the argument are something else.
DICT_ONLY = frozenset({"agg", "aggregate", "astype", "fillna"})
# These take the names of index levels as well.
LEVEL_METHODS = frozenset({"groupby", "sort_values", "pivot_table", "merge"})
# These leave the columns and their values' dtypes.
ROW_METHODS = frozenset(
    {
        *("copy", "drop_duplicates", "dropna", "head", "nlargest", "nsmallest", "query", "sample"),
        *("sort_index", "sort_values", "tail", "truncate"),
    }
)
# These leave the columns.
VALUE_METHODS = frozenset(
    {
        *("abs", "astype", "bfill", "clip", "convert_dtypes", "explode", "ffill", "fillna"),
        *("infer_objects", "interpolate", "isna", "isnull", "mask", "notna", "notnull"),
        *("replace", "round", "where"),
    }
)


def columns_named(method: str, node: ast.Call) -> Iterator[ast.Constant]:
    """Yield the literals of a call that name columns of the frame."""
    if _ignores_missing(node) or _is_across(method, node):
        return
    for parameter in COLUMN_PARAMETERS.get(method, ()):
        given = argument(node, parameter.name, parameter.position)
        if given is not None and (isinstance(given, ast.Dict) or method not in DICT_ONLY):
            yield from label_nodes(given, takes_dict=method in DICT_ONLY)
    if method == "drop" and _axis(node) == "columns":
        labels = argument(node, "labels", 0)
        yield from label_nodes(labels) if labels is not None else ()


def names_columns(method: str, argument: int | str, *, is_key: bool) -> bool:
    """Whether an argument, by its position or its name, names columns of the frame.

    Parameters
    ----------
    is_key
        Whether the label is the key of a dict.
    """
    if is_key != (method in DICT_ONLY):
        return False
    parameters = COLUMN_PARAMETERS.get(method, ())
    return any(argument in (known.name, known.position) for known in parameters)


def label_nodes(node: ast.expr, *, takes_dict: bool = False) -> Iterator[ast.Constant]:
    """Yield the text literals that are a label, or in a list of labels."""
    parts: list[ast.expr | None] = [node]
    if isinstance(node, ast.List):
        parts = [*node.elts]
    elif isinstance(node, ast.Dict) and takes_dict:
        parts = node.keys
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part


def result_of(frame: Frame, method: str, node: ast.Call) -> Value:
    """Return what is known of what a method gives."""
    if is_true(argument(node, "inplace", None)):
        return None
    if method == "groupby":
        is_usual = argument(node, "as_index", None) is None
        return Grouped(frame, is_usual) if argument(node, "axis", None) is None else None
    if method in ROW_METHODS or method in VALUE_METHODS:
        is_across = argument(node, "axis", None) is not None and method in ROW_METHODS
        return None if is_across else frame.same_columns(keeps_dtypes=method in ROW_METHODS)
    if method in RESULTS:
        return RESULTS[method](frame, node)
    return _of_other_columns(method, node)


def _of_other_columns(method: str, node: ast.Call) -> Value:
    kind = kind_of_result("frame", method)
    if kind == "frame":
        return Frame()
    is_plain = argument(node, "axis", 0) is None and argument(node, "level", None) is None
    return Column() if kind == "series" and is_plain else None


def rows_are_certain(rows: Rows | None) -> bool:
    """Whether a single label of a row is not one of several levels."""
    return rows is not None and not rows.is_nested


def argument(node: ast.Call, name: str, position: int | None) -> ast.expr | None:
    """Return what a call gives for a parameter."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    is_given = position is not None and position < len(node.args)
    before = node.args[: position + 1] if is_given and position is not None else []
    if not before or any(isinstance(part, ast.Starred) for part in before):
        return None
    return before[-1]


def is_true(node: ast.expr | None) -> bool:
    """Whether a given argument may be true: anything but a literal that is not."""
    return node is not None and not (isinstance(node, ast.Constant) and not node.value)


def _ignores_missing(node: ast.Call) -> bool:
    errors = argument(node, "errors", None)
    return errors is not None and not (isinstance(errors, ast.Constant) and errors.value == "raise")


def _is_across(method: str, node: ast.Call) -> bool:
    """Whether the labels are those of rows."""
    return method not in ("drop", "fillna") and argument(node, "axis", None) is not None


def _axis(node: ast.Call) -> object:
    axis = argument(node, "axis", 1)
    if isinstance(axis, ast.Constant):
        return {1: "columns", 0: "index"}.get(axis.value, axis.value)  # type: ignore[arg-type]
    return "index" if axis is None else None


def _dropped(frame: Frame, node: ast.Call) -> Value:
    columns = argument(node, "columns", None)
    if columns is None and _axis(node) == "columns":
        columns = argument(node, "labels", 0)
    if columns is None:
        return frame.same_columns() if _axis(node) == "index" else None
    gone = _all_labels(columns)
    if gone is None or frame.labels is None or frame.has_nested_columns:
        return frame.with_labels(None)
    return frame.with_labels({label: None for label in frame.labels if label not in gone})


def _renamed(frame: Frame, node: ast.Call) -> Value:
    columns = argument(node, "columns", None)
    if columns is None:
        is_of_rows = argument(node, "index", None) is not None
        return frame.same_columns() if is_of_rows else frame.with_labels(None)
    if not isinstance(columns, ast.Dict) or frame.labels is None or frame.has_nested_columns:
        return frame.with_labels(None)
    names: dict[object, object] = {}
    for key, value in zip(columns.keys, columns.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(value, ast.Constant)):
            return frame.with_labels(None)
        names[key.value] = value.value
    return frame.with_labels({names.get(label, label): None for label in frame.labels})


def _indexed(frame: Frame, node: ast.Call) -> Value:
    made = frame.same_columns(keeps_rows=False)
    keys = argument(node, "keys", 0)
    gone = _all_labels(keys) if keys is not None else None
    append = argument(node, "append", None)
    if gone is None or append is not None or frame.has_nested_columns:
        made.labels = None
        return made
    # The dtype of what becomes an index may be text.
    made.rows = Rows(frozenset(gone), has_text=True, is_nested=len(gone) > 1)
    keeps = argument(node, "drop", None) is not None
    if made.labels is not None and not keeps:
        made.labels = {label: None for label in made.labels if label not in gone}
    return made


def _numbered(frame: Frame, node: ast.Call) -> Value:
    made = frame.same_columns(keeps_rows=False)
    drop = argument(node, "drop", None)
    if isinstance(drop, ast.Constant) and drop.value is True:
        made.rows = Rows() if argument(node, "level", 0) is None else None
    else:
        made.labels = None
    return made


def _assigned(frame: Frame, node: ast.Call) -> Value:
    made = frame.same_columns()
    for keyword in node.keywords:
        match keyword:
            case ast.keyword(arg=str() as label):
                made.add(label)
            case ast.keyword(value=ast.Dict(keys=keys)) if _are_constant(keys):
                for key in keys:
                    made.add(getattr(key, "value", None))
            case _:
                made.labels = None
    return made


def _are_constant(nodes: Iterable[ast.expr | None]) -> bool:
    return all(isinstance(node, ast.Constant) for node in nodes)


def _all_labels(node: ast.expr) -> list[str] | None:
    """Return the labels that a literal names; None if it is not all literal text."""
    parts = node.elts if isinstance(node, ast.List) else [node]
    labels = [part.value for part in parts if isinstance(part, ast.Constant)]
    texts = [label for label in labels if isinstance(label, str)]
    return texts if len(texts) == len(parts) else None


RESULTS = {
    "assign": _assigned,
    "drop": _dropped,
    "rename": _renamed,
    "reset_index": _numbered,
    "set_index": _indexed,
}
