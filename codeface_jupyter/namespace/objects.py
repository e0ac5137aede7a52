"""Describe functions, classes, modules, containers, models, figures and other objects."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import inspect
import itertools
import types
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from codeface_jupyter.namespace.classes import (
    bases_of,
    class_name,
    is_instance,
    members_of,
    own_attributes,
    type_name,
)
from codeface_jupyter.namespace.outline import Outline, View
from codeface_jupyter.namespace.signatures import SHOWN_ALWAYS, UNKNOWN, signature_text
from codeface_jupyter.namespace.source import source_of
from codeface_jupyter.namespace.writing import (
    HIDDEN,
    PLAIN_TYPES,
    TIMES,
    join_some,
    write_label,
    write_value,
)
from codeface_jupyter.privacy import is_secret_name, mask
from codeface_jupyter.shorten import shorten
from codeface_jupyter.wording import counted

__all__ = [
    "container",
    "figure",
    "function",
    "iterator",
    "klass",
    "mapping",
    "module",
    "plain_value",
    "sklearn_model",
    "some_object",
    "torch_model",
]

MAX_DOCSTRING_CHARS = 120
MAX_LOOKED_AT = 100
MAX_KINDS = 3
MAX_ITEMS = {False: 6, True: 30}
MAX_LIST_CHARS = {False: 200, True: 1_500}
FUNCTIONS = (
    types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.MethodDescriptorType,
    functools.partial, type(functools.cache(len)),
)  # fmt: skip
# They learn nothing.
STATELESS_MODELS = frozenset({"sklearn.FeatureHasher", "sklearn.HashingVectorizer"})
ITERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset, deque)


def plain_value(value: object, view: View) -> Outline:
    """Describe a number, a text or another plain value."""
    name = class_name(type(value))
    if isinstance(value, str | bytes | bytearray):
        outline = Outline("text", f"{name} of {len(value):,}", {"length": len(value)})
    else:
        outline = Outline("scalar", name)
    if view.allow_values and value is not None:
        written = write_value(value, max_chars=1_000 if view.is_full else 60)
        outline.facts["value"] = written
        outline.text = f"{name} = {written}" if outline.kind == "scalar" else (
            f"{outline.text}: {written}"
        )  # fmt: skip
    return outline


def function(obj: Any, view: View) -> Outline:
    """Describe a function or a method: its signature and its docstring's first line."""
    signature = signature_text(obj, view)
    name = getattr(obj, "__name__", class_name(type(obj)))
    # What has no signature that can be read is not asked for anything else.
    is_async = signature != UNKNOWN and inspect.iscoroutinefunction(obj)
    prefix = "async def" if is_async else "def"
    outline = Outline("function", f"{prefix} {name}{signature}", {"signature": signature})
    _add_docstring(outline, obj)
    if view.is_full:
        _add_source(outline, obj)
    return outline


def klass(cls: Any, view: View) -> Outline:
    """Describe a class: its constructor, its bases, its public methods."""
    signature = signature_text(cls, view)
    name = class_name(cls)
    outline = Outline("class", f"class {name}{signature}", {"signature": signature})
    bases = [
        class_name(base) for base in type.__dict__["__bases__"].__get__(cls) if base is not object
    ]
    if bases:
        outline.text += f", a {', '.join(bases)}"
    members = type.__dict__["__dict__"].__get__(cls)
    methods = [m for m, value in members.items() if m[:1] != "_" and _is_method(value)]
    outline.facts |= {"bases": bases, "methods": methods}
    if methods:
        listed = join_some(methods, total=len(methods), max_chars=MAX_LIST_CHARS[view.is_full])
        outline.text += f", with {listed}"
    # What `dataclass` writes there is the signature, with every default.
    if view.allow_values or not _has_docstring_of_dataclass(members, name):
        _add_docstring(outline, cls)
    if view.is_full:
        _add_source(outline, cls)
    return outline


def module(obj: Any, view: View) -> Outline:
    """Describe a module: its name and its version."""
    # Through the base class: a lazy module must not be loaded by being looked at.
    members = types.ModuleType.__getattribute__(obj, "__dict__")
    name = str(members.get("__name__", "?"))
    version = members.get("__version__")
    if not isinstance(version, str):
        version = ""
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name.partition(".")[0])
    outline = Outline("module", f"module {name} {version}".rstrip())
    outline.facts |= {"module": name, "version": version}
    if view.is_full:
        docstring = members.get("__doc__")
        outline.body = inspect.cleandoc(docstring) if isinstance(docstring, str) else ""
    return outline


