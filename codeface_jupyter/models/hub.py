"""Models on the Hugging Face hub and in its cache."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.errors import (
    DigestMismatchError,
    FetchError,
    ModelFilesError,
    ModelNotFoundError,
)
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.models.folder_check import (
    PICKLE_INDEX_FILE,
    SINGLE_FILE,
    check_model_folder,
    is_ir_file,
    is_pickled_file,
    is_side_file,
    is_weight_file,
    pickled_weights_error,
)
from codeface_jupyter.models.storage import (
    disk_full_error,
    ensure_free_space,
    format_bytes,
    safe_name,
)

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

__all__ = [
    "HubUnreachableError",
    "cached_snapshot",
    "download_snapshot",
    "is_offline",
    "is_reachable",
]

T = TypeVar("T")

# The hub answers a look-up within a second; beyond this
# the user is better served by the next source.
ANSWER_TIMEOUT_S = 5.0
HASH_CHUNK_BYTES = 1 << 22
POLL_S = 0.1


class HubUnreachableError(FetchError):
    """The hub did not answer: no network, offline mode, or its own trouble."""


@dataclass(frozen=True, kw_only=True)
class _RemoteFile:
    name: str
    size_bytes: int
    sha256: str | None


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` (or ``TRANSFORMERS_OFFLINE``) keeps us off the network."""
    from huggingface_hub import constants

    return constants.is_offline_mode() or os.environ.get("HF_HUB_OFFLINE", "").upper() in {
        "1", "ON", "YES", "TRUE",
    }  # fmt: skip


def _endpoint() -> str:
    from huggingface_hub import constants

    # Read again, as a notebook may have set it after the hub's library was imported.
    return os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")


def _network_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what a failed request raises, whichever HTTP client the hub's library uses."""
    from huggingface_hub import errors

    client_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # re-exported
    return (client_error, OSError, *others)


def is_reachable() -> bool:
    """Whether the hub answers at all, within a few seconds."""
    if is_offline():
        return False
    from huggingface_hub import get_session

    try:
        _within(lambda: get_session().head(_endpoint(), timeout=ANSWER_TIMEOUT_S))
    except _network_errors():
        return False
    return True


def cached_snapshot(
    hub_id: str, *, revision: str, storage_dir: Path, permissions: Permissions = NOTHING_MORE
) -> Path | None:
    """Return the hub cache's snapshot of a model if it is complete and not in doubt."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    except HFValidationError:
        return None
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    if _doubt(storage_dir, hub_id, folder.name).exists():
        return None
    try:
        check_model_folder(folder, permissions=permissions)
    except ModelFilesError:
        return None
    return folder


def download_snapshot(
    hub_id: str,
    *,
    revision: str,
    storage_dir: Path,
    job: Job,
    permissions: Permissions = NOTHING_MORE,
) -> Path:
    """Bring a model into the hub's own cache, check its digests, and return its folder.

    Files that are already there are not fetched again. Only safetensors weights and text files
    are taken, OpenVINO's own form where there are none, and what ``permissions`` add.

    Raises
    ------
    HubUnreachableError
        If the hub does not answer.
    ModelNotFoundError
        If the hub knows no such model or revision.
    FetchError
        If access is refused, the disk is full or the connection was lost.
    DigestMismatchError
        If a file is not the published one.
    """
    job.progress(f"Asking the hub for {hub_id}")
    info = _model_info(hub_id, revision)
    commit = info.sha or revision
    files = _wanted_files(hub_id, info, permissions)
    doubt = _doubt(storage_dir, hub_id, commit)
    doubt.parent.mkdir(parents=True, exist_ok=True)
    doubt.write_text(json.dumps({f.name: f.sha256 for f in files if f.sha256}), encoding="utf-8")
    folder = _download(hub_id, revision, files, job)
    _verify(folder, {f.name: f.sha256 for f in files if f.sha256}, job)
    doubt.unlink()
    return folder


def _doubt(storage_dir: Path, hub_id: str, commit: str) -> Path:
    """Return the mark of a snapshot whose digests are still to be checked."""
    return storage_dir / "unverified" / f"{safe_name(hub_id)}@{safe_name(commit)}.json"


def _in_thread(call: Callable[[], T]) -> Future[T]:
    """Begin ``call`` in a thread that nobody has to wait for."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - a thread's boundary: raised in the caller
            outcome.set_exception(error)

    threading.Thread(target=run, name="codeface-hub", daemon=True).start()
    return outcome


