"""Read the user's own prompt templates from the config folder."""

from __future__ import annotations

import os
from pathlib import Path

from codeface_jupyter.config import default_config_file
from codeface_jupyter.errors import NotebookError, reason_of
from codeface_jupyter.small_files import read_text

__all__ = ["read_template", "templates_folder"]

SUFFIX = ".md"


def templates_folder() -> Path:
    """Return the folder of the user's templates: ``templates`` beside the config file."""
    return default_config_file().parent / "templates"


def read_template(name: str) -> str:
    """Return the text of the template ``name``.

    Raises
    ------
    NotebookError
        If there is no such template, or it cannot be read.
    """
    folder = templates_folder()
    file = folder / f"{name}{SUFFIX}"
    # A name, not a path: nothing outside the folder is read.
    # `Path.is_file` raises for a name that is too long.
    if Path(name).name == name and os.path.isfile(file):  # noqa: PTH113 - see above
        try:
            return read_text(file).strip()
        except (OSError, ValueError) as error:
            raise NotebookError(
                f"The template {file} cannot be read: {reason_of(error)}."
            ) from None
    known = sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))
    there = f"Known templates: {', '.join(known)}." if known else "There are no templates yet."
    raise NotebookError(
        f"There is no template {name!r}.",
        hint=f"{there} A template is a file {folder / f'NAME{SUFFIX}'} that contains $request.",
    )
