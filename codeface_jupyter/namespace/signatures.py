"""What a function or a class takes, without running code of what stands in its signature.

A default is a value like any other: the notebook's own table, a query that is run when it is
written. So is what an annotation may hold.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from codeface_jupyter.namespace.classes import (
    bases_of,
    class_name,
    members_of,
    module_of,
    type_name,
)
from codeface_jupyter.namespace.outline import View
from codeface_jupyter.namespace.writing import PLAIN_TYPES, write_value
from codeface_jupyter.shorten import shorten

__all__ = ["SHOWN_ALWAYS", "UNKNOWN", "signature_text"]

MAX_SIGNATURE_CHARS = 200
UNKNOWN = "(...)"
SHOWN_ALWAYS = frozenset({type(None), bool})
# What runs when a class is looked at or called; these libraries only do so to say their fields.
METACLASS_CODE = frozenset(
    {"__call__", "__getattr__", "__getattribute__", "__module__", "__name__", "__qualname__"}
    | {"__signature__", "__text_signature__", "__wrapped__"}
)
TRUSTED_METACLASSES = frozenset({"enum", "pydantic", "typing"})
# Their classes write types as they stand in code.
OF_TYPES = ("typing", "types", "collections.abc", "typing_extensions")
# What has a signature that can be read; anything else would be asked for it.
WRAPPERS = (types.FunctionType, type(functools.cache(len)))
FUNCTIONS = (
    *WRAPPERS, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.MethodWrapperType, types.ClassMethodDescriptorType,
)  # fmt: skip
MAX_WRAPPERS = 20


class _Written:
    """Stands in a signature for what is written so."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def signature_text(obj: Any, view: View) -> str:
    """Return the signature of a function or a class in brackets; `UNKNOWN` if it has none."""
    try:
        signature = _signature(obj)
    except (ValueError, TypeError, NameError, AttributeError):
        # From Python 3.14 on, an annotation is worked out only when it is asked for.
        return UNKNOWN
    if signature is None:
        return UNKNOWN
    # Annotations that are kept as text come in quotes.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(_shown(signature, view)))
    return shorten(text, max_chars=MAX_SIGNATURE_CHARS).replace("\n", " ")


def _signature(obj: Any) -> inspect.Signature | None:
    holders = list(_holders(obj))
    if any(type in bases_of(holder) and _metaclass_has_code(holder) for holder in holders):
        return _signature_of_init(obj) if type in bases_of(obj) else None
    asked = list(_asked(obj))
    if not all(type(function) in FUNCTIONS for function in asked):
        return None
    if any(map(_has_odd_signature, [*holders, *asked])):
        return None
    if functools.partial in bases_of(obj) and not _takes_what_is_bound(obj):
        return None
    is_followed = all(map(_wraps_functions, asked)) and not any(map(_wraps_something, holders))
    return inspect.signature(obj, follow_wrapped=is_followed)


def _signature_of_init(cls: type) -> inspect.Signature | None:
    """Return what ``__init__`` takes, without asking the class or its metaclass."""
    init = inspect.getattr_static(cls, "__init__")
    if not isinstance(init, types.FunctionType) or _has_odd_signature(init):
        return None
    signature = inspect.signature(init, follow_wrapped=_wraps_functions(init))
    parameters = list(signature.parameters.values())[1:]
    return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def _holders(obj: Any) -> Iterator[Any]:
    """Yield the partials around what is called, and that if it is a class."""
    while functools.partial in bases_of(obj):
        yield obj
        obj = functools.partial.func.__get__(obj)
    if type in bases_of(obj):
        yield obj


def _takes_what_is_bound(obj: Any) -> bool:
    """Whether a partial's function takes its arguments: an error would write what they are."""
    signature = _signature(functools.partial.func.__get__(obj))
    if signature is None:
        return False
    bound, named = functools.partial.args.__get__(obj), functools.partial.keywords.__get__(obj)
    with suppress(TypeError):
        signature.bind_partial(*bound, **named)
        return True
    return False


def _has_odd_signature(obj: object) -> bool:
    """Whether something says to have a signature that is none: it would be asked for more."""
    if module_of(type(obj)).partition(".")[0] in TRUSTED_METACLASSES:
        return False
    own = inspect.getattr_static(obj, "__signature__", None)
    text = vars(obj).get("__text_signature__") if type(obj) in WRAPPERS else None
    return type(own) not in (type(None), inspect.Signature) or type(text) not in (type(None), str)


