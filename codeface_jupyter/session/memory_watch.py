"""What to drop when memory runs short, and a report of what holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from codeface_jupyter.engines.base import HoldsMemory
from codeface_jupyter.models.memory import process_peak_bytes
from codeface_jupyter.models.memory_usage import (
    DeviceMemory,
    device_memory,
    give_back,
    process_bytes,
    torch_cuda_bytes,
)
from codeface_jupyter.response_cache import MemoryResponseCache, ResponseCache

__all__ = ["MemoryReport", "MemoryWatch"]


@dataclass(frozen=True, kw_only=True)
class MemoryReport:
    """Who holds what, in bytes.

    Attributes
    ----------
    devices
        Main memory, and the CUDA devices in use.
    threshold
        The share of a device's memory in use above which something is dropped.
    process_bytes, process_peak_bytes
        The physical memory of this process, now and at most.
    torch_cuda_bytes
        Tensors on CUDA devices, the user's own among them.
    engine_bytes
        What the engines hold, by what it is.
    response_cache_bytes
        Answers kept in this process.
    shrinks, dropped_bytes
        How often something was dropped for want of room, and how much.
    """

    devices: Sequence[DeviceMemory]
    threshold: float
    process_bytes: int
    process_peak_bytes: int
    torch_cuda_bytes: int
    engine_bytes: Mapping[str, int]
    response_cache_bytes: int
    shrinks: int
    dropped_bytes: int


@dataclass
class MemoryWatch:
    """Frees memory before a request when a device is nearly full.

    Parameters
    ----------
    measure
        Returns the state of each device.
    """

    measure: Callable[[], Sequence[DeviceMemory]] = device_memory
    shrinks: int = field(default=0, init=False)
    dropped_bytes: int = field(default=0, init=False)

    def make_room(
        self, *, threshold: float, owners: Sequence[object], response_cache: ResponseCache
    ) -> int:
        """Drop KV prefixes and the second model, then answers, if memory is used above a share.

        A shared response cache is left alone: its memory and answers belong to others too.

        Returns
        -------
        int
            The bytes that were dropped.
        """
        if not self._is_short(threshold):
            return 0
        # KV caches first: losing one costs a prefill, losing an answer a whole generation.
        dropped = sum(owner.shrink() for owner in _holding(owners))
        give_back()
        if self._is_short(threshold) and _is_own(response_cache):
            dropped += response_cache.size_bytes
            response_cache.close()
            give_back()
        if dropped:
            self.shrinks += 1
            self.dropped_bytes += dropped
        return dropped

    def report(
        self, *, threshold: float, owners: Sequence[object], response_cache: ResponseCache
    ) -> MemoryReport:
        """Return how much memory each owner holds."""
        answers = response_cache.size_bytes if _is_own(response_cache) else 0
        return MemoryReport(
            devices=tuple(self.measure()),
            threshold=threshold,
            process_bytes=process_bytes(),
            process_peak_bytes=process_peak_bytes(),
            torch_cuda_bytes=torch_cuda_bytes(),
            engine_bytes={
                name: size
                for owner in _holding(owners)
                for name, size in owner.held_bytes().items()
            },
            response_cache_bytes=answers,
            shrinks=self.shrinks,
            dropped_bytes=self.dropped_bytes,
        )

    def _is_short(self, threshold: float) -> bool:
        return any(device.used_share > threshold for device in self.measure())


def _holding(owners: Sequence[object]) -> Iterator[HoldsMemory]:
    """Yield those that hold memory of this machine."""
    return (owner for owner in owners if isinstance(owner, HoldsMemory))


def _is_own(response_cache: ResponseCache) -> TypeGuard[MemoryResponseCache]:
    """Whether the answers are kept in this process, for this session only."""
    return isinstance(response_cache, MemoryResponseCache)
