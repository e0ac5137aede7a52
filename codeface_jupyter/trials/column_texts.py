"""The texts that a column of one of the notebook's tables holds."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeface_jupyter.trials.checks.values import TEXT_DTYPES, Frame, value_of

__all__ = ["NamedColumn", "column_texts", "named_column"]

# Longer columns take too long to look through.
MAX_ROWS = 200_000


@dataclass(frozen=True)
class NamedColumn:
    """A column of a variable, and how a code writes it."""

    frame: str
    label: str
    node: ast.expr


def named_column(node: ast.expr) -> NamedColumn | None:
    """Return the column that an expression is, as in ``df["a"]`` and ``df.a``; None for others."""
    match node:
        case ast.Subscript(value=ast.Name(id=frame), slice=ast.Constant(value=str() as label)):
            return NamedColumn(frame, label, node)
        case ast.Attribute(value=ast.Name(id=frame), attr=label):
            return NamedColumn(frame, label, node)
    return None


def column_texts(column: NamedColumn, namespace: Mapping[str, object]) -> dict[str, None]:
    """Return the texts of a column, each once and in their order.

    Empty if it is no column of a pandas frame, is very long, or holds other things than texts.
    """
    obj: Any = namespace.get(column.frame)
    frame = value_of(obj)
    if not isinstance(frame, Frame) or frame.library != "pandas" or frame.has_nested_columns:
        return {}
    if frame.dtypes.get(column.label) not in TEXT_DTYPES:
        return {}
    try:
        if len(obj) > MAX_ROWS:
            return {}
        values = obj[column.label].dropna().tolist()
    except Exception:  # noqa: BLE001 - the user's cells may change it meanwhile
        return {}
    return dict.fromkeys(values) if all(type(value) is str for value in values) else {}
