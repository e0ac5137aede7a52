"""Find the object in the notebook that an expression of the user's names."""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from codeface_jupyter.errors import NotebookError, UnknownNameError
from codeface_jupyter.namespace.classes import bases_of
from codeface_jupyter.namespace.describe import column_names
from codeface_jupyter.namespace.foreign_code import call_guarded
from codeface_jupyter.syntax import parse_expression, unparsed

__all__ = ["close_names", "resolve"]

TIMEOUT_S = 1.0
BUILTINS = frozenset(dir(builtins))
CUTOFF, CUTOFF_OF_BUILTINS = 0.6, 0.8
# Raised where there is no such thing; others say that there is one, which fails.
MISSING = (AttributeError, IndexError, KeyError, TypeError)


def resolve(expression: str, namespace: Mapping[str, object]) -> object:
    """Return the object that an expression of names, attributes and indices leads to.

    Parameters
    ----------
    expression
        Such as ``df``, ``df.columns``, ``results['best'][0]`` or ``Out[3]``; only
        attribute access and indexing run code of the object.
    namespace
        The notebook's variables.

    Raises
    ------
    UnknownNameError
        If a part of it does not exist or takes too long; suggests similar names.
    NotebookError
        If it is anything but names, attributes and indices.
    """
    node = parse_expression(expression.strip())
    if node is None:
        raise _not_a_name(expression)
    return _walk(node, namespace, expression)


def close_names(name: str, names: Iterable[str], *, cutoff: float = CUTOFF) -> tuple[str, ...]:
    """Return the names that resemble ``name``, the closest first."""
    public = [other for other in names if not other.startswith("_")]
    lower = {other.lower(): other for other in public}
    found = get_close_matches(name.lower(), lower, n=3, cutoff=cutoff)
    return tuple(lower[other] for other in found)


def _walk(node: ast.expr, namespace: Mapping[str, object], expression: str) -> object:
    match node:
        case ast.Name(id=name):
            if name in namespace:
                return namespace[name]
            raise UnknownNameError(name, close_names=_close_variables(name, namespace))
        case ast.Attribute(value=value, attr=name):
            parent = _walk(value, namespace, expression)
            return _step(
                lambda: getattr(parent, name),
                unparsed(node),
                name,
                _attributes(parent),
                is_missing=not _has_attribute(parent, name),
            )
        case ast.Subscript(value=value, slice=index):
            key = _index(index, expression)
            parent = _walk(value, namespace, expression)
            known = [repr(other) for other in _keys(parent)]
            return _step(
                lambda: parent[key],  # type: ignore[index]  # what it is, indexing will tell
                unparsed(node),
                repr(key),
                known,
                is_missing=True,
            )
    raise _not_a_name(expression)


def _close_variables(name: str, namespace: Mapping[str, object]) -> tuple[str, ...]:
    """Return the variables that resemble a name, or else what Python defines and is very near."""
    own = close_names(name, [other for other in namespace if other not in BUILTINS])
    callables = [n for n, value in namespace.items() if n in BUILTINS and callable(value)]
    return own or close_names(name, callables, cutoff=CUTOFF_OF_BUILTINS)


def _index(node: ast.expr, expression: str) -> int | str:
    match node:
        case ast.Constant(value=int() | str() as key):
            return key
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as key)):
            return -key
    raise _not_a_name(expression)


def _step(
    step: Callable[[], object], path: str, name: str, known: Iterable[str], *, is_missing: bool
) -> object:
    """Take one step, guarded: a property or an index may run any code."""
    called = call_guarded(step, timeout_s=TIMEOUT_S)
    if not called.problem:
        return called.value
    if is_missing and called.error_type is not None and issubclass(called.error_type, MISSING):
        raise UnknownNameError(path, close_names=close_names(name, known))
    raise NotebookError(
        f"{path} cannot be read: it {called.problem}.",
        hint="Read it in a cell first, and use the variable that holds it.",
    )


def _has_attribute(obj: object, name: str) -> bool:
    """Whether a class or an instance defines an attribute; nothing of theirs is run."""
    return inspect.getattr_static(obj, name, MISSING) is not MISSING


def _attributes(obj: object) -> list[str]:
    """Return an object's attributes without calling any of its own code."""
    # dir() of a class with a metaclass runs the metaclass's code.
    names = set(dir(type(obj))) if type(type(obj)) is type else set()
    with contextlib.suppress(AttributeError):
        names |= set(object.__getattribute__(obj, "__dict__"))
    return sorted(names | set(column_names(obj)))


def _keys(obj: object) -> list[str]:
    """Return the text keys of a dict, or the columns of a frame."""
    if not isinstance(obj, dict) or dict not in bases_of(obj):
        return column_names(obj)
    return [key for key in dict.keys(obj) if isinstance(key, str)]


def _not_a_name(expression: str) -> NotebookError:
    return NotebookError(
        f"{expression!r} is not a name, attribute or index; expected something like "
        "df, df.columns or results['best'][0].",
        hint="Assign the expression to a variable and use its name.",
    )
