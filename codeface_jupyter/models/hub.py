"""Models on the Hugging Face hub and in its cache."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.config.network_variables import variable_at_fault
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.errors import (
    DigestMismatchError,
    FetchError,
    ModelFilesError,
    ModelNotFoundError,
    first_line,
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
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.storage import (
    ensure_free_space,
    format_bytes,
    safe_name,
    writing_into,
)
from codeface_jupyter.threads import cancellable, within

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

__all__ = [
    "HubUnreachableError",
    "cached_gguf_folder",
    "cached_snapshot",
    "download_gguf",
    "download_snapshot",
    "is_offline",
    "is_reachable",
]

# The hub answers a lookup within a second; beyond this
# the user is better served by the next source.
ANSWER_TIMEOUT_S = 5.0
# The client's own timeout comes first where it works: it does not cover the lookup of a name.
DEADLINE_S = ANSWER_TIMEOUT_S + 1
HASH_CHUNK_BYTES = 1 << 22
MAIN = "main"
CACHE_VARIABLE = "HF_HUB_CACHE"


class HubUnreachableError(FetchError):
    """The hub did not answer: no network, offline mode, or an outage of its own."""


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
    """Return what a failed request raises, whichever HTTP client the hub's library uses.

    A client that cannot be made, since the environment asks for what is not there, is among it.
    """
    from huggingface_hub import errors

    client_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # re-exported
    return (client_error, OSError, ImportError, *others)


def is_reachable() -> bool:
    """Whether the hub answers at all, within a few seconds."""
    if is_offline():
        return False
    from huggingface_hub import get_session

    try:
        within(DEADLINE_S, lambda: get_session().head(_endpoint(), timeout=ANSWER_TIMEOUT_S))
    except _network_errors():
        return False
    return True


def cached_snapshot(request: ModelRequest) -> Path | None:
    """Return the snapshot of a hub id in the hub's cache, if it is complete and verified."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(
            request.model, "config.json", revision=request.revision or MAIN
        )
    except HFValidationError:
        return None
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    if _unverified_mark(request, folder.name).exists():
        return None
    try:
        check_model_folder(folder, permissions=request.permissions)
    except ModelFilesError:
        return None
    return folder


def download_snapshot(request: ModelRequest, job: Job) -> Path:
    """Download a hub id into the hub's own cache, check its digests, and return its folder.

    Files that are already there are not downloaded again. Only safetensors weights and text
    files are taken, OpenVINO IR where there are none, and what the permissions add.

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
    return _download_verified(
        request,
        request.model,
        lambda files: _wanted_files(request.model, files, request.permissions),
        job,
    )


def cached_gguf_folder(request: ModelRequest, *, hub_id: str) -> Path | None:
    """Return a GGUF's snapshot in the hub's cache; None while its digests are unchecked.

    Parameters
    ----------
    request
        Names a GGUF of the repository.
    hub_id
        The repository.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    repository = repo_folder_name(repo_id=hub_id, repo_type="model")
    cache = Path(constants.HF_HUB_CACHE) / repository
    revision = request.revision or MAIN
    try:
        commit = (cache / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        commit = revision
    folder = cache / "snapshots" / commit
    is_verified = not _unverified_mark(request, commit).exists()
    return folder if is_verified and folder.is_dir() else None


def download_gguf(
    request: ModelRequest, *, hub_id: str, choose: Callable[[list[str]], list[str]], job: Job
) -> Path:
    """Download a repository's GGUF into the hub's own cache; return its first file.

    Parameters
    ----------
    request
        Names the GGUF.
    hub_id
        The repository.
    choose
        Returns the names of the wanted files among all of the repository.
    job
        Reports progress and may stop the work.

    Raises
    ------
    ModelError
        As `download_snapshot` and ``choose`` do.
    """

    def wanted(files: list[_RemoteFile]) -> list[_RemoteFile]:
        chosen.extend(choose([file.name for file in files]))
        return [file for file in files if file.name in chosen]

    chosen: list[str] = []
    folder = _download_verified(request, hub_id, wanted, job)
    return folder / chosen[0]


def _download_verified(
    request: ModelRequest,
    hub_id: str,
    choose: Callable[[list[_RemoteFile]], list[_RemoteFile]],
    job: Job,
) -> Path:
    """Download the files that are chosen and check their digests; return their folder."""
    revision = request.revision or MAIN
    job.progress(f"Asking the hub for {hub_id}")
    info = _model_info(hub_id, revision, job)
    files = choose(_remote_files(info))
    digests = {file.name: file.sha256 for file in files if file.sha256}
    # A run that is killed before the digests are checked leaves the mark behind.
    mark = _unverified_mark(request, info.sha or revision)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(digests), encoding="utf-8")
    folder = _download(hub_id, revision, files, job)
    _verify(folder, digests, job)
    mark.unlink()
    return folder


def _unverified_mark(request: ModelRequest, commit: str) -> Path:
    """Return the file that marks a snapshot whose digests are still to be checked."""
    name = f"{safe_name(request.model)}@{safe_name(commit)}.json"
    return request.cache_dir / "unverified" / name


