"""Where answers are kept now, as the settings say."""

from __future__ import annotations

from collections.abc import Callable

from codeface_jupyter.config import Settings
from codeface_jupyter.response_cache.entry import ResponseCache
from codeface_jupyter.response_cache.memory import MemoryResponseCache
from codeface_jupyter.response_cache.redis import RedisResponseCache

__all__ = ["CurrentResponseCache", "open_response_cache"]


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


class CurrentResponseCache:
    """Keeps the response cache in use; another takes its place when the settings name one.

    Parameters
    ----------
    settings
        Where answers are kept at first.
    given
        A response cache to use whatever the settings say.
    warn
        Takes one sentence for the user, the first time that something goes wrong.

    Attributes
    ----------
    cache
        The one in use.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        given: ResponseCache | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self.cache = given if given is not None else open_response_cache(settings, warn=warn)
        self._is_given = given is not None
        self._key = _key(settings)
        self._warn = warn

    def use(self, settings: Settings) -> ResponseCache:
        """Keep answers where ``settings`` say from now on; switched off, what is kept stays."""
        key = _key(settings)
        is_changed = key != self._key and bool(settings.response_cache)
        if is_changed and not self._is_given:
            self.cache.close()
            self.cache = open_response_cache(settings, warn=self._warn)
            self._key = key
        return self.cache


def _key(settings: Settings) -> tuple[object, ...]:
    return (settings.response_cache, settings.response_cache_ttl_s, settings.response_cache_bytes)
