"""Answers kept as text, by a digest of everything that changes them."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

from cachetools import TTLCache

from codeface_jupyter.generation import EngineIdentity, FinishReason, SamplingParameters
from codeface_jupyter.prompts import PROMPT_VERSION

__all__ = ["CachedResponse", "MemoryResponseCache", "ResponseCache", "response_key"]


@dataclass(frozen=True, kw_only=True)
class CachedResponse:
    """A finished answer, and what it cost when it was generated."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    generated_tokens: int
    total_s: float

    @property
    def size_bytes(self) -> int:
        """Bytes of the text in UTF-8."""
        return len(self.text.encode())


class ResponseCache(Protocol):
    """Where answers are kept."""

    def get(self, key: str) -> CachedResponse | None:
        """Return the answer kept under ``key``, unless it has expired."""

    def put(self, key: str, response: CachedResponse) -> None:
        """Keep ``response`` under ``key``."""

    def clear(self) -> None:
        """Forget every answer."""


def response_key(identity: EngineIdentity, sampling: SamplingParameters, prompt: str) -> str:
    """Return the SHA-256, in hex, of all that decides an answer."""
    parts = {
        "identity": asdict(identity),
        "sampling": asdict(sampling),
        "prompt": prompt,
        "prompt_version": PROMPT_VERSION,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
        self._lock = threading.Lock()
        self._responses: TTLCache[str, CachedResponse] = TTLCache(
            max_bytes, ttl_s, timer=timer, getsizeof=lambda response: response.size_bytes
        )

    def __len__(self) -> int:
        with self._lock:
            self._responses.expire()
            return len(self._responses)

    @property
    def size_bytes(self) -> int:
        """Bytes of the texts kept."""
        with self._lock:
            self._responses.expire()
            return int(self._responses.currsize)

    def get(self, key: str) -> CachedResponse | None:
        """Return the answer kept under ``key``, unless it has expired."""
        with self._lock:
            return self._responses.get(key)

    def put(self, key: str, response: CachedResponse) -> None:
        """Keep ``response``, unless it alone is larger than the whole cache."""
        with self._lock:
            if response.size_bytes <= self._responses.maxsize:
                self._responses[key] = response

    def clear(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._responses.clear()
