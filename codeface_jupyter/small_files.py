"""Small files: read whatever they hold, if they are files at all, and written whole or not."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_regular", "read_json", "read_text", "write_whole"]

LARGEST_BYTES = 10_000_000
# As `mkstemp` makes files.
OWNERS_ALONE = 0o600


def open_regular(file: Path) -> BinaryIO:
    """Open a regular file to be read; a pipe or a device may never come to an end.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no regular file.
    """
    # Opening a pipe would wait for somebody who writes into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(file, flags)
    try:
        stream = os.fdopen(descriptor, "rb")
    except OSError:
        # A folder is refused, and left open.
        os.close(descriptor)
        raise
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise ValueError("it is not a regular file")
    return stream


def read_text(file: Path, *, encoding: str = "utf-8", largest_bytes: int = LARGEST_BYTES) -> str:
    """Return a regular file's text.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no regular file, too large, or no text.
    """
    with open_regular(file) as stream:
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


def write_whole(
    file: Path, content: bytes, *, mode: int = OWNERS_ALONE, through_links: bool = False
) -> None:
    """Write a file in one step, so that nobody ever reads a part of it.

    Parameters
    ----------
    file
        The file, which is replaced if there is one, in a folder that exists.
    content
        All of it.
    mode
        Who may read and write it; only its owner unless given.
    through_links
        Whether of a link the file that it points to is written, as who keeps settings under
        version control expects. Not in a folder that others may write to: there a link could lead
        to any file of the user's.

    Raises
    ------
    OSError
        If it cannot be written; what was there is left as it was.
    """
    if through_links and file.is_symlink():
        file = Path(os.path.realpath(file))
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        # It is its owner's alone so far. Some file systems refuse to change that.
        if mode != OWNERS_ALONE:
            with suppress(PermissionError):
                unfinished.chmod(mode)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
