"""Cells that are right, with faults put in, as people make them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from codeface_jupyter.trials.checks.source import Source

__all__ = ["Faulty", "faulty"]

# What people remember wrongly, and what it is called.
METHODS = {
    "agg": "summarize",
    "apply": "apply_func",
    "astype": "as_type",
    "between": "in_between",
    "corr": "correlation",
    "cut": "cut_into",
    "describe": "summary",
    "drop": "remove",
    "drop_duplicates": "unique_rows",
    "dropna": "drop_na",
    "fillna": "fill_na",
    "fit": "train",
    "get_dummies": "dummies",
    "groupby": "group_by",
    "head": "first_rows",
    "idxmax": "argmax_index",
    "idxmin": "argmin_index",
    "intersection": "common",
    "isin": "is_in",
    "isna": "is_missing",
    "isnull": "is_null",
    "lower": "lowercase",
    "map": "map_values",
    "max": "maximum",
    "mean": "average",
    "median": "middle",
    "merge": "join_on",
    "min": "minimum",
    "nlargest": "n_largest",
    "nunique": "count_distinct",
    "quantile": "percentile",
    "read_csv": "load_csv",
    "rename": "rename_columns",
    "replace": "substitute",
    "reset_index": "index_reset",
    "round": "rounded",
    "score": "accuracy",
    "set_index": "index_by",
    "size": "count_rows",
    "sort_values": "sort",
    "split": "split_by",
    "stack": "to_long",
    "std": "stdev",
    "strip": "trim",
    "sum": "total",
    "to_datetime": "as_datetime",
    "to_dict": "as_dict",
    "tolist": "as_list",
    "transpose": "flip",
    "unstack": "to_wide",
    "value_counts": "count_values",
}
KEYWORDS = {
    "ascending": "asc",
    "axis": "dimension",
    "bins": "edges",
    "by": "key",
    "columns": "column",
    "how": "type",
    "index": "rows",
    "labels": "names",
    "left_on": "left_key",
    "n": "count",
    "name": "column_name",
    "on": "key",
    "random_state": "seed",
    "subset": "cols",
    "test_size": "test_share",
}
BRACKETS = ")]}"
# Attributes that are no methods.
PLAIN = frozenset({"columns", "dt", "index", "shape", "size", "str", "values"})

WORDS = re.compile(r"[^\W\d_]+")

T = TypeVar("T", bound=ast.expr | ast.keyword)


@dataclass(frozen=True)
class Faulty:
    """A code with faults in it, and what kinds of faults these are."""

    kinds: tuple[str, ...]
    code: str


def faulty(code: str, *, count: int = 1, before: Counter[str]) -> Faulty | None:
    """Return ``code`` with faults put in; None if it holds too little to do wrongly.

    Parameters
    ----------
    code
        Python that runs.
    count
        How many.
    before
        How many faults of each kind there are: the rarest that can be put in are.
    """
    kinds: list[str] = []
    for left in reversed(range(count)):
        # Into what cannot be read no more can be put.
        possible = FAULTS if left == 0 else READABLE
        found = ((kind, changed) for kind, put_in in possible if (changed := put_in(code)))
        chosen = Counter(kinds) + before
        kind, code = min(found, key=lambda one: chosen[one[0]], default=("", ""))
        if not kind:
            return None
        kinds.append(kind)
    return Faulty(tuple(kinds), code)


def _wrong_method(code: str) -> str | None:
    for node in _nodes(code, ast.Attribute):
        if node.attr in METHODS:
            end = _span(code, node)[1]
            return f"{code[: end - len(node.attr)]}{METHODS[node.attr]}{code[end:]}"
    return None


def _wrong_keyword(code: str) -> str | None:
    for node in _nodes(code, ast.keyword):
        if node.arg in KEYWORDS:
            start = Source(code).position(node.lineno, node.col_offset)
            return f"{code[:start]}{KEYWORDS[node.arg]}{code[start + len(node.arg) :]}"
    return None


def _single_brackets(code: str) -> str | None:
    """Return ``df['a', 'b']`` for ``df[['a', 'b']]``."""
    for node in _nodes(code, ast.Subscript):
        if isinstance(node.slice, ast.List) and len(node.slice.elts) > 1:
            start, end = _span(code, node.slice)
            return f"{code[:start]}{code[start + 1 : end - 1]}{code[end:]}"
    return None


def _unclosed_bracket(code: str) -> str | None:
    """Return the code without the last bracket that closes."""
    position = max(code.rfind(bracket) for bracket in BRACKETS)
    return code[:position] + code[position + 1 :] if position >= 0 else None


def _called_attribute(code: str) -> str | None:
    """Return ``df.shape()`` for ``df.shape``, and ``df.str()`` and the like."""
    called = [_span(code, node.func) for node in _nodes(code, ast.Call)]
    for node in _nodes(code, ast.Attribute):
        is_read = _span(code, node) not in called and isinstance(node.ctx, ast.Load)
        if is_read and node.attr in PLAIN:
            end = _span(code, node)[1]
            return f"{code[:end]}(){code[end:]}"
    return None


def _other_column(code: str) -> str | None:
    """Return the code with a column named as people would call it, not as it is called."""
    for node in _nodes(code, ast.Subscript):
        match node.slice:
            case ast.Constant(value=str(name)) if len(words := WORDS.findall(name)) > 1:
                start, end = _span(code, node.slice)
                return f"{code[:start]}{words[-1]!r}{code[end:]}"
    return None


def _missing_comma(code: str) -> str | None:
    """Return the code with the last two arguments, or elements, of something not separated."""
    for node in _nodes(code, ast.expr):
        match node:
            case ast.Call(args=[*_, left, right], keywords=[]):
                pass
            case ast.Call(args=[*_, left], keywords=[ast.keyword(value=right)]):
                pass
            case ast.Dict(values=[*_, left, right]) | ast.List(elts=[*_, left, right]):
                pass
            case _:
                continue
        start, end = _span(code, left)[1], _span(code, right)[0]
        return f"{code[:start]}{code[start:end].replace(',', '', 1)}{code[end:]}"
    return None


def _single_equals(code: str) -> str | None:
    """Return the code with ``=`` for ``==``."""
    for node in _nodes(code, ast.Compare):
        if isinstance(node.ops[0], ast.Eq):
            start = _span(code, node.left)[1]
            return f"{code[:start]}{code[start:].replace('==', '=', 1)}"
    return None


def _missing_quote(code: str) -> str | None:
    """Return the code with a text that does not end."""
    for node in _nodes(code, ast.Constant):
        end = _span(code, node)[1]
        if isinstance(node.value, str) and code[end - 2 : end] not in ('""', "''"):
            return f"{code[: end - 1]}{code[end:]}"
    return None


def _bracket_too_many(code: str) -> str | None:
    position = max(code.rfind(bracket) for bracket in BRACKETS)
    return f"{code[:position]}{code[position]}{code[position:]}" if position >= 0 else None


READABLE: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("another method", _wrong_method),
    ("another keyword", _wrong_keyword),
    ("another column", _other_column),
    ("single brackets", _single_brackets),
    ("an attribute called", _called_attribute),
)
FAULTS = (
    *READABLE,
    ("an unclosed bracket", _unclosed_bracket),
    ("a missing comma", _missing_comma),
    ("a single equals sign", _single_equals),
    ("a missing quote", _missing_quote),
    ("a bracket too many", _bracket_too_many),
)


def _nodes(code: str, kind: type[T]) -> Iterator[T]:
    """Yield the nodes of a kind, the last ones first: what a cell ends in is what it is about."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, kind)]
    found.sort(key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
    yield from reversed(found)


def _span(code: str, node: ast.expr) -> tuple[int, int]:
    return Source(code).span(node)
