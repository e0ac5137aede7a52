"""What an engine in this process says of the memory it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

__all__ = ["HoldsMemory"]


@runtime_checkable
class HoldsMemory(Protocol):
    """An engine whose memory is this machine's."""

    def held_bytes(self) -> Mapping[str, int]:
        """Return what it holds, in bytes, by what it is: weights, KV prefixes, graphs."""

    def shrink(self) -> int:
        """Drop what the next request can do without; return its bytes."""
