"""The list of known models: what they need, which are here, which fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeface_jupyter.config import Settings
from codeface_jupyter.errors import ModelError
from codeface_jupyter.models.catalog import CATALOG, ModelEntry
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.gguf_files import gguf_parts, list_gguf, locate_gguf
from codeface_jupyter.models.gguf_header import read_gguf_header
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory
from codeface_jupyter.models.removal import size_bytes
from codeface_jupyter.models.storage import format_bytes

__all__ = ["COLUMNS", "GGUF_CONTEXT_TOKENS", "explain_listing", "list_models"]

# As many as the catalog's figures assume.
GGUF_CONTEXT_TOKENS = 4_096
COLUMNS = ("name", "kind", "download", "memory", "here", "fits", "licence")


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """One line of the list.

    Attributes
    ----------
    download, memory
        Sizes, as text for the user.
    is_here
        Whether its files are on this machine.
    short_bytes
        How much more memory than is free now it would take; 0 if it fits.
    licence
        With a star if the hub asks for a login and the licence to be accepted.
    """

    name: str
    kind: str
    download: str
    memory: str
    is_here: bool
    short_bytes: int
    licence: str

    @property
    def fits(self) -> bool:
        """Whether it fits into the memory that is free now."""
        return self.short_bytes == 0

    def cells(self) -> tuple[str, ...]:
        """Return the texts of `COLUMNS`."""
        here = "yes" if self.is_here else "no"
        fits = "yes" if self.fits else f"no, {format_bytes(self.short_bytes)} short"
        return self.name, self.kind, self.download, self.memory, here, fits, self.licence


def list_models(settings: Settings) -> list[ListedModel]:
    """Return the catalog and what other programs have here, with what holds on this machine now."""
    free_bytes = available_memory("auto")
    listed = [_listed(entry, settings, free_bytes=free_bytes) for entry in CATALOG.values()]
    found = (_listed_gguf(name, settings, free_bytes=free_bytes) for name in list_gguf())
    return [*listed, *filter(None, found)]


def explain_listing(
    settings: Settings, *, aliases: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return what the columns of the list mean, and the user's aliases."""
    free = format_bytes(available_memory("auto"))
    named = ", ".join(f"{name} = {model}" for name, model in aliases.items())
    own = f" Your aliases: {named}." if named else ""
    return (
        f"memory is bfloat16 weights and 4,096 tokens of KV cache; {free} are free here. "
        f"Files are in {settings.cache_dir} and in the hub's cache. Any hub id or folder of a "
        "causal language model works too, and any GGUF; ollama: and lmstudio: are those programs' "
        "own. "
        f"* needs a login on the hub and its licence accepted there.{own}"
    )


def _listed(entry: ModelEntry, settings: Settings, *, free_bytes: int) -> ListedModel:
    memory = entry.memory_bytes("bfloat16") + WORKING_BYTES
    return ListedModel(
        name=entry.name,
        kind="chat" if entry.is_chat else "base",
        download=format_bytes(entry.wheels.size_bytes if entry.wheels else entry.file_bytes),
        memory=format_bytes(memory),
        is_here=locate(ModelRequest(entry.hub_id, settings.cache_dir)) is not None,
        short_bytes=max(0, memory - free_bytes),
        licence=f"{entry.licence} *" if entry.is_gated else entry.licence,
    )


def _listed_gguf(name: str, settings: Settings, *, free_bytes: int) -> ListedModel | None:
    """Return the line of a GGUF in another program's store; None if it cannot be loaded."""
    try:
        found = locate_gguf(ModelRequest(name, settings.cache_dir))
        if found is None:
            return None
        header = read_gguf_header(found.path)
        size = sum(size_bytes(part) for part in gguf_parts(found.path))
    except ModelError:
        return None
    memory = size + WORKING_BYTES + GGUF_CONTEXT_TOKENS * header.kv_bytes_per_token
    return ListedModel(
        name=name,
        kind="chat" if header.chat_template else "base",
        download=format_bytes(size),
        memory=format_bytes(memory),
        is_here=True,
        short_bytes=max(0, memory - free_bytes),
        licence=str(header.metadata.get("general.license") or "see its publisher"),
    )
