"""A folder that tried code may fill, and that is emptied whatever was put there."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FolderLimits", "is_overfull", "private_folder"]

PREFIX = "codeface-copy-"
OWNER_ONLY = 0o700


class FolderLimits:
    """How much may be in the folder; a file's own size is limited by the system."""

    entries = 1_000
    total_bytes = 256 << 20


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, and remove it with all that is in it then.

    Nobody may still be writing there when it is removed.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder
    finally:
        _remove(folder)


def is_overfull(folder: Path) -> bool:
    """Whether there is more in the folder than may be, which one who still writes may change."""
    total = entries = 0
    for size in _sizes(folder):
        total, entries = total + size, entries + 1
        if entries > FolderLimits.entries or total > FolderLimits.total_bytes:
            return True
    return False


def _sizes(folder: Path) -> Iterator[int]:
    for path, folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 - quick
        yield from (0 for _ in folders)


def _remove(folder: Path) -> None:
    """Remove a folder; folders in it come up to its top first, so that no depth is too deep."""
    names = itertools.count()
    with contextlib.suppress(OSError):
        while entries := list(os.scandir(folder)):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _dissolve(Path(entry.path), folder, names)
                else:
                    Path(entry.path).unlink()
        folder.rmdir()


def _dissolve(inner: Path, folder: Path, names: Iterator[int]) -> None:
    inner.chmod(OWNER_ONLY)
    for entry in list(os.scandir(inner)):
        if entry.is_dir(follow_symlinks=False):
            Path(entry.path).chmod(OWNER_ONLY)
            Path(entry.path).rename(folder / f"{os.getpid()}-{next(names)}.folder")
        else:
            Path(entry.path).unlink()
    inner.rmdir()
