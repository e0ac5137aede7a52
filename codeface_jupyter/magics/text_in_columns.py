"""Columns of text that a failing line calculates with, as if they held numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.namespace.foreign_code import attempt
from codeface_jupyter.namespace.memory_owners import holds_its_values
from codeface_jupyter.privacy import is_secret_name
from codeface_jupyter.syntax import parse_line
from codeface_jupyter.trials.checks.wording import code_span, listed

__all__ = ["told_text_columns"]

TIMEOUT_S = 0.5
# What is said of values of a wrong kind. Of a wrong call, other things are.
OF_VALUES = re.compile(
    r"operand|can't multiply|not supported between|can only concatenate|__round__ method"
    r"|Cannot perform reduction|to numeric|does not support operation"
)
ARITHMETIC = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
OF_NUMBERS = frozenset(
    {"abs", "clip", "cumsum", "diff", "mean", "median", "pct_change", "prod", "quantile", "round"}
    | {"sem", "std", "sum", "var"}
)
NUMBER_KINDS = "biufc"
# Of a long column, its first values tell what it holds.
MAX_VALUES = 1_000


@dataclass(frozen=True)
class _Column:
    """A column that a line names, with a text in it if it holds some."""

    label: str
    text: str | None
    holds_numbers: bool


def told_text_columns(line: str, names: Mapping[str, object], *, message: str) -> str:
    """Return which columns hold text, of those that a line takes for numbers.

    Parameters
    ----------
    line
        The line that failed.
    names
        The objects that it names.
    message
        What the error says.

    Returns
    -------
    str
        The end of a sentence of Markdown; empty if there are none, or it is not known.
    """
    if not OF_VALUES.search(message):
        return ""
    return attempt(partial(_told, line, names), timeout_s=TIMEOUT_S) or ""


def _told(line: str, names: Mapping[str, object]) -> str:
    _, tree = parse_line(line)
    texts: dict[str, str] = {}
    others: list[str] = []
    for node in _operations(tree) if tree is not None else ():
        added = _added(node)
        columns = list(_columns(added or _numbers_in(node), names))
        found = {column.label: column.text for column in columns if column.text is not None}
        is_joined = any(map(_is_text, added)) or (added and len(found) > 1)
        if added and (found or is_joined):
            others += [column.label for column in columns if column.holds_numbers]
        if not is_joined:
            texts |= found
    return _sentence(texts, list(dict.fromkeys(others)))


def _sentence(texts: Mapping[str, str], others: list[str]) -> str:
    does = "do" if len(others) > 1 else "does"
    but = f", and {listed(others)} {does} not" if others else ""
    match list(texts.items()):
        case []:
            columns = "columns" if len(others) > 1 else "column"
            hold = "hold" if len(others) > 1 else "holds"
            return f"the {columns} {listed(others)} {hold} no text." if others else ""
        case [(label, text)]:
            example = "" if is_secret_name(label) else f", such as {code_span(repr(text))}"
            return f"the column {code_span(label)} holds text{example}{but}."
    return f"the columns {listed(list(texts))} hold text{but}."


def _operations(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, but of a sum of many only the whole."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        yield node
        nodes += _added(node) or ast.iter_child_nodes(node)


def _added(node: ast.AST) -> list[ast.expr]:
    """Return what a sum is made of: numbers, or texts that are joined."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*(_added(left) or [left]), *(_added(right) or [right])]
        case ast.AugAssign(target=target, op=ast.Add(), value=value):
            return [target, *(_added(value) or [value])]
    return []


def _numbers_in(node: ast.AST) -> list[ast.expr]:
    """Return what has to be numbers for an operation to make sense."""
    match node:
        case ast.BinOp(left=left, op=ast.Mod()) if _is_text(left):
            return []
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ARITHMETIC):
            return [left, right]
        case ast.AugAssign(target=target, op=op, value=value) if isinstance(op, ARITHMETIC):
            return [target, value]
        case ast.Compare(left=left, ops=ops, comparators=others):
            return [left, *others] if any(isinstance(op, ORDER) for op in ops) else []
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in OF_NUMBERS:
            return [owner]
    return []


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and type(node.value) is str
    )


def _columns(operands: list[ast.expr], names: Mapping[str, object]) -> Iterator[_Column]:
    for operand in operands:
        match operand:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(label))):
                series = _series(names.get(name), label)
            case ast.Attribute(value=ast.Name(id=name), attr=label):
                series = _series(names.get(name), label)
            case _:
                continue
        if series is not None:
            holds_numbers = series.dtype.kind in NUMBER_KINDS
            text = None if holds_numbers else _text_in(series)
            yield _Column(label, text, holds_numbers)


def _series(frame: Any, label: str) -> Any:
    """Return a column of a pandas frame; None if it has none, or several, of that name."""
    if not is_instance(frame, "pandas", "DataFrame") or not holds_its_values(frame.columns):
        return None
    found = frame[label] if label in frame.columns else None
    return found if is_instance(found, "pandas", "Series") else None


def _text_in(series: Any) -> str | None:
    """Return a text from a column; None if it holds none.

    One that is no number says best what is wrong: "1,035.00".
    """
    if not holds_its_values(series):
        return None
    texts = [value for value in series.iloc[:MAX_VALUES].tolist() if type(value) is str]
    return next((text for text in texts if not _is_number(text)), texts[0] if texts else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
