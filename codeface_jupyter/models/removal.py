"""Removing a model's files from our own cache folder, and from nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codeface_jupyter.errors import FetchError, ModelNotFoundError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.conversion.packed_matrix import QUANTIZATIONS
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.gguf_files import hub_gguf
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import ModelStorage, remove, writing_into

__all__ = ["own_files", "remove_files", "size_bytes"]


def own_files(request: ModelRequest) -> list[Path]:
    """Return what the cache folder holds of a model.

    Raises
    ------
    ModelNotFoundError
        If it holds nothing; the hint says where the files are, if anywhere.
    FetchError
        If it is not this user's to look into.
    """
    storage = ModelStorage.of(request)
    places = [storage.gguf, storage.converted, storage.wheels]
    places += [storage.openvino(quantization) for quantization in QUANTIZATIONS]
    with writing_into(request.cache_dir):
        found = [path for path in places if path.exists()]
        found += [path for path in storage.leftovers() if path not in found]
    if found:
        return found
    raise ModelNotFoundError(
        f"The cache folder {request.cache_dir} holds no files of {request.model}.",
        hint=elsewhere(request),
    )


def elsewhere(request: ModelRequest) -> str:
    """Return how to remove files that are not ours to remove; empty if there are none."""
    found = locate(request)
    if found is None or found.source == "converted":
        return ""
    if found.source == "folder":
        return f"{found.path} is a folder of your own: delete it yourself."
    if found.source == "gguf" and hub_gguf(request.model) is None:
        return f"{found.path} is not CodeFace's: delete it yourself, or in the program it is of."
    return (
        "Its files are in the hub's cache, which other programs share: "
        f"`hf cache rm model/{_hub_id(found)}` removes them."
    )


def remove_files(request: ModelRequest, files: Sequence[Path], *, job: Job) -> None:
    """Remove ``files``, as `own_files` lists them, once no other process works on them.

    Raises
    ------
    FetchError
        If a file cannot be removed.
    """
    with writing_into(request.cache_dir), ModelStorage.of(request).lock(job):
        for path in files:
            try:
                remove(path)
            except OSError as error:
                raise FetchError(f"{path} could not be removed: {error}.") from error


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder together, in bytes."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _hub_id(found: LocalModel) -> str:
    on_hub = hub_gguf(found.name)
    if on_hub is not None:
        return on_hub.hub_id
    return found.entry.hub_id if found.entry else found.name
