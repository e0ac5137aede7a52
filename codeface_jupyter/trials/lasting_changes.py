"""Changes of a part of a frame that pandas throws away, written so that they last.

From version 3 on, what is taken from a frame is a copy: ``df["a"].fillna(0, inplace=True)`` and
``df["a"][df["b"] > 1] = 0`` change that copy, which is gone at once. Models write both, as older
code does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codeface_jupyter.syntax import Definition, is_deep, parse_module
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.checks.values import Frame, value_of
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.name_changes import works_in_place
from codeface_jupyter.trials.value_kinds import ValueKinds

__all__ = ["Lasting", "with_lasting_changes"]

FIRST_VERSION_WITH_COPIES = 3
# These keep the rows, so that what they give fits where it came from.
KEEPS_ROWS = frozenset({
    "bfill", "clip", "ffill", "fillna", "interpolate", "mask", "replace", "where",
})  # fmt: skip
BLOCKS = (ast.For, ast.If, ast.Try, ast.While, ast.With)
# Methods of columns that say of each row whether something holds.
TELLS_ROWS = frozenset({
    "between", "contains", "duplicated", "endswith", "isin", "isna", "isnull", "notna", "notnull",
    "startswith",
})  # fmt: skip


@dataclass(frozen=True)
class Lasting:
    """A code whose changes last, and a note of what they are assigned to."""

    code: str
    note: str


@dataclass(frozen=True)
class _Edit:
    """A part of a code, and what is to stand there; ``changed`` is what is assigned to then."""

    span: tuple[int, int]
    new: str
    changed: str


def with_lasting_changes(code: str, namespace: Mapping[str, object]) -> Lasting | None:
    """Return a code that changes the frames that it means to; None if it does so already.

    Parameters
    ----------
    code
        Python.
    namespace
        The notebook's variables before it runs.
    """
    if not _gives_copies():
        return None
    source = read_source(code)
    if source.tree is None or is_deep(source.tree):
        return None
    edits = list(_Edits(source, namespace).in_code())
    new = code
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        begin, end = edit.span
        new = new[:begin] + edit.new + new[end:]
    if not edits or parse_module(new) is None:
        return None
    named = " and ".join(dict.fromkeys(code_span(edit.changed) for edit in edits))
    note = f"Assigned to {named}: as it was written, pandas would change a copy only."
    return Lasting(code=new, note=note)


def _gives_copies() -> bool:
    """Whether what is taken from a frame is a copy, in the pandas that is loaded."""
    pandas = loaded_module("pandas")
    version = members(pandas).get("__version__", "") if pandas is not None else ""
    major = version.partition(".")[0] if isinstance(version, str) else ""
    return major.isdecimal() and int(major) >= FIRST_VERSION_WITH_COPIES


class _Edits:
    """Finds what is to be written otherwise in one code."""

    def __init__(self, source: Source, namespace: Mapping[str, object]) -> None:
        self._source = source
        self._namespace = namespace
        self._kinds = ValueKinds(namespace)
        self._tree = source.tree or ast.Module(body=[], type_ignores=[])
        self._rebound = {name for node in self._tree.body for name in names_bound(node)}

    def in_code(self) -> Iterator[_Edit]:
        """Yield the edits, statement by statement."""
        for statement in self._tree.body:
            for node in self._simple(statement):
                edit = self._in_place(node) or self._in_one_step(node)
                if edit is not None and "#" not in self._source.text(node):
                    yield edit
            self._kinds.take(statement)

    def _simple(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the statements of a block, at whatever depth; of a function there are none."""
        if not isinstance(statement, BLOCKS):
            return [statement]
        # What a block makes of a name may be another thing each time.
        self._kinds.take(statement)
        inner = list(ast.walk(statement))
        # What a function is given has a name of its own.
        has_own_names = any(isinstance(node, Definition) for node in inner)
        return [n for n in inner if isinstance(n, ast.stmt) and not has_own_names]

    def _in_place(self, statement: ast.stmt) -> _Edit | None:
        """Return the edit that assigns what a method would do in place; None if it does not."""
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=part, attr=method)) as call):
                if method not in KEEPS_ROWS or not works_in_place(call) or not self._is_part(part):
                    return None
            case _:
                return None
        given = [self._source.text(argument) for argument in call.args]
        given += [self._source.text(one) for one in call.keywords if one.arg != "inplace"]
        changed = self._source.text(part)
        new = f"{changed} = {changed}.{method}({', '.join(given)})"
        return _Edit(self._source.span(statement), new, changed)

    def _in_one_step(self, statement: ast.stmt) -> _Edit | None:
        """Return the edit that assigns to rows of a frame's column what two steps would lose."""
        match statement:
            case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
                pass
            case _:
                return None
        match target:
            case ast.Subscript(
                value=ast.Subscript(value=ast.Name(id=name), slice=first), slice=second
            ):
                rows, column = (first, second) if self._are_rows(first) else (second, first)
            case _:
                return None
        # Of a frame that the code makes, nobody knows the columns.
        if name in self._rebound or not self._is_column(name, column) or not self._are_rows(rows):
            return None
        changed = f"{name}.loc[{self._source.text(rows)}, {self._source.text(column)}]"
        return _Edit(self._source.span(target), changed, changed)

    def _is_part(self, node: ast.expr) -> bool:
        """Whether an expression takes a column, or some rows or columns, of a variable's frame."""
        match node:
            case ast.Subscript(value=ast.Name(id=name) as owner, slice=key):
                if self._kinds.of(owner) != "frame":
                    return False
                # What is mistyped is not to be made by assigning to it.
                is_certain = name in self._rebound or not isinstance(key, ast.Constant)
                return is_certain or self._is_column(name, key)
            case ast.Attribute(value=ast.Name()):
                return self._kinds.of(node) == "series"
        return False

    def _is_column(self, name: str, node: ast.expr) -> bool:
        """Whether an expression is the name of a column of a frame in the notebook."""
        frame = value_of(self._namespace.get(name))
        if not isinstance(frame, Frame) or frame.library != "pandas" or frame.has_nested_columns:
            return False
        return isinstance(node, ast.Constant) and node.value in (frame.labels or {})

    def _are_rows(self, node: ast.expr) -> bool:
        """Whether an expression says of each row whether it is meant."""
        match node:
            case ast.Compare(left=left):
                return self._kinds.of(left) == "series" or self._kinds.of(node) == "series"
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
                return self._are_rows(left) and self._are_rows(right)
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return self._are_rows(operand)
            case ast.Call(func=ast.Attribute(attr=method)):
                return method in TELLS_ROWS
            case ast.Name(id=name):
                return self._is_mask(name)
        return False

    def _is_mask(self, name: str) -> bool:
        """Whether a variable is the result of a comparison of columns."""
        made = [
            node.value
            for node in self._tree.body
            if isinstance(node, ast.Assign) and _names(node.targets[0], name)
        ]
        if made or name in self._rebound:
            return all(map(self._are_rows, made)) and bool(made)
        # Only of what is known to be a series, whose dtype is pandas' own.
        is_series = self._kinds.of(ast.Name(id=name)) == "series"
        return is_series and str(getattr(self._namespace[name], "dtype", "")) == "bool"


def _names(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name
