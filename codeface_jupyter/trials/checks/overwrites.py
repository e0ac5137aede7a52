"""Variables of the notebook's that a code would give another kind of value."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Mapping

from codeface_jupyter.trials.checks.attributes import is_usual_class
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.values import is_exactly
from codeface_jupyter.trials.checks.wording import code_span

__all__ = ["check_overwrites"]

DATA = (
    ("pandas", "DataFrame", "data frame"),
    ("pandas", "Series", "series"),
    ("polars", "DataFrame", "data frame"),
    ("polars", "Series", "series"),
    ("numpy", "ndarray", "array"),
)
# What is small is soon made again, and so are names for it used again.
PLAIN_WORDS: Mapping[type, str] = {list: "list", dict: "dict", set: "set", tuple: "tuple"}
LITERALS: Mapping[type[ast.expr], str] = {
    ast.List: "a list",
    ast.ListComp: "a list",
    ast.Dict: "a dict",
    ast.DictComp: "a dict",
    ast.Set: "a set",
    ast.SetComp: "a set",
    ast.Tuple: "a tuple",
    ast.JoinedStr: "a text",
    ast.Lambda: "a function",
}
CONSTANTS: Mapping[type, str] = {
    str: "a text",
    bytes: "bytes",
    int: "a number",
    float: "a number",
    complex: "a number",
    bool: "a truth value",
    types.NoneType: "`None`",
}


def check_overwrites(notes: Notes, namespace: Mapping[str, object]) -> None:
    """Report the notebook's data, functions, classes and modules that something else replaces."""
    tree = notes.source.tree
    for node in tree.body if tree is not None else ():
        for name, new in _assigned(node):
            old = _kind(namespace[name]) if name in namespace else None
            if old is not None and new.rpartition(" ")[2] != old.rpartition(" ")[2]:
                message = f"This replaces your {old} {code_span(name)} by {new}."
                notes.add("overwrites", message, line=node.lineno)


def _assigned(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the variables that a statement surely binds, and what to."""
    match node:
        case ast.Assign(targets=targets, value=value) if _literal(value):
            names = (target.id for target in targets if isinstance(target, ast.Name))
            yield from ((name, _literal(value)) for name in names)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _literal(value):
            yield name, _literal(value)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, "a function"
        case ast.ClassDef(name=name):
            yield name, "a class"
        case ast.Import(names=aliases):
            names = (alias.asname or alias.name.partition(".")[0] for alias in aliases)
            yield from ((name, "a module") for name in names)
        case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
            yield name, "a number"


def _literal(node: ast.expr) -> str:
    """Return what a literal is; empty for other expressions."""
    if isinstance(node, ast.Constant):
        return CONSTANTS.get(type(node.value), "")
    return LITERALS.get(type(node), "")


def _kind(obj: object) -> str | None:
    """Return what a variable is, if that is worth keeping; its class alone is looked at."""
    for module, name, word in DATA:
        if is_exactly(obj, module, name):
            return word
    if type(obj) is types.FunctionType:
        return "function"
    if type(obj) is types.ModuleType:
        return "module"
    if is_usual_class(obj):
        return "class"
    # An empty one holds nothing to be lost.
    plain = PLAIN_WORDS.get(type(obj)) if type(type(obj)) is type else None
    return plain if plain is not None and obj else None
