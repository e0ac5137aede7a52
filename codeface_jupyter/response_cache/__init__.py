"""Answers kept as text, by a digest of everything that changes them."""

from __future__ import annotations

from collections.abc import Callable

from codeface_jupyter.config import Settings
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
    "MemoryResponseCache",
    "RedisResponseCache",
    "ResponseCache",
    "open_response_cache",
    "response_key",
]


def open_response_cache(settings: Settings, *, warn: Callable[[str], None]) -> ResponseCache:
    """Make the response cache that ``settings`` name; nothing is connected to yet.

    Parameters
    ----------
    settings
        Where answers are kept, how long and how many bytes.
    warn
        Takes one sentence for the user, the first time that something goes wrong.
    """
    max_bytes, ttl_s = settings.response_cache_bytes, settings.response_cache_ttl_s
    if settings.response_cache.kind == "redis":
        url = settings.response_cache.url
        return RedisResponseCache(url, max_bytes=max_bytes, ttl_s=ttl_s, warn=warn)
    return MemoryResponseCache(max_bytes=max_bytes, ttl_s=ttl_s)