def _model_info(hub_id: str, revision: str, job: Job) -> ModelInfo:
    """Ask the hub for a model's files, sizes and digests."""
    from huggingface_hub import HfApi, errors

    if is_offline():
        raise HubUnreachableError(
            "HF_HUB_OFFLINE keeps CodeFace off the hub.", hint="Unset it to download models."
        )
    api = HfApi(endpoint=_endpoint())
    try:
        return within(
            DEADLINE_S,
            lambda: api.model_info(
                hub_id, revision=revision, files_metadata=True, timeout=ANSWER_TIMEOUT_S
            ),
            check=job.check,
        )
    except errors.HFValidationError:
        raise _no_such_model(hub_id) from None
    except errors.GatedRepoError:
        raise FetchError(
            f"The licence of {hub_id} has to be accepted before it can be downloaded.",
            hint=f"Accept it at {_endpoint()}/{hub_id}, then log in with `hf auth login`.",
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelNotFoundError(f"{hub_id} has no revision {revision!r} on the hub.") from None
    except errors.RepositoryNotFoundError:
        raise _no_such_model(hub_id) from None
    except _network_errors(ValueError) as error:
        raise HubUnreachableError(
            f"The hub could not be reached: {variable_at_fault(error) or first_line(error)}.",
            hint="Check the network and proxy settings, or name a local folder.",
        ) from error


def _no_such_model(hub_id: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"The hub has no model {hub_id!r}, or it is private.",
        hint="Hub ids look like owner/name; `codeface models` lists the known ones.",
    )


def _remote_files(info: ModelInfo) -> list[_RemoteFile]:
    return [
        _RemoteFile(
            name=sibling.rfilename,
            size_bytes=sibling.size or 0,
            sha256=sibling.lfs.sha256 if sibling.lfs else None,
        )
        for sibling in info.siblings or []
    ]


def _wanted_files(
    hub_id: str, files: list[_RemoteFile], permissions: Permissions
) -> list[_RemoteFile]:
    """Choose configuration, tokenizer and safetensors weights among a repository's files.

    Where there are none, pickled weights are taken if they are allowed, and OpenVINO IR
    otherwise; code is taken only if it may run.
    """
    weights = [f for f in files if is_weight_file(f.name)]
    # Some repositories hold the same weights twice, in one file and in shards.
    weights = [f for f in weights if f.name == SINGLE_FILE] or weights
    pickled = [f for f in files if is_pickled_file(f.name) or f.name == PICKLE_INDEX_FILE]
    if not weights and permissions.allow_pickle:
        weights = [f for f in pickled if f.name.startswith("pytorch_model")]
    weights = weights or [f for f in files if is_ir_file(f.name)]
    if not weights:
        if pickled:
            raise pickled_weights_error(f"{hub_id}/{min(f.name for f in pickled)}")
        raise ModelFilesError(
            f"{hub_id} has neither model.safetensors nor openvino_model.xml on the hub."
        )
    # Small files first, so that a wrong model is noticed before gigabytes are downloaded.
    small = [
        f
        for f in files
        if is_side_file(f.name) or (permissions.trust_remote_code and f.name.endswith(".py"))
    ]
    return [*(f for f in small if f not in weights), *weights]


def _download(hub_id: str, revision: str, files: list[_RemoteFile], job: Job) -> Path:
    from huggingface_hub import constants, errors, try_to_load_from_cache

    missing = sum(
        f.size_bytes
        for f in files
        if not isinstance(try_to_load_from_cache(hub_id, f.name, revision=revision), str)
    )
    cache = Path(constants.HF_HUB_CACHE)
    ensure_free_space(cache, needed_bytes=missing, purpose=hub_id, variable=CACHE_VARIABLE)
    download = _Download(hub_id, revision, sum(f.size_bytes for f in files), job)
    try:
        with writing_into(cache, variable=CACHE_VARIABLE):
            for file in files:
                folder = cancellable(partial(download.fetch, file), check=job.check)
    except errors.GatedRepoError as error:
        raise FetchError(f"The hub refused {hub_id}: {first_line(error)}.") from None
    except _network_errors(errors.EntryNotFoundError, RuntimeError) as error:
        raise HubUnreachableError(
            f"The connection to the hub was lost after {format_bytes(download.done_bytes)} of "
            f"{format_bytes(download.total_bytes)} of {hub_id}: {first_line(error)}.",
            hint="Run it again: the files downloaded so far are kept.",
        ) from error
    finally:
        download.stopped.set()
    return folder


@dataclass
class _Download:
    """The download of one model's files into the hub's cache."""

    hub_id: str
    revision: str
    total_bytes: int
    job: Job
    done_bytes: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def fetch(self, file: _RemoteFile) -> Path:
        """Download one file, unless it is cached, and return its snapshot's folder."""
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
        # The snapshot's own folder, also for a file deeper in it.
        return Path(path).parents[file.name.count("/")]

    def report(self, current_bytes: float) -> None:
        """Report how much is done; raise `Cancelled` in a thread that was given up."""
        if self.stopped.is_set():
            raise Cancelled
        completed = min(self.done_bytes + current_bytes, self.total_bytes)
        self.job.progress(f"Downloading {self.hub_id}", completed, self.total_bytes, "B")

    def bar_class(self) -> type[Any]:
        """Return a class of progress bars that report instead of drawing."""
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


def _verify(folder: Path, digests: Mapping[str, str], job: Job) -> None:
    """Compare every large file with its published digest; remove one that differs."""
    total = sum((folder / name).stat().st_size for name in digests)
    done = 0
    for name, expected in digests.items():
        digest = hashlib.sha256()
        with (folder / name).open("rb") as stream:
            while chunk := stream.read(HASH_CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                job.progress("Checking digests", done, total, "B")
        if digest.hexdigest() != expected:
            # The link and the blob behind it: the hub's library would use either again.
            (folder / name).resolve().unlink(missing_ok=True)
            (folder / name).unlink(missing_ok=True)
            raise DigestMismatchError(name, expected=expected, actual=digest.hexdigest())
