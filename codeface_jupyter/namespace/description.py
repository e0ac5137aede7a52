"""What is said of an object, and how parts of it are written."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import pathlib
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from codeface_jupyter.privacy import has_secret

__all__ = [
    "HIDDEN",
    "PLAIN_TYPES",
    "TIMES",
    "Description",
    "Detail",
    "Kind",
    "Outline",
    "View",
    "bases_of",
    "is_instance",
    "join_some",
    "shorten",
    "type_name",
    "write_label",
    "write_value",
]

Detail = Literal["brief", "full"]
Kind = Literal[
    "array", "class", "container", "dataframe", "figure", "function", "iterator", "lazyframe",
    "model", "module", "object", "scalar", "series", "tensor", "text",
]  # fmt: skip

MAX_LABEL_CHARS = 60
MAX_VALUE_CHARS = 40
HIDDEN = "(hidden)"
TIMES = "\N{MULTIPLICATION SIGN}"

# Their reprs are the standard library's own: short, without side effects.
PLAIN_TYPES = frozenset({bool, int, float, complex, str, bytes, type(None)}) | {
    dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction,
    pathlib.PosixPath, pathlib.WindowsPath, uuid.UUID, range, slice, type(...),
}  # fmt: skip
MAX_INT_BITS = 200


@dataclass(frozen=True, kw_only=True)
class Description:
    """An object in few words.

    Attributes
    ----------
    name
        What the notebook calls it; may be empty.
    kind
        What sort of thing it is.
    type_name
        Its class, with the module unless it is a builtin.
    facts
        What was computed, as JSON values: shape, columns, dtype, signature …
    text
        The same for the prompt, one line unless full detail was asked for.
    """

    name: str
    kind: Kind
    type_name: str
    facts: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    text: str


@dataclass(frozen=True, kw_only=True)
class View:
    """How much of an object may be told: at length or briefly, with values or without."""

    is_full: bool = False
    allow_values: bool = False


@dataclass
class Outline:
    """What a describer for one kind of object found.

    Attributes
    ----------
    kind
        What sort of thing it is.
    text
        The description without the name.
    facts
        JSON values.
    body
        More lines, for full detail.
    """

    kind: Kind
    text: str
    facts: dict[str, object] = field(default_factory=dict)
    body: str = ""


def bases_of(obj: object) -> tuple[type, ...]:
    """Return the real classes of an object, whatever its ``__class__`` claims."""
    # Through type itself: a metaclass may answer anything.
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(obj))
    return mro


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether an object is of a library's class; a library not imported is left so."""
    found = sys.modules.get(module)
    return found is not None and any(vars(found).get(name) is cls for cls in bases_of(obj))


def type_name(cls: type) -> str:
    """Return a class's name, with its module unless that goes without saying."""
    module = type.__getattribute__(cls, "__module__")
    name = type.__getattribute__(cls, "__qualname__")
    # Heap types may put anything there.
    module = module if isinstance(module, str) else ""
    if module in ("builtins", "__main__", ""):
        return str(name)
    return f"{module.partition('.')[0]}.{name}"


def write_value(value: object, *, max_chars: int = MAX_VALUE_CHARS) -> str:
    """Write one value if it is a plain one, else its class; secrets are hidden."""
    cls = type(value)
    if cls not in PLAIN_TYPES:
        item = _library_scalar(value)
        if item is None:
            return cls.__name__
        value, cls = item, type(item)
    if cls is int and value.bit_length() > MAX_INT_BITS:  # type: ignore[attr-defined]
        return f"int of {value.bit_length()} bits"  # type: ignore[attr-defined]
    if isinstance(value, str | bytes):
        head = value[: max_chars + 1]
        if has_secret(repr(value[:1_000])):
            return HIDDEN
        return shorten(repr(head), max_chars=max_chars)
    return shorten(repr(value), max_chars=max_chars)


def write_label(label: object) -> str:
    """Write a column's or a key's name; one that is no plain value, as its class."""
    if type(label) is str:
        return shorten(label, max_chars=MAX_LABEL_CHARS)
    if type(label) is tuple:
        return f"({', '.join(write_value(part) for part in label)})"
    return write_value(label)


def join_some(parts: Sequence[str], *, total: int, max_chars: int) -> str:
    """Join parts with commas up to ``max_chars``, and say how many more there are."""
    kept: list[str] = []
    used = 0
    for part in parts:
        used += len(part) + 2
        if kept and used > max_chars:
            break
        kept.append(part)
    more = total - len(kept)
    return ", ".join([*kept, f"… {more:,} more"] if more > 0 else kept)


def shorten(text: str, *, max_chars: int) -> str:
    """Cut a text at ``max_chars``, on one line."""
    head = text[: max_chars + 1].replace("\n", " ")
    return head if len(text) <= max_chars else f"{head[: max_chars - 1]}…"


def _library_scalar(value: object) -> object:
    """Return a scalar of NumPy or pandas as one of Python's, or as text; None for others."""
    if any(is_instance(value, "pandas", name) for name in ("Timestamp", "Timedelta", "Period")):
        return str(value)
    if not is_instance(value, "numpy", "generic"):
        return None
    item = value.item()  # type: ignore[attr-defined]
    return item if type(item) in PLAIN_TYPES else str(value)
