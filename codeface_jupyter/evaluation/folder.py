"""A copy of a notebook's folder, in which its cells run instead of in the user's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.models.storage import format_bytes

__all__ = ["copy_of_folder"]

MAX_BYTES = 2_000_000_000
MAX_FILES = 20_000
# What is never data; so is whatever is hidden, and Python's environments.
NO_DATA = frozenset({"__pycache__", "node_modules"})
ENVIRONMENT_MARK = "pyvenv.cfg"


@contextmanager
def copy_of_folder(folder: Path) -> Iterator[Path]:
    """Copy a folder into a temporary one, which is removed afterwards.

    Links are copied as what they lead to, so that nothing is written through them.

    Raises
    ------
    NotebookError
        If it is too large, or cannot be copied.
    """
    with tempfile.TemporaryDirectory(prefix="codeface-eval-") as scratch:
        copy = Path(scratch) / (folder.name or "notebook")
        copy.mkdir()
        try:
            for file in _files_to_copy(folder):
                target = copy / file.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
        except OSError as error:
            raise NotebookError(f"{folder} cannot be copied: {error}.") from error
        yield copy


def _files_to_copy(folder: Path) -> list[Path]:
    """Return the files to copy, if there are not too many."""
    files: list[Path] = []
    total_bytes = 0
    for file in _files(folder):
        files.append(file)
        total_bytes += file.stat().st_size
        if total_bytes > MAX_BYTES or len(files) > MAX_FILES:
            raise NotebookError(
                f"{folder} is too large to be copied: it has more than {MAX_FILES:,} files or "
                f"{format_bytes(MAX_BYTES)}.",
                hint="Put the notebook with the data that it reads into a folder of its own.",
            )
    return files


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files that may be data, those that links lead to as well."""
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        folders[:] = [name for name in folders if _may_hold_data(here / name)]
        files = (here / name for name in names if not name.startswith("."))
        yield from (file for file in files if file.is_file())


def _may_hold_data(folder: Path) -> bool:
    is_hidden = folder.name.startswith(".") or folder.name in NO_DATA
    return not is_hidden and not (folder / ENVIRONMENT_MARK).exists()
