"""Many requests to one server, a bounded number of them at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Protocol

from codeface_jupyter.engines.openai.answer import RemoteAnswer
from codeface_jupyter.generation import Done, FinishReason
from codeface_jupyter.jobs import Cancelled

__all__ = ["SideBySide"]

MAX_SIDE_BY_SIDE = 8


class SendRequest(Protocol):
    """Sends a request and reads its answer; returns why that ended."""

    def __call__(
        self, answer: RemoteAnswer, *, on_busy: Callable[[int], None]
    ) -> Coroutine[object, object, FinishReason]:
        """Take the request from ``answer``; ``on_busy`` takes the status of a busy server."""


class SideBySide:
    """Asks for many answers, fewer at a time once the server says that it is too busy.

    A request that was refused for that reason is asked again later; it fails only if it
    is refused while it is the only one.

    Parameters
    ----------
    answers
        Hold the requests, in order, and take their answers.
    send
        Sends one of them and reads its answer.
    report
        Called with each answer's index and end as soon as it is known.
    """

    def __init__(
        self,
        answers: Sequence[RemoteAnswer],
        *,
        send: SendRequest,
        report: Callable[[int, Done], None],
    ) -> None:
        self._answers = answers
        self._waiting = deque(range(len(answers)))
        self._send = send
        self._report = report
        self._limit = MAX_SIDE_BY_SIDE
        self._running: dict[asyncio.Task[FinishReason], tuple[int, int]] = {}

    async def run(self) -> None:
        """Ask for all answers; when cancelled, end those that are not finished."""
        try:
            while self._waiting or self._running:
                self._begin()
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in self._running if task.done()]:
                    self._end(task, *self._running.pop(task))
        finally:
            await self._leave()

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._limit:
            index, limit = self._waiting.popleft(), self._limit
            sent = self._send(self._answers[index], on_busy=self._slower(limit))
            self._running[asyncio.ensure_future(sent)] = index, limit

    def _slower(self, limit: int) -> Callable[[int], None]:
        """Return what halves ``limit``, for a request that was sent under it."""

        def on_busy(status: int) -> None:
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                # Half of the limit it was sent under: eight refusals at once halve it once.
                self._limit = min(self._limit, max(1, limit // 2))

        return on_busy

    def _end(self, task: asyncio.Task[FinishReason], index: int, limit: int) -> None:
        answer = self._answers[index]
        error = Cancelled() if task.cancelled() else task.exception()
        if error is None:
            done = answer.done(task.result())
        elif isinstance(error, Cancelled):
            done = answer.done("cancelled")
        elif not isinstance(error, Exception):
            raise error
        elif limit > 1 and _is_too_many(error):
            self._waiting.appendleft(index)
            return
        else:
            done = answer.done("error", error=error)
        self._report(index, done)

    async def _leave(self) -> None:
        """End what is not finished, as cancelled."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        # Some may have finished meanwhile. Under a limit of 1, none is put back into the queue.
        for task, (index, _) in self._running.items():
            self._end(task, index, 1)
        for index in self._waiting:
            self._report(index, self._answers[index].done("cancelled"))


def _is_too_many(error: Exception) -> bool:
    return getattr(error.__cause__, "status_code", None) == HTTPStatus.TOO_MANY_REQUESTS
