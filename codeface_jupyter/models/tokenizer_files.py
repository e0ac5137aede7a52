"""A tokenizer's settings and its chat template, read without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeface_jupyter.models.folder_check import read_json

__all__ = ["chat_template", "tokenizer_settings"]

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


def chat_template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """Return Jinja's source of the chat template; None for a base model.

    Parameters
    ----------
    folder
        The model's folder, which may hold the template in a file of its own.
    settings
        Its `tokenizer_settings`, where older checkpoints keep it.
    """
    file = folder / TEMPLATE_FILE
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = settings.get("chat_template")
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template}
        template = named.get("default")
    return template if isinstance(template, str) else None