def iterator(obj: object, _: View) -> Outline:
    """Describe a generator, an iterator or a coroutine, without consuming it."""
    name = class_name(type(obj))
    if isinstance(obj, ITERATORS):
        name = f"{name} {obj.__name__}"
    return Outline("iterator", f"{name}, not consumed")


def container(obj: Any, view: View) -> Outline:
    """Describe a list, a tuple, a set or a deque: its length and the types of its items."""
    base = next(base for base in bases_of(obj) if base in SEQUENCES)
    length = base.__len__(obj)  # type: ignore[attr-defined]
    # The base's own methods: a subclass may count or yield anything.
    items = list(itertools.islice(base.__iter__(obj), MAX_LOOKED_AT))  # type: ignore[attr-defined]
    outline = Outline("container", f"{class_name(type(obj))} of {length:,}", {"length": length})
    fields = inspect.getattr_static(type(obj), "_fields", None)
    if isinstance(fields, tuple) and len(fields) == length:
        values = [_item(name, value, view) for name, value in zip(fields, items, strict=True)]
        outline.text = f"{class_name(type(obj))}({', '.join(values)})"
    elif items:
        outline.text += f" {_kinds(items)}"
        outline.facts["element_kinds"] = _kinds(items)
        if view.allow_values and all(type(item) in PLAIN_TYPES for item in items):
            shown = [write_value(item) for item in items[: MAX_ITEMS[view.is_full]]]
            written = join_some(shown, total=length, max_chars=120)
            outline.text += f": {written}"
            outline.facts["items"] = written
        elif dict in bases_of(items[0]):
            first = mapping(items[0], View(allow_values=view.allow_values))
            outline.text += f", the first: {first.text}"
    return outline


def mapping(obj: Any, view: View) -> Outline:
    """Describe a dict: how many keys and of what types; the keys only if values may be shown."""
    length = dict.__len__(obj)
    items = list(itertools.islice(dict.items(obj), MAX_LOOKED_AT))
    outline = Outline("container", f"{class_name(type(obj))} of {length:,}", {"length": length})
    if not items:
        return outline
    if view.allow_values and all(type(key) is str for key, _ in items):
        shown = [_item(repr(key), value, view) for key, value in items[: MAX_ITEMS[view.is_full]]]
        limit = MAX_LIST_CHARS[view.is_full]
        written = join_some(shown, total=length, max_chars=limit)
        outline.text += f": {written}"
        outline.facts |= {"keys": [write_label(key) for key, _ in items], "items": written}
    else:
        keys, values = zip(*items, strict=True)
        outline.text += f": {_kinds(keys)} to {_kinds(values)}"
    return outline


