"""A folder that tried code may fill, and that is emptied whatever was put there."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from codeface_jupyter.trials.forking import when_none_is_left

__all__ = ["FolderLimits", "FolderWatch", "private_folder"]

PREFIX = "codeface-copy-"
OWNER_ONLY = 0o700
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# A name has 255 bytes at most, a path 4,096.
NAMES_AT_ONCE = 15

Names = tuple[str, ...]


class FolderLimits:
    """How much may be in the folder; a file's own size is limited by the system."""

    entries = 1_000
    total_bytes = 256 << 20
    # Other programs write, too, while a copy runs.
    others_bytes = 256 << 20


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, and remove it with all that is in it then.

    Nobody may still be writing there when it is removed; if a child is left, it waits for that.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder
    finally:
        when_none_is_left(lambda: _remove(folder))


class FolderWatch:
    """Says whether tried code has filled its folder, or the disk on which that is.

    The folder alone does not say it: a file that was deleted takes its place as long as it is
    open or mapped, and so does what is in folders that only their owner may list.

    Parameters
    ----------
    folder
        The folder, before anything is in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free_bytes = _free_bytes(folder)
        self._was_filling = False

    def is_disk_filling(self) -> bool:
        """Whether much less of the disk is free than before, now and when last asked.

        Who has taken it is not known, and what another program writes may be gone at once.
        """
        taken = self._free_bytes - _free_bytes(self._folder)
        is_filling = taken > FolderLimits.total_bytes + FolderLimits.others_bytes
        was_filling, self._was_filling = self._was_filling, is_filling
        return is_filling and was_filling

    def is_overfull(self) -> bool:
        """Whether there is more than may be, which one who still writes may change."""
        total = entries = 0
        with contextlib.closing(_sizes(self._folder)) as sizes:
            for size in sizes:
                total, entries = total + size, entries + 1
                if entries > FolderLimits.entries or total > FolderLimits.total_bytes:
                    return True
        return False


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _sizes(folder: Path) -> Generator[int]:
    """Yield the size of each file and 0 for each folder in a folder, at whatever depth."""
    opened = _OpenedFolder(folder)
    try:
        waiting: list[Names] = [()]
        while waiting:
            names = waiting.pop()
            # Gone meanwhile, or closed even to their owner.
            with contextlib.suppress(OSError), opened.entries(names) as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if is_folder:
                        waiting.append((*names, entry.name))
                    yield 0 if is_folder else _size(entry)
    finally:
        opened.close()


class _OpenedFolder:
    """Lists folders beneath a folder, also those whose path is longer than the system takes."""

    def __init__(self, folder: Path) -> None:
        self._top = os.open(folder, FOLDER)
        self._last = os.dup(self._top)
        self._names: Names = ()

    def entries(self, names: Names) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        # One after the other down a deep tree, each is in the last.
        if not names or names[:-1] != self._names:
            self._enter((), os.dup(self._top))
        while self._names != names:
            step = names[: len(self._names) + NAMES_AT_ONCE]
            path = "/".join(step[len(self._names) :])
            self._enter(step, os.open(path, FOLDER, dir_fd=self._last))
        return os.scandir(self._last)

    def close(self) -> None:
        os.close(self._last)
        os.close(self._top)

    def _enter(self, names: Names, fd: int) -> None:
        os.close(self._last)
        self._names, self._last = names, fd


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        # Gone meanwhile.
        return 0


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
