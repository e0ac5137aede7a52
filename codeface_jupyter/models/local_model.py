"""The model that is asked for, and the model as it was found on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.models.catalog import ModelEntry, find

__all__ = [
    "LocalModel",
    "ModelRequest",
    "own_path",
    "path_named",
]

ModelSource = Literal["folder", "converted", "hub", "gguf"]


def path_named(model: str) -> Path | None:
    """Return ``model`` as a path to something that is there; None if it names none."""
    try:
        path = Path(model).expanduser()
        path.stat()
    except (OSError, RuntimeError, ValueError):
        # Also of names that are too long for a path, or begin with a user that there is not.
        return None
    return path


def own_path(model: str) -> Path | None:
    """Return where a model of the user's own is, links followed; None if it is another's.

    What is written as a path counts as one also where nothing is there any more.
    """
    try:
        path = Path(model).expanduser()
        is_written_as_path = path.is_absolute() or model.startswith(".")
        if not is_written_as_path:
            # A folder that merely has the name of a known model does not hide that model.
            (path if find(model) is None else path / "config.json").stat()
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


@dataclass(frozen=True)
class ModelRequest:
    """Which model is asked for, and where its files may lie.

    Attributes
    ----------
    model
        A local folder or GGUF file, a catalog name, a hub id, or another name of a GGUF (see
        `codeface_jupyter.models.gguf_files`); the user's own aliases are resolved already.
    cache_dir
        The user's cache folder.
    revision
        The hub revision; the catalog's pinned one unless given, ``main`` where none is pinned.
    permissions
        What this call was allowed beyond its settings.
    as_gguf
        Whether it is wanted as a GGUF, by an engine that reads nothing else.
    """

    model: str
    cache_dir: Path
    revision: str | None = None
    permissions: Permissions = NOTHING_MORE
    as_gguf: bool = False

    @classmethod
    def of(cls, settings: Settings) -> ModelRequest:
        """Return the request for the model that ``settings`` name."""
        return cls(
            settings.model,
            cache_dir=settings.cache_dir,
            revision=settings.revision,
            permissions=settings.permissions,
        )

    @classmethod
    def named(
        cls,
        model: str | None,
        *,
        config: Config,
        cache_dir: Path | None = None,
        revision: str | None = None,
        permissions: Permissions = NOTHING_MORE,
    ) -> ModelRequest:
        """Return the request for a model that a call names; for the one that is set unless it does.

        The revision that is set belongs to the model that is set, under any of its names.

        Parameters
        ----------
        model
            As the user wrote it, aliases included.
        config
            What is set.
        cache_dir, revision
            The call's own, in place of those that are set.
        permissions
            What the call was allowed.
        """
        settings = config.with_overrides({"model": model, "cache_dir": cache_dir})
        request = cls(settings.model, settings.cache_dir, revision, permissions)
        is_set = request.name == cls.of(config.settings).name
        return replace(request, revision=revision or (settings.revision if is_set else None))

    @property
    def entry(self) -> ModelEntry | None:
        """What the catalog knows about the model."""
        return find(self.model)

    @property
    def path(self) -> Path | None:
        """What it names on this machine; None if nothing there has that name."""
        return path_named(self.model)

    @property
    def is_pinned(self) -> bool:
        """Whether it is a model of the catalog, at the catalog's revision."""
        entry = self.entry
        return entry is not None and self.revision in {None, entry.revision}

    @property
    def name(self) -> str:
        """The model's name in the catalog where it has one, else as it was given."""
        return self.entry.name if self.entry is not None else self.model


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """A model whose files are on this machine, checked and ready to load.

    Attributes
    ----------
    name
        A catalog name, a hub id, a folder, or a name of a GGUF.
    path
        The folder with configuration and tokenizer; with the weights as well, unless they are
        only in the GGUF. Of a model that is only a GGUF, the file itself.
    source
        Whether the folder is the user's own, was made here, or is a snapshot in the hub's cache;
        or whether the model is only a GGUF.
    revision
        The hub's commit, the digest of the GGUF, or the fingerprint of the files.
    gguf
        The GGUF with the weights, if the model came as one; of a split one, the first part. It is
        kept, since engines read it, or make of it what they read.
    entry
        What the catalog knows about it.
    """

    name: str
    path: Path
    source: ModelSource
    revision: str = ""
    gguf: Path | None = None
    entry: ModelEntry | None = None