def sklearn_model(model: Any, view: View) -> Outline:
    """Describe a scikit-learn estimator: its class, changed parameters, and if it is fitted."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(type(model).__init__).parameters.items()
    }
    parameters = {
        name: _parameter(name, value, view)
        for name, value in model.get_params(deep=False).items()
        if value is not defaults.get(name)
    }
    state = vars(model)
    is_fitted = _is_fitted(model)
    written = ", ".join(f"{name}={value}" for name, value in parameters.items())
    outline = Outline("model", f"{class_name(type(model))}({shorten(written, max_chars=300)})")
    outline.text += {None: "", True: ", fitted", False: ", not fitted"}[is_fitted]
    features = state.get("n_features_in_")
    if isinstance(features, int):
        outline.text += f" on {features:,} features"
    outline.facts |= {"parameters": parameters, "is_fitted": is_fitted}
    return outline


def _is_fitted(model: Any) -> bool | None:
    """Whether an estimator is fitted; None where nothing in it tells.

    A pipeline is if its last step is, and a union of features if all parts are: what they are
    made of keeps what is learned.
    """
    state = vars(model)
    if any(name.endswith("_") and not name.startswith("_") for name in state):
        return True
    if is_instance(model, "sklearn.pipeline", "Pipeline"):
        return _are_fitted(state["steps"], last=1)
    if is_instance(model, "sklearn.pipeline", "FeatureUnion"):
        return _are_fitted(state["transformer_list"], last=None)
    is_stateless = type_name(type(model)) in STATELESS_MODELS
    # Of some, the class alone can say.
    if is_stateless or any("__sklearn_is_fitted__" in members_of(c) for c in bases_of(model)):
        return None
    return False


def _are_fitted(parts: list[tuple[Any, ...]], *, last: int | None) -> bool | None:
    """Judge by the parts of a model, or the last ones, but for those that are left out."""
    models = [part for _, part, *_ in parts if part is not None and type(part) is not str]
    if not models:
        return None
    found = {_is_fitted(part) for part in models[-(last or len(models)) :]}
    if False in found:
        return False
    return None if None in found else True


def _parameter(name: str, value: object, view: View) -> str:
    is_shown = view.allow_values or type(value) in SHOWN_ALWAYS
    if type(value) not in PLAIN_TYPES or not is_shown:
        return class_name(type(value))
    return HIDDEN if is_secret_name(name) else write_value(value)


def torch_model(model: Any, view: View) -> Outline:
    """Describe a torch module: its class, its parameters and their device, its parts."""
    import torch

    parameters = list(torch.nn.Module.parameters(model))
    count = sum(parameter.numel() for parameter in parameters)
    outline = Outline("model", f"{class_name(type(model))}, {count:,} parameters")
    if parameters:
        first = parameters[0]
        outline.text += f" ({str(first.dtype).removeprefix('torch.')} on {first.device})"
    outline.text += ", training mode" if model.training else ", eval mode"
    children = [f"{n} ({class_name(type(m))})" for n, m in torch.nn.Module.named_children(model)]
    outline.facts |= {"parameters": count, "children": children}
    if children:
        listed = join_some(children, total=len(children), max_chars=MAX_LIST_CHARS[view.is_full])
        outline.text += f": {listed}"
    return outline


def figure(obj: Any, view: View) -> Outline:
    """Describe a Matplotlib figure by its axes, with titles and labels if values may be shown."""
    width, height = obj.get_size_inches()
    outline = Outline("figure", f"Figure {width:g}{TIMES}{height:g} in, {len(obj.axes)} axes")
    axes = [_axes(part, view) for part in obj.axes[: MAX_ITEMS[True]]]
    if axes:
        outline.text += f": {join_some(axes, total=len(obj.axes), max_chars=300)}"
    outline.facts["axes"] = axes
    return outline


def some_object(obj: object, view: View) -> Outline:
    """Describe any other object by its class and its attributes."""
    outline = Outline("object", type_name(type(obj)))
    state = own_attributes(obj)
    public = {
        name: value
        for name, value in itertools.islice(dict.items(state), MAX_LOOKED_AT)
        if isinstance(name, str) and not name.startswith("_")
    }
    if public:
        shown = [_item(name, value, view) for name, value in public.items()]
        limit = MAX_LIST_CHARS[view.is_full]
        outline.text += f" with {join_some(shown, total=len(shown), max_chars=limit)}"
        outline.facts["attributes"] = {n: class_name(type(value)) for n, value in public.items()}
    return outline


def _item(label: str, value: object, view: View) -> str:
    """Write one entry: a label and the value if it is plain and may be shown, else its class."""
    if view.is_full and view.allow_values and type(value) in PLAIN_TYPES:
        written = HIDDEN if is_secret_name(label) else write_value(value)
        return f"{write_label(label)} = {written}"
    return f"{write_label(label)} ({class_name(type(value))})"


def _kinds(items: Iterable[object]) -> str:
    """Return the classes of some items, the most frequent first."""
    counts: dict[str, int] = {}
    for item in items:
        counts[class_name(type(item))] = counts.get(class_name(type(item)), 0) + 1
    names = sorted(counts, key=lambda name: -counts[name])
    more = ["others"] if len(names) > MAX_KINDS else []
    return " or ".join([*names[:MAX_KINDS], *more])


def _add_docstring(outline: Outline, obj: Any) -> None:
    docstring = inspect.getattr_static(obj, "__doc__", None)
    if not isinstance(docstring, str):
        docstring = obj.__doc__ if isinstance(obj, types.FunctionType | types.MethodType) else ""
    first = (docstring or "").strip().partition("\n")[0]
    if first:
        outline.text += f"  # {shorten(first, max_chars=MAX_DOCSTRING_CHARS)}"
        outline.facts["docstring"] = first


def _has_docstring_of_dataclass(members: Mapping[str, object], name: str) -> bool:
    is_dataclass = "__dataclass_fields__" in members
    return is_dataclass and str(members.get("__doc__")).startswith(f"{name}(")


def _add_source(outline: Outline, obj: Any) -> None:
    found = source_of(obj)
    if found is None:
        return
    source, _ = mask(found, is_code=True)
    outline.body = source
    outline.facts["source"] = source


def _is_method(value: object) -> bool:
    return isinstance(value, types.FunctionType | staticmethod | classmethod | property)


def _axes(axes: Any, view: View) -> str:
    labels = (
        [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()] if view.allow_values else [""] * 3
    )
    title, x, y = map(write_label, labels)
    lines = counted(len(axes.lines), "line") if axes.lines else ""
    named = " vs ".join(filter(None, (y, x)))
    return " ".join(filter(None, (repr(title) if title else "", named, lines))) or "axes"
