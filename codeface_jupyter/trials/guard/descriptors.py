"""Open files, sockets and pipes that a forked child shares with its parent, taken from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

__all__ = ["drop_inherited", "open_descriptors"]

LISTS = (Path("/proc/self/fd"), Path("/dev/fd"))
STANDARD = (0, 1, 2)


def open_descriptors() -> list[int]:
    """Return the numbers of all open descriptors of this process."""
    folder = next((folder for folder in LISTS if folder.is_dir()), None)
    names = os.listdir(folder) if folder else ()  # noqa: PTH208 - an object each is not needed
    found = [int(name) for name in names]
    return [fd for fd in found if _is_open(fd)]


def drop_inherited(*, keep: Collection[int]) -> None:
    """Put nothing in the place of every open file and socket but those to ``keep``.

    Their numbers stay taken: an object that still has one must not come upon another file.
    Reading and writing fail where they can be made to, and give nothing elsewhere.
    """
    null = os.open(os.devnull, os.O_RDWR)
    nothing = os.open("/", os.O_PATH) if sys.platform == "linux" else null
    for fd in {*STANDARD, *open_descriptors()} - {*keep, null, nothing}:
        os.dup2(null if fd in STANDARD else nothing, fd, inheritable=False)
    for fd in {null, nothing} - {*STANDARD}:
        os.close(fd)


def _is_open(fd: int) -> bool:
    """Whether it still is: the list has that of the list."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
