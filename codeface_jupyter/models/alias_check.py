"""The check of an alias: what may be one, and what it may stand for."""

from __future__ import annotations

import re

from codeface_jupyter.config import AUTO_MODEL, SAME_MODEL
from codeface_jupyter.config.aliases import Aliases
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.models.catalog import find, meant_instead
from codeface_jupyter.models.fetch import is_here, locate
from codeface_jupyter.models.local_model import ModelRequest, path_named

__all__ = ["checked_alias", "give_alias"]

# Without a slash, so that an alias is never taken for a folder or a hub id.
ALIAS = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


def give_alias(name: str, request: ModelRequest, aliases: Aliases) -> str:
    """Keep an alias, and return what to tell of it: what it stands for, and stood for before.

    Parameters
    ----------
    name
        As the user gave it.
    request
        The model that it is to stand for.
    aliases
        What keeps it.

    Raises
    ------
    ConfigError, ModelNotFoundError, ModelFilesError
        If `checked_alias` refuses it, or it cannot be kept.
    """
    name, model = checked_alias(name, request)
    before = aliases.add(name, model)
    no_longer = f", no longer for {before}" if before not in {None, model} else ""
    doubt = "" if is_here(request) else meant_instead(request.model)
    return " ".join(filter(None, (f"{name} stands for {model}{no_longer}.", doubt)))


def checked_alias(name: str, request: ModelRequest) -> tuple[str, str]:
    """Return an alias and the model that it stands for, as they are to be kept.

    Parameters
    ----------
    name
        As the user gave it.
    request
        The model that it is to stand for.

    Raises
    ------
    ConfigError
        If ``name`` is a known model's or cannot be a name.
    ModelNotFoundError
        If the model is neither a folder nor a possible name.
    ModelFilesError
        If the model is a folder that cannot be loaded.
    """
    if not ALIAS.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be an alias: it has to begin with a letter or digit, followed by "
            "up to 63 letters, digits, '.', '-' or '_'."
        )
    if AUTO_MODEL in {name.lower(), request.model}:
        raise ConfigError(
            f"{AUTO_MODEL!r} stands for the best model that runs well here, and for nothing else."
        )
    if name.lower() == SAME_MODEL:
        raise ConfigError(
            f"{SAME_MODEL!r} stands for the model that answers, as the one that completes code."
        )
    if (entry := find(name)) is not None:
        raise ConfigError(
            f"{name!r} is the catalog's own name for {entry.hub_id} and cannot be redefined.",
            hint="Choose another alias.",
        )
    locate(request)
    folder = path_named(request.model) if request.entry is None else None
    # An alias means the same folder wherever it is used.
    is_folder = folder is not None and folder.is_dir()
    return name.lower(), str(folder.resolve()) if folder and is_folder else request.model
