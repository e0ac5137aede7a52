"""Columns of text among those that are to be computed with, which pandas 2 no longer leaves out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.trials.checks.source import Source

__all__ = ["LEFT_OUT", "holds_text", "with_numbers_only"]

LEFT_OUT = "Columns that hold no numbers are left out (`numeric_only=True`)."
# What pandas 2 and 3 say.
SAYS_SO = re.compile(
    r"does not support operation '|Cannot perform reduction '\w+' with string dtype"
    r"|could not convert string to float|agg function failed|to numeric\Z"
    r"|Cannot aggregate non-numeric type|for -: 'str' and 'str'"
)
# The methods of frames, groups and windows that take `numeric_only`, but for those that do
# something with text as well, such as `sum`.
COMPUTES = frozenset({
    "corr", "corrwith", "cov", "kurt", "mean", "median", "prod", "quantile", "sem", "skew", "std",
    "var",
})  # fmt: skip


def holds_text(error: ErrorInfo) -> bool:
    """Whether an error may say that a column of text was to be computed with."""
    is_kind = error.ename in {"TypeError", "ValueError", "DataError"}
    return is_kind and SAYS_SO.search(error.evalue) is not None


def with_numbers_only(source: Source, statement: ast.stmt) -> Iterator[str]:
    """Yield the code with columns of numbers alone in one computation of a statement.

    What is computed of columns that are asked for by name stays: they are not to be left out.
    """
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr), keywords=keywords) if attr in COMPUTES:
                may_be_given = all(one.arg not in {"numeric_only", None} for one in keywords)
                if may_be_given and not _names_columns(node):
                    yield _with_argument(source, node)


def _names_columns(node: ast.expr) -> bool:
    """Whether a computation may be one of columns by their names, as in ``df[["a", "b"]].mean()``.

    A variable in brackets may hold them.
    """
    while True:
        match node:
            case ast.Subscript(slice=ast.Constant() | ast.List() | ast.Name() | ast.Tuple()):
                return True
            case ast.Call(func=owner) | ast.Attribute(value=owner) | ast.Subscript(value=owner):
                node = owner
            case _:
                return False


def _with_argument(source: Source, call: ast.Call) -> str:
    begin, end = source.span(call.func)[1], source.span(call)[1] - 1
    given = source.code[begin:end].rstrip()
    comma = "" if given.endswith(("(", ",")) else ","
    space = "" if given.endswith("(") else " "
    rest = source.code[begin + len(given) :]
    return f"{source.code[:begin]}{given}{comma}{space}numeric_only=True{rest}"
