"""Answers kept in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from cachetools import TTLCache

from codeface_jupyter.response_cache.entry import CachedResponse, CacheStatus
from codeface_jupyter.threads import new_lock

__all__ = ["MemoryResponseCache"]


class MemoryResponseCache:
    """Keeps answers in this process, least recently used out first.

    Parameters
    ----------
    max_bytes
        The most text kept, in bytes of UTF-8. A larger answer is not kept.
    ttl_s
        How long an answer is kept, in seconds.
    timer
        The clock, in seconds.
    """

    def __init__(
        self, *, max_bytes: int, ttl_s: float, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = new_lock()
        self._responses: TTLCache[str, CachedResponse] = TTLCache(
            max_bytes, ttl_s, timer=timer, getsizeof=lambda response: response.size_bytes
        )

    def __len__(self) -> int:
        return self.status().entries

    @property
    def size_bytes(self) -> int:
        """Bytes of the texts kept."""
        return self.status().size_bytes

    @property
    def failures(self) -> Mapping[str, int]:
        """Nothing: memory always serves."""
        return {}

    def get(self, key: str) -> CachedResponse | None:
        """Return the answer kept under ``key``, unless it has expired."""
        with self._lock:
            return self._responses.get(key)

    def put(self, key: str, response: CachedResponse) -> None:
        """Keep ``response``, unless it alone is larger than the whole cache."""
        with self._lock:
            if response.size_bytes <= self._responses.maxsize:
                self._responses[key] = response

    def status(self) -> CacheStatus:
        """Count what is kept."""
        with self._lock:
            self._responses.expire()
            return CacheStatus(
                place="memory",
                entries=len(self._responses),
                size_bytes=int(self._responses.currsize),
            )

    def clear(self) -> int:
        """Forget every answer; return how many there were."""
        with self._lock:
            self._responses.expire()
            entries = len(self._responses)
            self._responses.clear()
            return entries

    def close(self) -> None:
        """Forget every answer."""
        self.clear()
