"""What an index picks of a frame or its groups."""

from __future__ import annotations

import ast

from codeface_jupyter.trials.checks.frame_methods import label_nodes
from codeface_jupyter.trials.checks.values import Column, Frame, Grouped, GroupedColumn, Value

__all__ = ["chosen", "chosen_groups", "groups_of_column", "is_mask"]

MASK_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def is_mask(node: ast.expr, value: Value) -> bool:
    """Whether an index picks rows by a condition."""
    match node:
        case ast.Compare(ops=operators):
            return all(isinstance(operator, MASK_COMPARISONS) for operator in operators)
        case ast.UnaryOp(op=ast.Invert()) | ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            return True
    return isinstance(value, Column) and value.dtype == "bool"


def chosen(frame: Frame, node: ast.expr) -> Frame:
    """Return the columns of a frame that a list names."""
    named = list(label_nodes(node))
    is_complete = isinstance(node, ast.List) and len(named) == len(node.elts)
    if not is_complete or frame.has_nested_columns:
        return frame.with_labels(None)
    return frame.with_labels({part.value: None for part in named})


def chosen_groups(groups: Grouped, node: ast.expr) -> Value:
    """Return the groups of the columns that an index names."""
    if isinstance(node, ast.List):
        return Grouped(chosen(groups.frame, node), groups.is_usual)
    return groups_of_column(groups) if isinstance(node, ast.Constant) else None


def groups_of_column(groups: Grouped) -> Value:
    """Return the groups of one column, where a label stands for one."""
    frame = groups.frame
    is_known = frame.labels is not None and not frame.has_nested_columns and groups.is_usual
    return GroupedColumn(frame.rows) if is_known else None
