"""KV caches of earlier prompts, so that a follow-up reads only what is new."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codeface_jupyter.engines.text.common_prefix import common_prefix_length
from codeface_jupyter.threads import new_lock

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

__all__ = ["PrefixStore", "new_cache", "start_of"]

# What all keys and values may take together, and how many conversations are kept.
MAX_BYTES = 2**30
MAX_PREFIXES = 4


@dataclass(frozen=True)
class _Prefix:
    """Token ids and the keys and values that a model computed for them."""

    token_ids: tuple[int, ...]
    cache: DynamicCache
    size_bytes: int


class PrefixStore:
    """Keeps the KV caches of the last conversations and hands out their shared starts.

    A kept cache is never changed: a growing cache concatenates into new tensors, so
    what is handed out can share the kept ones, and a request that is cancelled or
    fails leaves the store as it was. Any thread may clear it meanwhile. The least
    recently used go first, once there are more than `MAX_PREFIXES` or they take more
    than `MAX_BYTES`.
    """

    def __init__(self) -> None:
        # The most recently used comes last.
        self._prefixes: list[_Prefix] = []
        self._lock = new_lock()

    def __len__(self) -> int:
        return len(self._prefixes)

    @property
    def size_bytes(self) -> int:
        """What the kept keys and values take, in bytes."""
        with self._lock:
            return self._size_bytes()

    def longest(self, token_ids: Sequence[int]) -> DynamicCache | None:
        """Return a cache with the longest kept start of ``token_ids``, or None.

        The last token is always left out: a model needs one to answer to.
        """
        with self._lock:
            prefix = max(
                self._prefixes,
                key=lambda kept: common_prefix_length(kept.token_ids, token_ids),
                default=None,
            )
            length = 0 if prefix is None else common_prefix_length(prefix.token_ids, token_ids[:-1])
            if prefix is None or length == 0:
                return None
            self._prefixes.remove(prefix)
            self._prefixes.append(prefix)
        return start_of(prefix.cache, length)

    def keep(self, token_ids: Sequence[int], cache: DynamicCache, *, at_least: int = 1) -> None:
        """Keep ``cache``, which was computed for ``token_ids`` or for a start of them.

        A conversation that has moved on replaces what was kept of it: an entry goes
        when the new one shares at least half of it. A cache with fewer positions than
        ``at_least`` was left before it held anything new, and is not kept.
        """
        length = min(len(token_ids), *(layer.get_seq_length() for layer in cache.layers))
        if length < at_least:
            return
        ids = tuple(token_ids[:length])
        kept = start_of(cache, length)
        size = sum(
            tensor.numel() * tensor.element_size()
            for layer in kept.layers
            for tensor in (layer.keys, layer.values)
        )
        with self._lock:
            self._prefixes = [
                other
                for other in self._prefixes
                if 2 * common_prefix_length(other.token_ids, ids) < len(other.token_ids)
            ]
            self._prefixes.append(_Prefix(ids, kept, size))
            while len(self._prefixes) > MAX_PREFIXES or self._size_bytes() > MAX_BYTES:
                del self._prefixes[0]

    def clear(self) -> int:
        """Drop everything; return what it took, in bytes."""
        with self._lock:
            dropped = self._size_bytes()
            self._prefixes.clear()
            return dropped

    def _size_bytes(self) -> int:
        return sum(prefix.size_bytes for prefix in self._prefixes)


def new_cache(model: PreTrainedModel) -> DynamicCache | None:
    """Return an empty KV cache for ``model``, or None if a part of one cannot be reused.

    Sliding windows, recurrent states and the like do not keep every position, so no
    start can be cut from them; ``generate`` makes the cache of such a model itself.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer

    if "past_key_values" not in inspect.signature(model.forward).parameters:
        return None
    cache = DynamicCache(config=model.config.get_text_config(decoder=True))
    is_plain = all(type(layer) is DynamicLayer for layer in cache.layers)
    return cache if cache.layers and is_plain else None


def start_of(cache: DynamicCache, length: int) -> DynamicCache:
    """Return a cache of the first ``length`` positions that shares ``cache``'s tensors."""
    start = copy(cache)
    start.layers = [copy(layer) for layer in cache.layers]
    for layer in start.layers:
        # After a run that was stopped in the middle of a pass, some layers have one position more.
        layer.crop(length - layer.get_seq_length())
    return start
