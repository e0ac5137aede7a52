"""Methods of polars' data frames: the columns that they read, and what comes out."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from codeface_jupyter.trials.checks.frame_methods import label_nodes
from codeface_jupyter.trials.checks.labels import LabelCheck
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.values import Frame, Live, Value

__all__ = ["read_method"]

# Their arguments are made of the frame's own columns.
CONTEXTS = frozenset({"drop", "filter", "group_by", "select", "sort", "with_columns"})
# In these, text names a column, too.
NAMING = frozenset({"drop", "group_by", "select", "sort", "with_columns"})
SAME_COLUMNS = frozenset({"clone", "filter", "head", "limit", "sample", "sort", "tail", "unique"})

Read = Callable[[ast.expr], Value]


def read_method(labels: LabelCheck, read: Read, frame: Frame, name: str, node: ast.Call) -> Value:
    """Report the columns that a call reads and the frame lacks; return what it gives."""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    is_lenient = any(keyword.arg == "strict" for keyword in node.keywords)
    if name in CONTEXTS and not is_lenient:
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        labels.columns(frame, list(_expressions(arguments, read)), owner=owner)
        if name in NAMING:
            labels.columns(frame, list(_named(node.args)), owner=owner)
    return frame.same_columns(keeps_dtypes=False) if name in SAME_COLUMNS else None


def _named(arguments: list[ast.expr]) -> Iterator[ast.Constant]:
    for part in arguments:
        yield from (node for node in label_nodes(part) if _is_plain(node))


def _expressions(arguments: list[ast.expr], read: Read) -> Iterator[ast.Constant]:
    """Yield the literals in ``pl.col(…)``, unless another frame's methods are called in between."""
    nodes = [node for part in arguments for node in ast.walk(part)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    names = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
    if names & CONTEXTS:
        return
    for call in calls:
        if _is_column(read(call.func)):
            yield from _named(call.args)


def _is_column(function: Value) -> bool:
    polars = loaded_module("polars")
    column = members(polars).get("col") if polars is not None else None
    return isinstance(function, Live) and column is not None and function.obj is column


def _is_plain(node: ast.Constant) -> bool:
    """Whether a text is one column's name, not a pattern for several."""
    return node.value != "*" and not str(node.value).startswith("^")
