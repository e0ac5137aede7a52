"""Calls that do not fit the signature of what they call."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator

from codeface_jupyter.namespace.classes import class_name, members_of, module_of, own_attributes
from codeface_jupyter.trials.checks.attributes import (
    class_member,
    is_transparent,
    is_usual_class,
)
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.values import Live, Method, Value, class_of
from codeface_jupyter.trials.checks.wording import code_span, nearest

__all__ = ["check_call", "signature_of_value"]

# Wraps pandas' functions and warns of positional arguments, which it takes all the same.
WARNING_WRAPPER = "deprecate_nonkeyword_arguments."
NUMPY_DISPATCHER = "_ArrayFunctionDispatcher"
Kind = inspect.Parameter


def signature_of_value(function: Value) -> inspect.Signature | None:
    """Return what a value takes when it is called; None if only running code could tell."""
    if isinstance(function, Live):
        return _of_object(function.obj)
    if isinstance(function, Method) and not _is_own(function):
        cls = class_of(function.owner)
        return None if cls is None else _of_method(cls, function.name)
    return None


def check_call(notes: Notes, node: ast.Call, signature: inspect.Signature, *, name: str) -> None:
    """Report the arguments that do not fit.

    Parameters
    ----------
    name
        What is called, as the code calls it.
    """
    has_stars = any(isinstance(argument, ast.Starred) for argument in node.args)
    names = [keyword.arg for keyword in node.keywords]
    unknown = [keyword for keyword in node.keywords if _is_unknown(signature, keyword)]
    for keyword in unknown:
        _report_unknown(notes, keyword, signature, name=name)
    if unknown or has_stars or None in names or len(set(names)) < len(names):
        return
    problem = _problem(signature, len(node.args), [str(keyword) for keyword in names])
    if problem is not None:
        notes.add("bad_call", f"{code_span(name)} {problem}.", line=node.lineno)


def _is_unknown(signature: inspect.Signature, keyword: ast.keyword) -> bool:
    if keyword.arg is None or any(p.kind is Kind.VAR_KEYWORD for p in _parameters(signature)):
        return False
    found = signature.parameters.get(keyword.arg)
    return found is None or found.kind in (Kind.POSITIONAL_ONLY, Kind.VAR_POSITIONAL)


def _report_unknown(
    notes: Notes, keyword: ast.keyword, signature: inspect.Signature, *, name: str
) -> None:
    known = [p.name for p in _parameters(signature) if p.kind is not Kind.VAR_POSITIONAL]
    close = nearest(str(keyword.arg), known)
    message = f"{code_span(name)} has no parameter {code_span(keyword.arg)}{close.hint()}."
    notes.add("bad_call", message, line=keyword.lineno)


def _problem(signature: inspect.Signature, positional: int, names: list[str]) -> str | None:
    try:
        signature.bind(*[None] * positional, **dict.fromkeys(names))
    except TypeError as error:
        message = str(error)
    else:
        return None
    if "missing" in message:
        lacking = message.rpartition("'")[0].rpartition("'")[2]
        return f"needs the argument {code_span(lacking)}"
    if "too many positional" in message:
        most = sum(p.kind in (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD)
                   for p in _parameters(signature))  # fmt: skip
        return f"takes at most {most} positional arguments, and is given {positional}"
    return "is given an argument twice" if "multiple values" in message else None


def _parameters(signature: inspect.Signature) -> Iterator[inspect.Parameter]:
    return iter(signature.parameters.values())


def _of_object(obj: object) -> inspect.Signature | None:
    if type(obj) is types.MethodType:
        return _without_first(_of_function(obj.__func__))
    if is_usual_class(obj):
        return _of_class(obj)
    return _of_function(obj)


def _of_method(cls: type, name: str) -> inspect.Signature | None:
    """Return what a method of a class's instances takes."""
    found = class_member(cls, name)
    if type(found) is staticmethod:
        return _of_function(found.__func__)
    if type(found) is classmethod:
        return _without_first(_of_function(found.__func__))
    return _without_first(_of_function(found)) if type(found) is types.FunctionType else None


def _is_own(method: Method) -> bool:
    """Whether an object may have something of its own in the place of its class's method."""
    if not isinstance(method.owner, Live):
        return False
    obj = method.owner.obj
    return not is_transparent(type(obj)) or method.name in own_attributes(obj)


def _of_class(cls: type) -> inspect.Signature | None:
    """Return what making an instance takes, where ``__init__`` alone decides that."""
    if class_member(type(cls), "__call__") is not members_of(type)["__call__"]:
        return None
    if class_member(cls, "__new__") is not members_of(object)["__new__"]:
        return None
    init = class_member(cls, "__init__")
    return _without_first(_of_function(init)) if type(init) is types.FunctionType else None


def _of_function(obj: object) -> inspect.Signature | None:
    if type(obj) is types.FunctionType:
        return _of_python_function(obj)
    # Those of NumPy's in C say too little: `arange` takes `start` as well.
    is_of_python = type(obj) is types.BuiltinFunctionType and obj.__module__ != "numpy"
    if is_of_python or _is_numpy_function(obj):
        try:
            return inspect.signature(obj)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return None
    return None


def _of_python_function(function: types.FunctionType) -> inspect.Signature | None:
    attributes = vars(function)
    if not {"__wrapped__", "__signature__"} & attributes.keys():
        return inspect.signature(function)
    # What a wrapper takes cannot be seen: that of pandas takes what it wraps does, and more.
    given = attributes.get("__signature__")
    is_known = function.__code__.co_qualname.startswith(WARNING_WRAPPER)
    if not is_known or type(given) is not inspect.Signature:
        return None
    kinds = (Kind.POSITIONAL_OR_KEYWORD, Kind.KEYWORD_ONLY, Kind.VAR_KEYWORD)
    first, named, others = ([p for p in _parameters(given) if p.kind is kind] for kind in kinds)
    first, named = ([p.replace(default=None) for p in part] for part in (first, named))
    more = Kind("args", Kind.VAR_POSITIONAL)
    return inspect.Signature([*first, more, *named, *others])


def _is_numpy_function(obj: object) -> bool:
    cls = type(obj)
    module = module_of(cls)
    name = class_name(cls)
    return (module, name) == ("numpy", NUMPY_DISPATCHER)


def _without_first(signature: inspect.Signature | None) -> inspect.Signature | None:
    """Return a signature without ``self``."""
    if signature is None:
        return None
    parameters = list(_parameters(signature))
    if parameters and parameters[0].kind is not Kind.VAR_POSITIONAL:
        del parameters[0]
    return signature.replace(parameters=parameters)
