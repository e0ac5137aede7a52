"""GGUF files on this machine: the user's own, the hub's cache, Ollama's and LM Studio's stores.

None of them is ever changed. A name is one of these:

- ``path/to/model.gguf``, or a folder with one model as GGUF, perhaps split into parts;
- ``owner/name:Q4_K_M``, the file of a hub repository that is quantized so;
- ``ollama:name`` or ``ollama:name:tag``, what Ollama has pulled;
- ``lmstudio:owner/name`` or ``lmstudio:owner/name/file``, what LM Studio has downloaded.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from codeface_jupyter.errors import ModelFilesError, ModelNotFoundError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.folder_check import fingerprint, has_weights, is_ir_folder
from codeface_jupyter.models.gguf_header import MAGIC, read_gguf_header
from codeface_jupyter.models.hub import cached_gguf_folder, download_gguf
from codeface_jupyter.models.local_model import LocalModel, ModelRequest

__all__ = [
    "HubGguf",
    "choose_gguf",
    "fetch_gguf_file",
    "gguf_parts",
    "hub_gguf",
    "list_gguf",
    "locate_gguf",
]

OLLAMA, LM_STUDIO = "ollama:", "lmstudio:"
HUB_GGUF = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*):([A-Za-z0-9][\w.-]*)")
PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
MAX_PARTS = 999
# A model's vision encoder lies beside it.
PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)

OLLAMA_REGISTRY = "registry.ollama.ai"
OLLAMA_MODEL_LAYER = "application/vnd.ollama.image.model"
SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
MAX_MANIFEST_BYTES = 2**20
SYSTEM_OLLAMA = Path("/usr/share/ollama/.ollama/models")
LM_STUDIO_FOLDERS = (".lmstudio/models", ".cache/lm-studio/models")


@dataclass(frozen=True)
class HubGguf:
    """A GGUF of the hub: its repository, and how it is quantized."""

    hub_id: str
    quantization: str


def hub_gguf(model: str) -> HubGguf | None:
    """Return the hub's GGUF that ``model`` names, if it is such a name."""
    match = HUB_GGUF.fullmatch(model)
    return HubGguf(*match.groups()) if match and not model.startswith((OLLAMA, LM_STUDIO)) else None


def fetch_gguf_file(on_hub: HubGguf, request: ModelRequest, job: Job) -> LocalModel:
    """Download the hub's GGUF that ``request`` names into the hub's own cache.

    Raises
    ------
    ModelError
        As `codeface_jupyter.models.hub.download_gguf` does, and if the file cannot be loaded.
    """
    file = download_gguf(
        request,
        hub_id=on_hub.hub_id,
        choose=lambda names: choose_gguf(
            names, quantization=on_hub.quantization, source=on_hub.hub_id
        ),
        job=job,
    )
    return _local_model(file, request)


def locate_gguf(request: ModelRequest) -> LocalModel | None:
    """Return the GGUF that a request names, checked; None if it names no GGUF that is here.

    Raises
    ------
    ModelFilesError
        If the file, or one of its parts, is not one that can be loaded.
    ModelNotFoundError
        If Ollama or LM Studio have no model of that name.
    """
    file = _named_file(request)
    return None if file is None else _local_model(file, request)


def gguf_parts(file: Path) -> list[Path]:
    """Return the files of the model that ``file`` belongs to, each of them checked.

    Raises
    ------
    ModelFilesError
        If one of them is missing or broken.
    """
    parts = _siblings(file)
    headers = [read_gguf_header(part) for part in parts]
    if headers[0].num_parts != len(parts):
        raise ModelFilesError(
            f"{file} is one of {headers[0].num_parts} parts of a model, but its name is not "
            "that of a part.",
            hint="Parts are named NAME-00001-of-0000N.gguf and lie in one folder.",
        )
    return parts