def _wraps_something(holder: object) -> bool:
    return inspect.getattr_static(holder, "__wrapped__", None) is not None


def _metaclass_has_code(cls: type) -> bool:
    """Whether a metaclass would run code of its own when its class is asked for a signature."""
    for base in bases_of(cls):
        module = module_of(base)
        if base in (type, object) or module.partition(".")[0] in TRUSTED_METACLASSES:
            continue
        # Every class has a module, but a name of one runs nothing.
        own = {name for name, value in members_of(base).items() if type(value) is not str}
        if METACLASS_CODE & own:
            return True
    return False


def _asked(obj: Any) -> Iterator[object]:
    """Yield the functions that a function, a method, a partial or a class has its signature of."""
    while functools.partial in bases_of(obj):
        obj = functools.partial.func.__get__(obj)
    if type in bases_of(obj):
        for name in ("__init__", "__new__"):
            made = inspect.getattr_static(obj, name)
            yield made.__func__ if type(made) is staticmethod else made
    else:
        yield obj.__func__ if type(obj) is types.MethodType else obj


def _wraps_functions(obj: object) -> bool:
    """Whether all that a function says to wrap are functions: anything else is somebody's code."""
    for _ in range(MAX_WRAPPERS):
        wrapped = vars(obj).get("__wrapped__") if type(obj) in WRAPPERS else None
        if wrapped is None or _has_odd_signature(obj):
            return type(obj) in FUNCTIONS and not _has_odd_signature(obj)
        obj = wrapped
    return False


def _shown(signature: inspect.Signature, view: View) -> inspect.Signature:
    """Return a signature whose defaults and annotations are only what may be shown of them."""
    parameters = [
        parameter.replace(
            default=_default(parameter.default, view),
            annotation=_annotation(parameter.annotation, view),
        )
        for parameter in signature.parameters.values()
    ]
    result = _annotation(signature.return_annotation, view)
    return inspect.Signature(parameters, return_annotation=result)


def _default(value: object, view: View) -> object:
    is_nothing = type(value) is str and not value
    if value is inspect.Parameter.empty or type(value) in SHOWN_ALWAYS or is_nothing:
        return value
    return _Written(_as_in_code(value) if view.allow_values else "...")


def _as_in_code(value: Any) -> str:
    """Write a default as code may have it; dots for what has no such text."""
    if type in bases_of(value):
        return class_name(value)
    if type(value) in (types.FunctionType, types.BuiltinFunctionType):
        return str(value.__name__)
    written = write_value(value)
    # Of what is not plain, the class is written: its name would be another default.
    is_plain = type(value) in PLAIN_TYPES or written != class_name(type(value))
    return written if is_plain else "..."


def _annotation(annotation: Any, view: View) -> object:
    if annotation is inspect.Parameter.empty or _is_type(annotation, view):
        return annotation
    if type in bases_of(annotation):
        return _Written(type_name(annotation))
    if _is_of_typing(type(annotation)) and hasattr(annotation, "__origin__"):
        return _annotation(annotation.__origin__, view)
    return _Written(type_name(type(annotation)))


def _is_type(annotation: Any, view: View) -> bool:
    """Whether an annotation is a type, and so are its parts, so that writing it runs nothing."""
    cls = type(annotation)
    if type in bases_of(annotation):
        return not _metaclass_has_code(annotation)
    if cls in PLAIN_TYPES:
        return view.allow_values or cls is str or cls in SHOWN_ALWAYS or annotation is ...
    if cls in (tuple, list):
        return all(_is_type(part, view) for part in annotation)
    return _is_of_typing(cls) and _has_types(annotation, view)


def _has_types(alias: Any, view: View) -> bool:
    """Whether the parts of what is of `typing` are types."""
    parts = getattr(alias, "__args__", ())
    match type_name(type(alias)):
        case "typing._AnnotatedAlias":
            return False
        case "typing._LiteralGenericAlias":
            return all(type(part) in PLAIN_TYPES for part in parts)
        case _:
            return all(_is_type(part, view) for part in parts)


def _is_of_typing(cls: type) -> bool:
    name = class_name(cls)
    modules = filter(None, map(sys.modules.get, OF_TYPES))
    return any(vars(module).get(name) is cls for module in modules)
