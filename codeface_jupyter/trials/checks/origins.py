"""What the values of a code come from, as far as it says: `requests.Session`, `pathlib.Path`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from codeface_jupyter.namespace.classes import type_name
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.buffers import bindings

__all__ = ["Origins"]

# These give the same things again.
PASSING_ON = frozenset({"list", "reversed", "sorted"})


class Origins:
    """Names what values come from, with the module and without the calls on the way.

    Of ``client = httpx.Client()``, ``client.get`` comes from ``httpx.Client.get``. Where
    several are bound to one name, nothing is known.

    Parameters
    ----------
    tree
        The code.
    namespace
        The notebook's variables.
    modules
        What the names that the code imports, and the notebook's modules, stand for.
    """

    def __init__(
        self, tree: ast.Module, namespace: Mapping[str, object], modules: Mapping[str, str]
    ) -> None:
        self._namespace = namespace
        self._modules = modules
        self._own = names_bound(tree)
        self._bound: dict[str, str] = {}
        for name, value in [*bindings(tree), *_items(tree)]:
            origin = self.of(value)
            self._bound[name] = origin if self._bound.get(name, origin) == origin else ""

    def of(self, node: ast.expr) -> str:
        """Return what an expression comes from; empty where that is not known."""
        match node:
            case ast.Name(id=name):
                return self._of_name(name)
            case ast.Attribute(value=value, attr=name):
                owner = self.of(value)
                return f"{owner}.{name}" if owner else ""
            case ast.Call(func=function, args=arguments):
                # Asked for twice at each call, it would take twice as long for each of a chain.
                origin = self.of(function)
                return self.of(arguments[0]) if arguments and origin in PASSING_ON else origin
            case ast.BinOp(left=value, op=ast.Div()):
                return self.of(value)
            case ast.Dict() | ast.DictComp():
                return "dict"
        return ""

    def _of_name(self, name: str) -> str:
        if name in self._bound:
            return self._bound[name]
        if name in self._modules:
            return self._modules[name]
        if name in self._own:
            return ""
        if name not in self._namespace:
            return name
        value = self._namespace[name]
        # `isinstance` would ask the object.
        return type_name(value if issubclass(type(value), type) else type(value))  # type: ignore[arg-type]


def _items(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that stand for one item after another, and what of."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.For(target=ast.Name(id=name), iter=items)
                | ast.comprehension(target=ast.Name(id=name), iter=items)
            ):
                yield name, items
