"""The manifest of a converted folder: which converter made it, of what, and its files' sizes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeface_jupyter.small_files import open_regular, read_json

__all__ = ["MANIFEST", "manifest_digest", "read_manifest", "write_json", "write_manifest"]

MANIFEST = "codeface.json"


def write_manifest(folder: Path, *, converter_version: int, facts: Mapping[str, object]) -> None:
    """Write the manifest of a folder whose files are complete.

    Parameters
    ----------
    folder
        The converted folder.
    converter_version
        Raised by a converter whose earlier folders must be made again.
    facts
        What the folder was made of and with.
    """
    files = {file.name: file.stat().st_size for file in folder.iterdir()}
    own = {"converter_version": converter_version, "files": files}
    write_json(folder / MANIFEST, {**facts, **own})


def read_manifest(folder: Path, *, converter_version: int) -> dict[str, Any] | None:
    """Return a folder's manifest; None unless this converter made it and no file is cut off."""
    try:
        manifest: Any = read_json(folder / MANIFEST)
        if manifest["converter_version"] != converter_version:
            return None
        # The first converter's manifests had no sizes.
        sizes = dict(manifest.get("files", {}))
        is_complete = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(manifest) if is_complete else None


def manifest_digest(folder: Path) -> str:
    """Return what tells a converted folder from one made of other weights; empty if it has none."""
    try:
        with open_regular(folder / MANIFEST) as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except (OSError, ValueError):
        return ""


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` as JSON that two runs write alike."""
    file.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