def choose_gguf(names: Iterable[str], *, quantization: str, source: str) -> list[str]:
    """Return the names of the files, in order, that hold the model quantized as is asked.

    Raises
    ------
    ModelFilesError
        If there is none, or more than one model; ``source`` says where, in the message.
    """
    models = _models(names)
    wanted = re.compile(rf"(?:^|[-._/]){re.escape(quantization)}(?:$|[-./])", re.IGNORECASE)
    found = {stem: files for stem, files in models.items() if wanted.search(stem)}
    if len(found) == 1:
        return next(iter(found.values()))
    what = "no GGUF" if not found else f"{len(found)} models"
    there = ", ".join(sorted(found or models)[:8]) or "none"
    raise ModelFilesError(
        f"{source} has {what} quantized as {quantization}.", hint=f"GGUF files there: {there}."
    )


def list_gguf() -> list[str]:
    """Return the names of the models in Ollama's and LM Studio's stores, sorted."""
    return sorted({*_ollama_names(), *_lm_studio_names()})


def _local_model(file: Path, request: ModelRequest) -> LocalModel:
    parts = gguf_parts(file)
    return LocalModel(
        name=request.name, path=parts[0], source="gguf", revision=fingerprint(parts), gguf=parts[0]
    )


def _named_file(request: ModelRequest) -> Path | None:
    model = request.model
    if model.startswith(OLLAMA):
        return _ollama_blob(model)
    if model.startswith(LM_STUDIO):
        return _lm_studio_file(model)
    if (on_hub := hub_gguf(model)) is not None:
        return _cached_file(on_hub, request)
    return None if request.path is None else _file_at(request.path, request)


def _file_at(path: Path, request: ModelRequest) -> Path | None:
    if path.is_file() and _is_gguf(path):
        return path.resolve()
    # What merely has the name of a known model does not hide that model.
    if request.entry is not None:
        return None
    if path.is_file():
        raise ModelFilesError(
            f"{path} is a file, but not a GGUF; other models are folders with config.json, "
            "tokenizer and weights."
        )
    return _only_model(path.resolve()) if path.is_dir() else None


def _is_gguf(file: Path) -> bool:
    """Whether ``file`` is a GGUF by its name or its first bytes."""
    with file.open("rb") as stream:
        return file.suffix.lower() == ".gguf" or stream.read(len(MAGIC)) == MAGIC


def _only_model(folder: Path) -> Path | None:
    """Return the first file of the one GGUF in a folder; None if it holds other weights or none."""
    if is_ir_folder(folder) or has_weights(folder):
        return None
    models = _models(file.name for file in folder.iterdir() if file.is_file())
    if len(models) > 1:
        raise ModelFilesError(
            f"{folder} holds {len(models)} models as GGUF.",
            hint=f"Name one of the files: {', '.join(sorted(models)[:8])}.",
        )
    return folder / next(iter(models.values()))[0] if models else None


