"""Paths in settings, as the user means them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

__all__ = ["as_meant", "without_controls"]

Value = TypeVar("Value")

DELETE = 0x7F
LONGEST_NAME_BYTES = 255


def as_meant(value: Value) -> Value:
    r"""Return a path as an absolute one, without ``~``; any other value as it is.

    Raises
    ------
    ValueError
        If the path names another user's folder and there is no such user, if a name in it is
        longer than file systems allow, if it is relative to a working folder that is gone, or if
        it holds a control character: ``"C:\temp"`` holds a tab where TOML reads it.
    """
    if not isinstance(value, Path):
        return value
    without_controls(str(value))
    if any(len(os.fsencode(name)) > LONGEST_NAME_BYTES for name in value.parts):
        raise ValueError(f"a name in a path has at most {LONGEST_NAME_BYTES} bytes")
    try:
        return value.expanduser().absolute()
    except RuntimeError:
        raise ValueError("there is no such user") from None
    except FileNotFoundError:
        raise ValueError("a relative path needs a working folder, which is gone") from None


def without_controls(text: str) -> str:
    """Return ``text``, which may name a folder.

    Raises
    ------
    ValueError
        If it holds a control character.
    """
    if any(ord(character) < ord(" ") or ord(character) == DELETE for character in text):
        raise ValueError(
            "a path holds no control characters; in TOML, write it in single quotes or with /"
        )
    return text
