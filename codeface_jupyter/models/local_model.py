"""Which model is wanted, and the files on this machine that it was found in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.models.catalog import ModelEntry

__all__ = ["LocalModel", "ModelRequest", "ModelSource"]

ModelSource = Literal["folder", "converted", "hub"]


@dataclass(frozen=True)
class ModelRequest:
    """Which model is wanted, and where its files may lie.

    Attributes
    ----------
    model
        A local folder, a catalog name, an alias or a hub id.
    cache_dir
        The user's cache folder.
    revision
        The hub revision; the catalog's pinned one unless given.
    permissions
        What this call was allowed beyond its settings.
    """

    model: str
    cache_dir: Path
    revision: str | None = None
    permissions: Permissions = NOTHING_MORE

    @classmethod
    def of(cls, settings: Settings) -> ModelRequest:
        """Return the request for the model that ``settings`` name."""
        return cls(
            settings.model,
            cache_dir=settings.cache_dir,
            revision=settings.revision,
            permissions=settings.permissions,
        )


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