def _models(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the files of each GGUF model by its name without ending and part number."""
    models: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.suffix.lower() != ".gguf" or PROJECTOR.search(path.name):
            continue
        part = PART.fullmatch(name)
        models[part["stem"] if part else str(path.with_suffix(""))].append(name)
    return dict(models)


def _siblings(file: Path) -> list[Path]:
    """Return all parts of a model, of which ``file`` is one; they all exist."""
    named = PART.fullmatch(file.name)
    if named is None:
        return [file]
    count = int(named["count"])
    if not 0 < count <= MAX_PARTS:
        raise ModelFilesError(f"{file} cannot be one of {count:,} parts.")
    parts = [file.with_name(_part_name(named, number)) for number in range(1, count + 1)]
    if missing := [part.name for part in parts if not part.is_file()]:
        raise ModelFilesError(
            f"{file.parent} lacks {len(missing)} of {count} parts of the model: {missing[0]}.",
            hint="Fetch the missing parts into the same folder.",
        )
    return parts


def _part_name(named: re.Match[str], number: int) -> str:
    return f"{named['stem']}-{number:05}-of-{named['count']}.gguf"


def _cached_file(on_hub: HubGguf, request: ModelRequest) -> Path | None:
    """Return the first file in the hub's cache, if all of them are there and verified."""
    folder = cached_gguf_folder(request, hub_id=on_hub.hub_id)
    if folder is None:
        return None
    names = (file.relative_to(folder).as_posix() for file in folder.rglob("*.gguf"))
    try:
        chosen = choose_gguf(names, quantization=on_hub.quantization, source=on_hub.hub_id)
        return _siblings(folder / chosen[0])[0]
    except ModelFilesError:
        return None  # Another one of the repository's files was fetched, or only some parts.


def _ollama_folders() -> list[Path]:
    given = os.environ.get("OLLAMA_MODELS")
    own = [Path(given)] if given else [home / ".ollama" / "models" for home in _home()]
    return [folder for folder in (*own, SYSTEM_OLLAMA) if _may_look_into(folder)]


def _home() -> list[Path]:
    """Return the user's home, as the one in a list; of a user without one, nothing."""
    try:
        return [Path.home()]
    except RuntimeError:
        return []


def _may_look_into(folder: Path) -> bool:
    """Whether there is such a folder, as far as this user may know: Ollama's can be private."""
    try:
        return folder.is_dir()
    except OSError:
        return False


def _ollama_names() -> Iterator[str]:
    for folder in _ollama_folders():
        library = folder / "manifests" / OLLAMA_REGISTRY / "library"
        for manifest in library.glob("*/*"):
            if _model_blob(manifest, folder) is not None:
                yield f"{OLLAMA}{manifest.parent.name}:{manifest.name}"


def _ollama_blob(model: str) -> Path:
    name, _, tag = model.removeprefix(OLLAMA).partition(":")
    parts = name.split("/")
    if all(
        re.fullmatch(r"[\w.-]+", part) and part.strip(".") for part in (*parts, tag or "latest")
    ):
        place = Path(*(("library",) if len(parts) == 1 else ()), *parts, tag or "latest")
        for folder in _ollama_folders():
            blob = _model_blob(folder / "manifests" / OLLAMA_REGISTRY / place, folder)
            if blob is not None:
                return blob
    raise _not_in_store(model, "Ollama", _ollama_names(), f"ollama pull {name or 'NAME'}")


def _model_blob(manifest: Path, folder: Path) -> Path | None:
    """Return the weights that a manifest names, if they are here."""
    try:
        with manifest.open("rb") as stream:
            layers = json.loads(stream.read(MAX_MANIFEST_BYTES))["layers"]
        digests = [layer["digest"] for layer in layers if layer["mediaType"] == OLLAMA_MODEL_LAYER]
        digest = SHA256.fullmatch(str(digests[0])) if digests else None
        blob = folder / "blobs" / f"sha256-{digest[1]}" if digest else None
        return blob if blob is not None and blob.is_file() else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _lm_studio_folders() -> list[Path]:
    folders = (home / folder for home in _home() for folder in LM_STUDIO_FOLDERS)
    return [folder for folder in folders if _may_look_into(folder)]


def _lm_studio_names() -> Iterator[str]:
    for folder in _lm_studio_folders():
        for repository in folder.glob("*/*"):
            models = _models(file.name for file in repository.glob("*.gguf"))
            name = f"{LM_STUDIO}{repository.parent.name}/{repository.name}"
            yield from [name] if len(models) == 1 else [f"{name}/{stem}" for stem in models]


def _lm_studio_file(model: str) -> Path:
    owner, _, rest = model.removeprefix(LM_STUDIO).partition("/")
    name, _, stem = rest.partition("/")
    for folder in _lm_studio_folders():
        repository = folder / owner / name
        if not (owner.strip(".") and name.strip(".")) or not repository.is_dir():
            continue
        if not stem and (only := _only_model(repository)) is not None:
            return only
        files = _models(file.name for file in repository.glob("*.gguf"))
        if stem in files:
            return repository / files[stem][0]
    raise _not_in_store(model, "LM Studio", _lm_studio_names(), f"lms get {owner}/{name}")


def _not_in_store(model: str, store: str, names: Iterable[str], command: str) -> ModelNotFoundError:
    here = ", ".join(sorted(names)[:8]) or "none"
    return ModelNotFoundError(
        f"{store} has no model {model!r} on this machine.",
        hint=f"Models there: {here}. Fetch it with: {command}",
    )