def _within(call: Callable[[], T]) -> T:
    """Run ``call`` with a deadline that also covers name resolution, which has none of its own."""
    deadline_s = ANSWER_TIMEOUT_S + 1
    try:
        return _in_thread(call).result(timeout=deadline_s)
    except FutureTimeoutError:
        raise TimeoutError(f"no answer within {deadline_s:.0f} seconds") from None


def _cancellable(call: Callable[[], T], job: Job) -> T:
    """Run ``call`` and leave it behind when the user stops, however long a read may hang."""
    outcome = _in_thread(call)
    while True:
        job.check()
        if wait([outcome], timeout=POLL_S).done:
            return outcome.result()


def _model_info(hub_id: str, revision: str) -> ModelInfo:
    """Ask the hub for a model's files, sizes and digests."""
    from huggingface_hub import HfApi, errors

    if is_offline():
        raise HubUnreachableError(
            "The hub is switched off by HF_HUB_OFFLINE.", hint="Unset it to fetch models."
        )
    api = HfApi(endpoint=_endpoint())
    try:
        return _within(
            lambda: api.model_info(
                hub_id, revision=revision, files_metadata=True, timeout=ANSWER_TIMEOUT_S
            )
        )
    except errors.HFValidationError:
        raise _no_such_model(hub_id) from None
    except errors.GatedRepoError:
        raise FetchError(
            f"{hub_id} wants its licence accepted before it is downloaded.",
            hint=f"Accept it at {_endpoint()}/{hub_id}, then log in with `hf auth login`.",
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelNotFoundError(f"{hub_id} has no revision {revision!r} on the hub.") from None
    except errors.RepositoryNotFoundError:
        raise _no_such_model(hub_id) from None
    except _network_errors(ValueError) as error:
        raise HubUnreachableError(
            f"The hub could not be reached: {_first_line(error)}.",
            hint="Check the network and proxy settings, or name a local folder.",
        ) from error


def _no_such_model(hub_id: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"The hub has no model {hub_id!r}, or it is private.",
        hint="Hub ids look like owner/name; `codeface models` lists the known ones.",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _wanted_files(hub_id: str, info: ModelInfo, permissions: Permissions) -> list[_RemoteFile]:
    """Choose configuration, tokenizer and safetensors weights among a repository's files.

    Where there are none, pickled weights are taken if they are allowed, and else those in
    OpenVINO's own form; code comes only where it may run.
    """
    files = [
        _RemoteFile(
            name=sibling.rfilename,
            size_bytes=sibling.size or 0,
            sha256=sibling.lfs.sha256 if sibling.lfs else None,
        )
        for sibling in info.siblings or []
    ]
    weights = [f for f in files if is_weight_file(f.name)]
    # Some repositories hold the same weights twice, whole and in shards.
    weights = [f for f in weights if f.name == SINGLE_FILE] or weights
    pickled = [f for f in files if is_pickled_file(f.name) or f.name == PICKLE_INDEX_FILE]
    if not weights and permissions.allow_pickle:
        weights = [f for f in pickled if f.name.startswith("pytorch_model")]
    weights = weights or [f for f in files if is_ir_file(f.name)]
    if not weights:
        if pickled:
            raise pickled_weights_error(f"{hub_id}/{min(f.name for f in pickled)}")
        raise ModelFilesError(
            f"{hub_id} holds no model.safetensors and no openvino_model.xml on the hub."
        )
    # The small files come first, so that a wrong model is noticed before gigabytes have come.
    small = [
        f
        for f in files
        if is_side_file(f.name) or (permissions.trust_remote_code and f.name.endswith(".py"))
    ]
    return [*(f for f in small if f not in weights), *weights]


def _download(
    hub_id: str,
    revision: str,
    files: list[_RemoteFile],
    job: Job,
) -> Path:
    from huggingface_hub import constants, errors, try_to_load_from_cache

    missing = sum(
        f.size_bytes
        for f in files
        if not isinstance(try_to_load_from_cache(hub_id, f.name, revision=revision), str)
    )
    ensure_free_space(Path(constants.HF_HUB_CACHE), needed_bytes=missing, purpose=hub_id)
    download = _Download(hub_id, revision, sum(f.size_bytes for f in files), job)
    try:
        for file in files:
            folder = _cancellable(partial(download.fetch, file), job)
    except errors.GatedRepoError as error:
        raise FetchError(f"The hub refused {hub_id}: {_first_line(error)}.") from None
    except _network_errors(errors.EntryNotFoundError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno == ENOSPC:
            raise disk_full_error(Path(constants.HF_HUB_CACHE)) from error
        raise HubUnreachableError(
            f"The connection to the hub was lost after {format_bytes(download.done_bytes)} of "
            f"{format_bytes(download.total_bytes)} of {hub_id}: {_first_line(error)}.",
            hint="Run it again: files that have come are kept.",
        ) from error
    finally:
        download.stopped.set()
    return folder


@dataclass
class _Download:
    """The files of one model on their way into the hub's cache."""

    hub_id: str
    revision: str
    total_bytes: int
    job: Job
    done_bytes: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def fetch(self, file: _RemoteFile) -> Path:
        """Bring one file here, unless it is, and return its snapshot's folder."""
        from huggingface_hub import hf_hub_download

        path = hf_hub_download(
            self.hub_id,
            file.name,
            revision=self.revision,
            endpoint=_endpoint(),
            tqdm_class=self.bar_class(),
        )
        self.done_bytes += file.size_bytes
        self.report(0)
        return Path(path).parent

    def report(self, current_bytes: float) -> None:
        """Tell how much has come; raise `Cancelled` in a thread that was left behind."""
        if self.stopped.is_set():
            raise Cancelled
        completed = min(self.done_bytes + current_bytes, self.total_bytes)
        self.job.progress(f"Downloading {self.hub_id}", completed, self.total_bytes, "B")

    def bar_class(self) -> type[Any]:
        """Return a progress bar class that draws nothing and reports instead."""
        from tqdm import tqdm

        report = self.report

        class ReportingBar(tqdm):  # type: ignore[misc]  # tqdm ships no types
            # No watchdog thread for a bar that never draws.
            monitor_interval = 0

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **(kwargs | {"file": io.StringIO(), "disable": False}))

            def update(self, n: float | None = 1) -> bool | None:
                shown: bool | None = super().update(n)
                report(self.n)
                return shown

        return ReportingBar


def _verify(
    folder: Path,
    digests: Mapping[str, str],
    job: Job,
) -> None:
    """Compare every large file with its published digest; remove what differs."""
    total = sum((folder / name).stat().st_size for name in digests)
    done = 0
    for name, expected in digests.items():
        digest = hashlib.sha256()
        with (folder / name).open("rb") as stream:
            while chunk := stream.read(HASH_CHUNK_BYTES):
                job.check()
                digest.update(chunk)
                done += len(chunk)
                job.progress("Checking digests", done, total, "B")
        if digest.hexdigest() != expected:
            # The link and the blob behind it, else the hub's library would take it again.
            (folder / name).resolve().unlink(missing_ok=True)
            (folder / name).unlink(missing_ok=True)
            raise DigestMismatchError(name, expected=expected, actual=digest.hexdigest())
