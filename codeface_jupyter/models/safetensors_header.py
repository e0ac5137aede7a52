"""What the header of a safetensors file says: which tensors it holds, and where.

For files that were checked: the ``safetensors`` package refuses those whose header is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SafetensorsHeader", "read_safetensors_header"]

LENGTH_BYTES = 8


@dataclass(frozen=True)
class SafetensorsHeader:
    """The tensors of a file.

    Attributes
    ----------
    tensors
        By name, each with its ``dtype``, ``shape`` and ``data_offsets``.
    size_bytes
        Of the header itself: offsets count from its end.
    """

    tensors: Mapping[str, Mapping[str, Any]]
    size_bytes: int


def read_safetensors_header(file: Path) -> SafetensorsHeader:
    """Read the header of ``file``; see safetensors' description of its format."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(LENGTH_BYTES), "little")
        header: dict[str, Any] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return SafetensorsHeader(header, LENGTH_BYTES + length)
