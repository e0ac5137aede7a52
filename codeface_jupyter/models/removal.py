"""Removing a model's files from our own cache folder, and from nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from codeface_jupyter.errors import FetchError, ModelNotFoundError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.catalog import find
from codeface_jupyter.models.conversion.openvino_ir import Quantization
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import ModelStorage

__all__ = ["elsewhere", "own_files", "remove_files", "size_bytes"]


def own_files(model: str, *, cache_dir: Path) -> list[Path]:
    """Return what the cache folder holds of ``model``.

    Raises
    ------
    ModelNotFoundError
        If it holds nothing, with the place where the files are, if anywhere.
    """
    entry = find(model)
    storage = ModelStorage(cache_dir, entry.name if entry else model)
    places = [storage.gguf, storage.converted, storage.wheels]
    places += [storage.openvino(quantization) for quantization in get_args(Quantization)]
    if found := [path for path in places if path.exists()]:
        return found
    raise ModelNotFoundError(
        f"The cache folder {cache_dir} holds nothing of {model}.",
        hint=elsewhere(model, cache_dir=cache_dir),
    )


def elsewhere(model: str, *, cache_dir: Path) -> str:
    """Return how to remove what is not ours to remove, or an empty text if there is nothing."""
    found = locate(ModelRequest(model, cache_dir))
    if found is None or found.source == "converted":
        return ""
    if found.source == "folder":
        return f"{found.path} is a folder of your own: delete it yourself."
    return (
        f"Files lie in the hub's cache, which other programs share: "
        f"`hf cache rm model/{_hub_id(found)}` removes them."
    )


def remove_files(model: str, files: Sequence[Path], *, cache_dir: Path, job: Job) -> None:
    """Remove ``files``, which `own_files` has named, once nobody else works on them.

    Raises
    ------
    FetchError
        If a file may not be removed.
    """
    entry = find(model)
    storage = ModelStorage(cache_dir, entry.name if entry else model)
    with storage.lock(job):
        for path in files:
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise FetchError(f"{path} could not be removed: {error}.") from error


def size_bytes(path: Path) -> int:
    """Return what a file, or all files in a folder, take, in bytes."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _hub_id(found: LocalModel) -> str:
    return found.entry.hub_id if found.entry else found.name
