"""What a value is, in few words, whatever it does when it is looked at."""

from __future__ import annotations

from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.privacy import HIDDEN, mask
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.trials.looking import looked_at
from codeface_jupyter.wording import counted

__all__ = ["CONTAINERS", "PLAIN", "few_words", "is_scalar", "kinds_of"]

MAX_VALUE_CHARS = 60
# Half of a secret looks like none.
MAX_SECRET_CHARS = 1_000
# Python refuses to write the longest.
MAX_INT_BITS = 1_000
PLAIN = (bool, int, float, complex, str, bytes, type(None))
NAMED = (dict, list, tuple)
CONTAINERS = (list, dict, set, tuple, frozenset)


def few_words(value: object, *, is_secret: bool = False) -> str:
    """Return what a value is, in few words: "Series of 3", "ndarray, 5 x 3", "42".

    Parameters
    ----------
    value
        Any value.
    is_secret
        Whether nothing of it is told where the words would be the value itself.
    """
    if is_secret and value is not None and looked_at(lambda: _is_one(value), otherwise=True):
        return HIDDEN
    return looked_at(lambda: _words(value), otherwise=_class_name(value))


def kinds_of(value: object) -> list[str]:
    """Return the kinds that people ask for by name which a value is of."""
    builtin = [cls.__name__ for cls in NAMED if isinstance(value, cls)]
    return builtin + [
        name for name in ("DataFrame", "Series") if is_instance(value, "pandas", name)
    ]


def is_scalar(value: object) -> bool:
    """Whether few words say all of a value."""
    is_one = looked_at(lambda: _is_one(value), otherwise=False)
    return is_one and len(few_words(value)) < MAX_VALUE_CHARS


def _is_one(value: object) -> bool:
    return isinstance(value, PLAIN) or getattr(value, "shape", None) == ()


def _words(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, PLAIN):
        return _plain_words(value)
    if isinstance(shape, tuple) and shape and all(isinstance(size, int) for size in shape):
        return f"{_class_name(value)}{_shape_words(value, shape)}"
    count = f" of {len(value):,}" if isinstance(value, CONTAINERS) else ""
    return f"{_class_name(value)}{count}"


def _plain_words(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        return f"int of {value.bit_length():,} bits"
    most = MAX_VALUE_CHARS + MAX_SECRET_CHARS
    # The text of a long one would be as long.
    is_long = isinstance(value, str | bytes) and len(value) > most
    text = repr(value[:most] if is_long else value)[:most]
    return in_one_line(mask(text)[0], max_chars=MAX_VALUE_CHARS)


def _shape_words(value: object, shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f" of {shape[0]:,}"
    if is_instance(value, "pandas", "DataFrame"):
        rows, columns = shape
        return f" of {counted(rows, 'row')} and {counted(columns, 'column')}"
    return f", {' x '.join(f'{size:,}' for size in shape)}"


def _class_name(value: object) -> str:
    # Through type itself: a metaclass may answer anything.
    return str(type.__dict__["__name__"].__get__(type(value)))
