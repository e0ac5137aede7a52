"""Whether a code may give frames, series and other objects of libraries further attributes."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator, Mapping

from codeface_jupyter.namespace.classes import own_attributes
from codeface_jupyter.trials.checks.attributes import is_usual_class
from codeface_jupyter.trials.checks.calls import root_name
from codeface_jupyter.trials.checks.changes import PURE_PACKAGES, package_of
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.values import (
    Accessor,
    Column,
    Frame,
    Grouped,
    GroupedColumn,
    Live,
    Value,
    is_exactly,
)

__all__ = ["extends_libraries", "is_added_accessor", "may_be_extended"]

# The first is pandas 3's.
ACCESSOR_CLASSES = ("Accessor", "CachedAccessor")


def extends_libraries(tree: ast.Module, namespace: Mapping[str, object]) -> bool:
    """Whether a code imports or calls what may extend other libraries' classes.

    What a library adds when it is imported can be seen once it is; so can what ``tqdm.pandas()``
    adds once it has run.
    """
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, module in _imports(node):
            if _may_extend(module) and module not in sys.modules:
                return True
            imported[name] = module
    return any(
        _may_extend(imported.get(name) or _origin(namespace.get(name)))
        for name in _called_for_what_they_do(tree)
    )


def may_be_extended(value: Value) -> bool:
    """Whether other libraries add to the class of a value: a frame's, say, but not a list's."""
    match value:
        case Frame() | Column() | Grouped() | GroupedColumn() | Accessor():
            return True
        case Live(obj=obj):
            return type(obj) is not types.ModuleType and _is_of_third_party(package_of(obj))
    return False


def is_added_accessor(member: object) -> bool:
    """Whether what a class of pandas' has under a name is an accessor of another library's."""
    if not any(is_exactly(member, "pandas.core.accessor", name) for name in ACCESSOR_CLASSES):
        return False
    accessor = own_attributes(member).get("_accessor")
    return is_usual_class(accessor) and package_of(accessor) != "pandas"


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement imports, each with the module that this may load."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name.partition(".")[0], alias.name
        case ast.ImportFrom(module=str() as module, names=aliases, level=0):
            for alias in aliases:
                yield alias.asname or alias.name, _source(module, alias.name)


def _source(module: str, name: str) -> str:
    """Return the module that a name is imported from, or that it is."""
    loaded = loaded_module(module)
    return f"{module}.{name}" if loaded is not None and name not in members(loaded) else module


def _called_for_what_they_do(tree: ast.Module) -> Iterator[str]:
    """Yield what calls begin with whose result is not used."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = root_name(node.value)
            if name is not None:
                yield name


def _origin(obj: object) -> str:
    """Return the package of a module, a class or a function; empty for anything else."""
    if type(obj) is types.ModuleType:
        name = members(obj).get("__name__")
        return name if type(name) is str else ""
    is_function = type(obj) is types.FunctionType or type(obj) is types.BuiltinFunctionType
    return package_of(obj) if is_function or is_usual_class(obj) else ""


def _may_extend(module: str) -> bool:
    package = module.partition(".")[0]
    return _is_of_third_party(package) and package not in PURE_PACKAGES


def _is_of_third_party(package: str) -> bool:
    return package not in ("", "__main__") and package not in sys.stdlib_module_names
