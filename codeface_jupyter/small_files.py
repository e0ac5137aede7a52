"""Settings and the like, read from files that may hold anything, or be no files at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

__all__ = ["read_json", "read_text"]

LARGEST_BYTES = 10_000_000


def read_text(file: Path, *, encoding: str = "utf-8", largest_bytes: int = LARGEST_BYTES) -> str:
    """Return a regular file's text; a pipe or a device may never come to an end.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no regular file, too large, or no text.
    """
    # Opening a pipe would wait for somebody who writes into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        content = stream.read(largest_bytes + 1)
    if len(content) > largest_bytes:
        raise ValueError(f"it has more than {largest_bytes:,} bytes")
    # As in a file that is opened as text.
    return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def read_json(file: Path, *, largest_bytes: int = LARGEST_BYTES) -> object:
    """Return what a file holds as JSON.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no regular file, too large, or no JSON, or nested too deeply to be read.
    """
    text = read_text(file, largest_bytes=largest_bytes)
    try:
        value: object = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value
