"""Columns of text that a failing line calculates with, as if they held numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.privacy import is_secret_name
from codeface_jupyter.syntax import parse_line
from codeface_jupyter.trials.checks.wording import code_span, listed

__all__ = ["told_text_columns"]

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
OF_NUMBERS = frozenset(
    {"abs", "clip", "cumsum", "diff", "mean", "median", "pct_change", "prod", "quantile", "round"}
    | {"sem", "std", "sum", "var"}
)
# Of a long column, its first values tell what it holds.
MAX_VALUES = 1_000


def told_text_columns(line: str, names: Mapping[str, object]) -> str:
    """Return which columns hold text, of those that a line takes for numbers.

    Parameters
    ----------
    line
        The line that failed.
    names
        The objects that it names.

    Returns
    -------
    str
        The end of a sentence of Markdown; empty if there are none, or it is not known.
    """
    found = {label: text for label, text in _text_columns(line, names) if text is not None}
    match list(found.items()):
        case []:
            return ""
        case [(label, text)]:
            example = "" if is_secret_name(label) else f", such as {code_span(repr(text))}"
            return f"the column {code_span(label)} holds text{example}."
    return f"the columns {listed(list(found))} hold text."


def _text_columns(line: str, names: Mapping[str, object]) -> Iterator[tuple[str, str | None]]:
    """Yield the columns that a line takes for numbers, each with a text in it if there is one."""
    _, tree = parse_line(line)
    for node in ast.walk(tree) if tree is not None else ():
        for operand in _numbers_in(node):
            match operand:
                case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(label))):
                    yield label, _text_in(names.get(name), label)
                case ast.Attribute(value=ast.Name(id=name), attr=label):
                    yield label, _text_in(names.get(name), label)


def _numbers_in(node: ast.AST) -> list[ast.expr]:
    """Return what has to be numbers for an operation to make sense."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ARITHMETIC):
            return [left, right]
        case ast.AugAssign(target=target, op=op, value=value) if isinstance(op, ARITHMETIC):
            return [target, value]
        case ast.Compare(left=left, ops=ops, comparators=others):
            return [left, *others] if any(isinstance(op, ORDER) for op in ops) else []
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in OF_NUMBERS:
            return [owner]
    return []


def _text_in(frame: Any, label: str) -> str | None:
    """Return a text from a column of a pandas frame; None if it holds none.

    One that is no number says best what is wrong: "1,035.00".
    """
    if not is_instance(frame, "pandas", "DataFrame"):
        return None
    try:
        values = frame[label].iloc[:MAX_VALUES].tolist()
    except Exception:  # noqa: BLE001 - there may be no such column, or several of that name
        return None
    texts = [value for value in values if type(value) is str]
    return next((text for text in texts if not _is_number(text)), texts[0] if texts else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
