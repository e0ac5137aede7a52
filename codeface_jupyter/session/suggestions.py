"""The latest completions, which also serve what is typed along them."""

from __future__ import annotations

from cachetools import LRUCache

from codeface_jupyter.generation import EngineIdentity
from codeface_jupyter.session.completion_ask import CompletionAsk
from codeface_jupyter.threads import new_lock

__all__ = ["Suggestions"]

REMEMBERED = 250
# So far may the cursor have gone along a completion since it was made.
MAX_TYPED_CHARS = 400

# By which model, what was run and asked under which terms, and the text around the cursor.
Terms = tuple[EngineIdentity | None, int, int, bool, tuple[str, ...]]
Key = tuple[Terms, str, str]


class Suggestions:
    """Remembers completions by what was around the cursor; safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: LRUCache[Key, str] = LRUCache(REMEMBERED)
        self._lock = new_lock()

    def keep(self, ask: CompletionAsk, text: str, *, identity: EngineIdentity | None) -> None:
        """Remember what an ask of a model has come to; empty if nothing is worth showing."""
        with self._lock:
            self._kept[_key(ask, identity)] = text

    def find(self, ask: CompletionAsk, *, identity: EngineIdentity | None) -> str | None:
        """Return what an ask has come to, or what is left of a text that was typed along.

        None where that is not known of this model.
        """
        key = _key(ask, identity)
        with self._lock:
            exact = self._kept.get(key)
            return exact if exact is not None else self._typed_along(key)

    def _typed_along(self, key: Key) -> str | None:
        terms, prefix, suffix = key
        for typed in range(1, min(len(prefix), MAX_TYPED_CHARS) + 1):
            text = self._kept.get((terms, prefix[:-typed], suffix))
            if text and text.startswith(prefix[-typed:]):
                return text[typed:] or None
        return None


def _key(ask: CompletionAsk, identity: EngineIdentity | None) -> Key:
    terms = (identity, ask.cells_run, ask.max_lines, ask.is_asked_for, ask.gap.above)
    return terms, ask.gap.prefix, ask.gap.suffix
