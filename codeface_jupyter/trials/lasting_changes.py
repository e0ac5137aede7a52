"""Changes of a part of a frame that pandas throws away, written so that they last.

From version 3 on, what is taken from a frame is a copy: ``df["a"].fillna(0, inplace=True)`` and
``df["a"][df["b"] > 1] = 0`` change that copy, which is gone at once. Models write both, as older
code does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codeface_jupyter.syntax import Definition, is_deep
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.value_kinds import ValueKinds

__all__ = ["Lasting", "with_lasting_changes"]

FIRST_VERSION_WITH_COPIES = 3
# These keep the rows, so that what they give fits where it came from.
KEEPS_ROWS = frozenset({
    "bfill", "clip", "ffill", "fillna", "interpolate", "mask", "replace", "where",
})  # fmt: skip
BLOCKS = (ast.For, ast.If, ast.While, ast.With)


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
    edits = list(_edits(source, source.tree, ValueKinds(namespace)))
    if not edits:
        return None
    new = code
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        begin, end = edit.span
        new = new[:begin] + edit.new + new[end:]
    named = " and ".join(dict.fromkeys(code_span(edit.changed) for edit in edits))
    note = f"Assigned to {named}: as it was written, pandas would change a copy only."
    return Lasting(code=new, note=note)


def _gives_copies() -> bool:
    """Whether what is taken from a frame is a copy, in the pandas that is loaded."""
    pandas = loaded_module("pandas")
    version = members(pandas).get("__version__", "") if pandas is not None else ""
    major = version.partition(".")[0] if isinstance(version, str) else ""
    return major.isdecimal() and int(major) >= FIRST_VERSION_WITH_COPIES


def _edits(source: Source, tree: ast.Module, kinds: ValueKinds) -> Iterator[_Edit]:
    for statement in tree.body:
        simple = [statement]
        if isinstance(statement, BLOCKS):
            # What a block makes of a name may be another thing each time.
            kinds.take(statement)
            inner = list(ast.walk(statement))
            # What a function is given has a name of its own.
            has_own_names = any(isinstance(node, Definition) for node in inner)
            simple = [n for n in inner if isinstance(n, ast.stmt) and not has_own_names]
        for node in simple:
            if edit := _edit(source, node, kinds):
                yield edit
        kinds.take(statement)


def _edit(source: Source, statement: ast.stmt, kinds: ValueKinds) -> _Edit | None:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=part)) as call):
            return _assigned(source, call, part) if _is_part(part, kinds) else None
        case ast.Assign(targets=[ast.Subscript() as target]):
            return _in_one_step(source, target, kinds)
        case ast.AugAssign(target=ast.Subscript() as target):
            return _in_one_step(source, target, kinds)
    return None


def _is_part(node: ast.expr, kinds: ValueKinds) -> bool:
    """Whether an expression takes a column, or some rows or columns, of a frame."""
    match node:
        case ast.Subscript(value=owner):
            return kinds.of(owner) in {"frame", "rows"}
        case ast.Attribute(value=ast.Name()):
            return kinds.of(node) == "series"
    return False


def _assigned(source: Source, call: ast.Call, part: ast.expr) -> _Edit | None:
    """Return the edit that assigns what a method would do in place; None if it does not."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    given = [source.text(argument) for argument in call.args]
    for keyword in call.keywords:
        if keyword.arg != "inplace":
            given.append(source.text(keyword))
        elif not (isinstance(keyword.value, ast.Constant) and keyword.value.value is True):
            return None
    is_in_place = any(keyword.arg == "inplace" for keyword in call.keywords)
    if method not in KEEPS_ROWS or not is_in_place or "#" in source.text(call):
        return None
    changed = source.text(part)
    new = f"{changed} = {changed}.{method}({', '.join(given)})"
    return _Edit(source.span(call), new, changed)


def _in_one_step(source: Source, target: ast.Subscript, kinds: ValueKinds) -> _Edit | None:
    """Return the edit that assigns to a frame what is assigned to a part of it in two steps."""
    match target.value:
        case ast.Subscript(value=ast.Name() as frame) as part if kinds.of(frame) == "frame":
            first, second = part.slice, target.slice
        case _:
            return None
    if _is_label(first) and not isinstance(second, ast.Slice | ast.Tuple):
        rows, column = second, first
    elif _is_label(second) and kinds.of(first) == "series":
        rows, column = first, second
    else:
        return None
    changed = f"{frame.id}.loc[{source.text(rows)}, {source.text(column)}]"
    return _Edit(source.span(target), changed, changed)


def _is_label(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
