"""The events of one reply; nothing that reads them outlives it."""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from openai import AsyncStream

__all__ = ["EventStream"]


class EventStream(AsyncStream[object]):
    """The client's stream, whose generators end when it is closed.

    The client's own leaves them where an answer was left. They and an error hold each other, so
    that only the garbage collector would end them: in whatever thread it runs, and perhaps while
    their event loop is being closed.
    """

    def __aiter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await super().__aexit__(exc_type, exc, exc_tb)
        # They hold the generators that the error did not come through.
        traceback.clear_frames(exc_tb)

    async def close(self) -> None:
        """End what reads the reply, and close the reply."""
        if isinstance(self._iterator, AsyncGenerator):
            await self._iterator.aclose()
        await super().close()
