"""A tokenizer's settings and its chat template, read without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.folder_check import read_json
from codeface_jupyter.small_files import read_text

__all__ = ["chat_template", "template_version", "tokenizer_settings"]

SETTINGS_FILE, TEMPLATE_FILE = "tokenizer_config.json", "chat_template.jinja"


def tokenizer_settings(folder: Path) -> dict[str, Any]:
    """Read ``tokenizer_config.json``; empty if there is none.

    Raises
    ------
    ModelFilesError
        If it does not hold a JSON object.
    """
    file = folder / SETTINGS_FILE
    return read_json(file) if file.is_file() else {}


def template_version(folder: Path) -> tuple[tuple[int, int] | None, ...]:
    """Return what changes when the chat template or the tokenizer's settings are written."""
    return tuple(_written(folder / name) for name in (SETTINGS_FILE, TEMPLATE_FILE))


def _written(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def chat_template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """Return Jinja's source of the chat template; None for a base model.

    Parameters
    ----------
    folder
        The model's folder, which may hold the template in a file of its own.
    settings
        Its `tokenizer_settings`, where older checkpoints keep it.

    Raises
    ------
    ModelFilesError
        If the file of its own holds no text.
    """
    file = folder / TEMPLATE_FILE
    if file.is_file():
        try:
            return read_text(file)
        except (OSError, ValueError) as error:
            raise ModelFilesError(f"{file} cannot be read: {error}.") from None
    template = settings.get("chat_template")
    if isinstance(template, list):
        named = [item for item in template if isinstance(item, Mapping)]
        template = next((t.get("template") for t in named if t.get("name") == "default"), None)
    return template if isinstance(template, str) else None
