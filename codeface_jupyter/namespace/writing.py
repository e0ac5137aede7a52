"""Write values, labels and lists of them: short and without secrets."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import pathlib
import uuid
from collections.abc import Sequence

from codeface_jupyter.namespace.classes import class_name, is_instance
from codeface_jupyter.privacy import has_secret, is_secret_name
from codeface_jupyter.shorten import shorten

__all__ = [
    "HIDDEN",
    "PLAIN_TYPES",
    "TIMES",
    "is_secret_label",
    "join_some",
    "write_key",
    "write_label",
    "write_value",
]

MAX_LABEL_CHARS = 60
# Code needs a name as a whole.
MAX_KEY_CHARS = 160
MAX_VALUE_CHARS = 40
# What is behind them is not shown.
MAX_SCANNED_CHARS = 1_000
HIDDEN = "(hidden)"
TIMES = "\N{MULTIPLICATION SIGN}"

# Their reprs are the standard library's own: short, without side effects.
PLAIN_TYPES = frozenset({bool, int, float, complex, str, bytes, type(None)}) | {
    dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction,
    pathlib.PosixPath, pathlib.WindowsPath, uuid.UUID, range, slice, type(...),
}  # fmt: skip
MAX_INT_BITS = 200


def write_value(value: object, *, max_chars: int = MAX_VALUE_CHARS) -> str:
    """Write a plain value, or the class of any other; secrets are hidden."""
    cls = type(value)
    if cls not in PLAIN_TYPES:
        item = _library_scalar(value)
        if item is None:
            return class_name(cls)
        value, cls = item, type(item)
    if cls is int and value.bit_length() > MAX_INT_BITS:  # type: ignore[attr-defined]
        return f"int of {value.bit_length()} bits"  # type: ignore[attr-defined]
    if isinstance(value, str | bytes):
        head = value[: max_chars + 1]
        if has_secret(repr(value[:MAX_SCANNED_CHARS])):
            return HIDDEN
        return shorten(repr(head), max_chars=max_chars)
    return shorten(repr(value), max_chars=max_chars)


def write_label(label: object) -> str:
    """Write a column's or a key's name; if it is not a plain value, its class."""
    if type(label) is str:
        if _is_cut_secret(label, max_chars=MAX_LABEL_CHARS):
            return HIDDEN
        # As code writes it where it would be read as something else: a number, two lines.
        written = repr(label) if _is_ambiguous(label) else label
        return shorten(written, max_chars=MAX_LABEL_CHARS)
    if type(label) is tuple:
        return f"({', '.join(write_value(part) for part in label)})"
    return write_value(label)


def write_key(label: object) -> str:
    """Write a column's name as code does."""
    if type(label) is str:
        if _is_cut_secret(label, max_chars=MAX_KEY_CHARS):
            return HIDDEN
        return shorten(repr(label[: MAX_KEY_CHARS + 1]), max_chars=MAX_KEY_CHARS)
    return write_label(label)


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


def is_secret_label(label: object) -> bool:
    """Whether the label of a column or a row, or a level of it, is the name of a secret."""
    parts = label if type(label) is tuple else (label,)
    return any(isinstance(part, str) and is_secret_name(part) for part in parts)


def _is_ambiguous(label: str) -> bool:
    """Whether a text is not known for one by its looks: "0" beside 0, a line's end, a space."""
    head = label[: MAX_LABEL_CHARS + 1]
    is_like_value = head[:1] in set("0123456789.+-(") or head in {"None", "True", "False", "nan"}
    return is_like_value or not head.isprintable() or head != head.strip()


def _is_cut_secret(label: str, *, max_chars: int) -> bool:
    """Whether a label holds a secret that would not be recognized once the label is cut."""
    written = repr(label[:MAX_SCANNED_CHARS])
    return len(written) > max_chars and has_secret(written)


def _library_scalar(value: object) -> object:
    """Return a NumPy or pandas scalar as a Python value or as text; None for anything else."""
    if any(is_instance(value, "pandas", name) for name in ("Timestamp", "Timedelta", "Period")):
        return str(value)
    if not is_instance(value, "numpy", "generic"):
        return None
    item = value.item()  # type: ignore[attr-defined]
    return item if type(item) in PLAIN_TYPES else str(value)
