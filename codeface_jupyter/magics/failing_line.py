"""What a failing line divides by, indexes and looks keys up in, by its tree and the live values."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from codeface_jupyter.namespace import column_names
from codeface_jupyter.privacy import is_secret_name
from codeface_jupyter.syntax import parse_line

__all__ = ["UNKNOWN", "FailingLine"]

# What takes running code to know.
UNKNOWN = object()

PLAIN_KEYS = (str, int, float, bool, tuple, type(None))
PLAIN_OWNERS = (dict, list, tuple, str)
DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod)
# Methods of a frame whose result has its columns.
KEEPS_COLUMNS = frozenset(
    {"copy", "dropna", "fillna", "groupby", "head", "query", "sample", "sort_values", "tail"}
)
COLUMNS_BY_LABEL = frozenset({"at", "loc"})
# What they are given are rows or groups.
TAKES_ROWS = frozenset({"get_group", "xs"})


class FailingLine:
    """A line that failed, as its tree.

    Parameters
    ----------
    line
        The line; it may be the head of a block.
    names
        The objects that it names.

    Attributes
    ----------
    names
        Those of them that are not made in the line itself, as by a comprehension.
    """

    def __init__(self, line: str, names: Mapping[str, object]) -> None:
        self._text, self._tree = parse_line(line)
        made = self._names_made_inside()
        self.names = {name: value for name, value in names.items() if name not in made}

    def text_of(self, node: ast.expr) -> str:
        """Return a part of the line as it is written there."""
        return ast.get_source_segment(self._text, node) or ""

    def value_of(self, node: ast.expr) -> Any:
        """Return what an expression gives; `UNKNOWN` if it takes code of others to know."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
                return -number
            case ast.Name(id=name):
                return self.names.get(name, UNKNOWN)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                values = [self.value_of(part) for part in parts]
                return values if isinstance(node, ast.List) else tuple(values)
            case ast.Subscript(value=owner, slice=index):
                return _item(self.value_of(owner), self.value_of(index))
        return UNKNOWN

    def divisors(self) -> Iterator[ast.expr]:
        """Yield what the line divides by."""
        for node in self._nodes():
            match node:
                case ast.BinOp(left=ast.Constant(value=str()) | ast.JoinedStr(), op=ast.Mod()):
                    pass
                case ast.BinOp(op=op, right=divisor) | ast.AugAssign(op=op, value=divisor):
                    if isinstance(op, DIVISIONS):
                        yield divisor

    def indexed(self) -> Iterator[tuple[ast.expr, ast.expr]]:
        """Yield what the line takes a single item of, each with the item's number or key."""
        for node in self._nodes():
            match node:
                case ast.Subscript(value=owner, slice=index):
                    if not isinstance(index, ast.Slice):
                        yield owner, index
                case ast.Call(func=ast.Attribute(value=owner, attr="pop"), args=[index, *_]):
                    yield owner, index

    def looked_up(self, keys: list[object]) -> dict[str, object]:
        """Return in what the line may have looked up one of ``keys``, as written, and its value."""
        stored = self._only_stored()
        owners = [
            self._owner(owner, index, keys)
            for owner, index in self.indexed()
            if (owner, index) not in stored
        ]
        for node in self._nodes():
            if isinstance(node, ast.Call):
                owners += self._frames_asked(node, keys)
        return {self.text_of(owner): self.value_of(owner) for owner in owners if owner is not None}

    def _nodes(self) -> Iterator[ast.AST]:
        return iter(()) if self._tree is None else ast.walk(self._tree)

    def _names_made_inside(self) -> set[str]:
        """Return the names of lambdas and comprehensions, which have values of their own."""
        names: set[str] = set()
        for node in self._nodes():
            match node:
                case ast.comprehension(target=target):
                    names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
                case ast.Lambda(args=arguments):
                    names |= {n.arg for n in ast.walk(arguments) if isinstance(n, ast.arg)}
        return names

    def _only_stored(self) -> set[tuple[ast.expr, ast.expr]]:
        """Return the items that are given a value and not looked up, as `indexed` yields them."""
        read = {node.target for node in self._nodes() if isinstance(node, ast.AugAssign)}
        return {
            (node.value, node.slice)
            for node in self._nodes()
            if isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Store)
            and node not in read
        }

    def _owner(self, owner: ast.expr, index: ast.expr, keys: list[object]) -> ast.expr | None:
        """Return in what an index is looked up; None if it can be none of ``keys``."""
        if isinstance(owner, ast.Attribute) and owner.attr in COLUMNS_BY_LABEL:
            match index:
                case ast.Tuple(elts=[_, column]):
                    owner, index = owner.value, column
        if not self._may_be(index, keys):
            return None
        frame = _frame_behind(owner)
        return frame if self._is_frame(frame) else owner

    def _may_be(self, index: ast.expr, keys: list[object]) -> bool:
        value = self.value_of(index)
        labels = value if type(value) is list else [value]
        return any(not _is_plain(label) or label in keys for label in labels)

    def _frames_asked(self, call: ast.Call, keys: list[object]) -> list[ast.expr]:
        """Return the frames that a call is given together with one of ``keys``."""
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        frames = [argument for argument in arguments if self._is_frame(argument)]
        match call.func:
            case ast.Attribute(value=owner, attr=method) if not _takes_rows(method, call):
                frames.append(_frame_behind(owner))
        if not any(
            self._is_one(part, keys) for part in chain.from_iterable(map(ast.walk, arguments))
        ):
            return []
        return [frame for frame in frames if self._is_frame(frame)]

    def _is_one(self, node: ast.AST, keys: list[object]) -> bool:
        if not isinstance(node, ast.Constant | ast.Name | ast.List):
            return False
        value = self.value_of(node)
        labels = value if type(value) is list else [value]
        return any(_is_plain(label) and label in keys for label in labels)

    def _is_frame(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and bool(column_names(self.value_of(node)))


def _item(owner: Any, index: object) -> object:
    """Return an item of a plain collection; what a secret's name stands for stays unknown."""
    if type(owner) not in PLAIN_OWNERS or type(index) not in (str, int):
        return UNKNOWN
    if isinstance(index, str) and is_secret_name(index):
        return UNKNOWN
    with suppress(LookupError, TypeError):
        return owner[index]
    return UNKNOWN


def _is_plain(value: object) -> bool:
    """Whether a message names a key as it is; of other types they write what they like."""
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return type(value) in PLAIN_KEYS


def _frame_behind(node: ast.expr) -> ast.expr:
    """Return what a chain of calls begins with, as long as each gives the same columns."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in KEEPS_COLUMNS:
            return _frame_behind(owner)
    return node


def _takes_rows(method: str, call: ast.Call) -> bool:
    named = {keyword.arg for keyword in call.keywords}
    return method in TAKES_ROWS or (method == "drop" and named.isdisjoint({"axis", "columns"}))
