"""Files that are none: what is written to them stays in memory or is shown."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable, Iterator, Mapping

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.bindings import names_bound

__all__ = ["Buffers", "bindings"]

BUFFER_TYPES = (io.BytesIO, io.StringIO)
BUFFERS = frozenset({"BytesIO", "StringIO"})
# These write to the file that they are given.
WRAPPERS = frozenset({"ExcelWriter", "TextIOWrapper"})
CONNECTORS = frozenset({"connect", "create_engine"})
CONNECTIONS = (("sqlite3", "Connection"), ("sqlalchemy", "Engine"))
IN_MEMORY = frozenset({":memory:", "sqlite://", "sqlite:///:memory:"})
SHOWN = ("sys.stdout", "sys.stderr")


class Buffers:
    """Tells the buffers among the arguments of calls.

    Parameters
    ----------
    tree
        The code.
    namespace
        The notebook's variables.
    name_of
        Gives the dotted name of an expression, with the module that it is from.
    """

    def __init__(
        self,
        tree: ast.Module,
        namespace: Mapping[str, object],
        name_of: Callable[[ast.expr], str],
    ) -> None:
        self._name_of = name_of
        self._namespace = namespace
        self._own = own = names_bound(tree)
        self._names = {
            name
            for name, value in namespace.items()
            if name not in own and any(type(value) is known for known in BUFFER_TYPES)
        }
        others: set[str] = set()
        for name, value in bindings(tree):
            (self._names if self._is_buffer(value) else others).add(name)
        self._names -= others

    def is_written_to(self, node: ast.Call) -> bool:
        """Whether a call is given a buffer, so that it writes no file."""
        return any(map(self._is_buffer, _arguments(node)))

    def _is_buffer(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name) if name in self._names or self._is_kept_in_memory(name):
                return True
            case ast.NamedExpr(value=value):
                return self._is_buffer(value)
            case ast.Call(func=function):
                return self._makes_buffer(node, self._name_of(function).rpartition(".")[2])
            case ast.Name() | ast.Attribute():
                return self._name_of(node).startswith(SHOWN)
        return False

    def _is_kept_in_memory(self, name: str) -> bool:
        """Whether a name is a connection that a cell has made to a database in memory.

        A connection cannot be asked: SQLite answers in the thread alone that made it.
        """
        value, cells = self._namespace.get(name), self._namespace.get("In")
        is_connection = any(is_instance(value, *known) for known in CONNECTIONS)
        if name in self._own or not is_connection or type(cells) is not list:
            return False
        for cell in reversed(cells):
            tree = parse_module(cell) if isinstance(cell, str) and name in cell else None
            bound = dict(bindings(tree)) if tree is not None else {}
            if name in bound:
                return isinstance(bound[name], ast.Call) and self._is_buffer(bound[name])
        return False

    def _makes_buffer(self, node: ast.Call, function: str) -> bool:
        if function in CONNECTORS:
            return any(
                isinstance(part, ast.Constant) and part.value in IN_MEMORY
                for part in _arguments(node)
            )
        return function in BUFFERS or (function in WRAPPERS and self.is_written_to(node))


def _arguments(node: ast.Call) -> list[ast.expr]:
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def bindings(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a code binds to an expression, in its order, and the expression."""
    found: list[tuple[ast.expr, ast.expr]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                found += [(target, value) for target in targets]
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                found.append((target, value))
            case ast.NamedExpr(target=target, value=value):
                found.append((target, value))
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                found.append((target, value))
    found.sort(key=lambda pair: (pair[0].lineno, pair[0].col_offset))
    yield from ((target.id, value) for target, value in found if isinstance(target, ast.Name))
