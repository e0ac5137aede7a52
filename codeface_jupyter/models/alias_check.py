"""What may be an alias, and what it may stand for."""

from __future__ import annotations

import re
from pathlib import Path

from codeface_jupyter.errors import ConfigError
from codeface_jupyter.models.catalog import find
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest

__all__ = ["checked_alias"]

# No slash, so that it is neither a folder nor a hub id.
ALIAS = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


def checked_alias(name: str, model: str, *, cache_dir: Path) -> tuple[str, str]:
    """Return an alias and its model as they are to be kept.

    Parameters
    ----------
    name, model
        As the user gave them; aliases in ``model`` are resolved already.
    cache_dir
        The user's cache folder.

    Raises
    ------
    ConfigError
        If ``name`` is a known model's or cannot be a name.
    ModelNotFoundError
        If ``model`` is neither a folder nor a possible name.
    ModelFilesError
        If ``model`` is a folder that cannot be loaded.
    """
    if not ALIAS.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be an alias: a letter or digit was expected, then up to 63 more, "
            "'.', '-' or '_'."
        )
    if (entry := find(name)) is not None:
        raise ConfigError(
            f"{name!r} is the catalog's own name for {entry.hub_id}, and stays so.",
            hint="Choose another alias.",
        )
    locate(ModelRequest(model, cache_dir))
    folder = Path(model).expanduser()
    # The alias is to mean the same folder wherever it is used from.
    is_folder = find(model) is None and folder.is_dir()
    return name.lower(), str(folder.resolve()) if is_folder else model
