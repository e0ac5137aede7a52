"""Answers kept as text, by a digest of everything that changes them."""

from __future__ import annotations

from codeface_jupyter.response_cache.current import CurrentResponseCache
from codeface_jupyter.response_cache.entry import (
    CachedResponse,
    CacheStatus,
    ResponseCache,
    response_key,
)
from codeface_jupyter.response_cache.memory import MemoryResponseCache
from codeface_jupyter.response_cache.redis import RedisResponseCache

__all__ = [
    "CacheStatus",
    "CachedResponse",
    "CurrentResponseCache",
    "MemoryResponseCache",
    "RedisResponseCache",
    "ResponseCache",
    "response_key",
]
