"""Counting in an engine's tokens, with what has been counted remembered."""

from __future__ import annotations

from codeface_jupyter.context import TokenCounter
from codeface_jupyter.engines.base import Engine

__all__ = ["TokenCounts"]


class TokenCounts:
    """Keeps the counter of the engine that was last counted for; for one thread at a time."""

    def __init__(self) -> None:
        self._counter: tuple[Engine, TokenCounter] | None = None

    def of(self, engine: Engine) -> TokenCounter:
        """Return the counter of ``engine``."""
        # Another engine has another tokenizer, and so other counts.
        if self._counter is None or self._counter[0] is not engine:
            self._counter = engine, TokenCounter(engine.count_tokens)
        return self._counter[1]
