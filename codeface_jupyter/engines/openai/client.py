"""The client that an engine keeps between answers, in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from codeface_jupyter.engines.openai.connection import Server, connect
from codeface_jupyter.engines.until_stopped import until_stopped
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.quiet_dependencies import quiet_dependencies

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["KeptClient"]

Answer = TypeVar("Answer")

# Closing a connection waits for no server, so this is never reached in practice.
CLOSE_WAIT_S = 2.0


class KeptClient:
    """A server's client, its connections and the thread that serves them.

    A connection is reused once its answer is complete; an answer that is abandoned closes
    its own connection and no other. All connections are closed by `close`, when the client
    is garbage-collected, and when Python exits.

    Parameters
    ----------
    server
        Where the requests go.
    api_key
        Sent with each of them unless empty.

    Attributes
    ----------
    openai
        The client; to be used inside `run` and `start` only.
    """

    def __init__(self, server: Server, *, api_key: SecretStr) -> None:
        self.openai = connect(server, api_key=api_key)
        self._loop = asyncio.new_event_loop()
        # The thread holds no reference to this object, which is closed when it is collected.
        self._thread = threading.Thread(
            target=_serve, args=(self._loop, self.openai), name="codeface-server", daemon=True
        )
        self._thread.start()
        self._end = weakref.finalize(self, _ask_to_end, self._loop)
        self._process = os.getpid()

    @property
    def is_served(self) -> bool:
        """Whether its thread exists: a forked child has none of its parent's."""
        return self._process == os.getpid()

    def run(self, work: Coroutine[object, object, Answer], job: Job) -> Answer:
        """Wait for ``work`` and return what it returns, or abandon it when ``job`` is stopped.

        That takes a twentieth of a second at most, whatever the work waits for: a host name,
        a connection, a header, a token or the next attempt.

        Raises
        ------
        Cancelled
            If ``job`` was stopped before the work was done.
        """
        future = self.start(work, job)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Cancelled from None
        finally:
            # After an interrupt nobody is left to read the answer.
            future.cancel()

    def start(
        self, work: Coroutine[object, object, Answer], job: Job
    ) -> concurrent.futures.Future[Answer]:
        """Begin what `run` waits for; cancelling the future abandons it too."""
        return asyncio.run_coroutine_threadsafe(until_stopped(work, job), self._loop)

    def close(self) -> None:
        """Close the connections; what still runs is cancelled."""
        self._end()
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_WAIT_S)


def _serve(loop: asyncio.AbstractEventLoop, client: AsyncOpenAI) -> None:
    """Run ``loop`` until it is asked to stop, then close its connections."""
    try:
        # A task has the context of whoever asks, which is quiet.
        loop.run_forever()
        with quiet_dependencies():
            loop.run_until_complete(_close(client))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(_last_tasks())
    finally:
        # Its executor is not shut down: that would wait for a name server that does not answer.
        loop.close()


async def _close(client: AsyncOpenAI) -> None:
    running = asyncio.all_tasks() - {asyncio.current_task()}
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await client.close()


async def _last_tasks() -> None:
    """Wait for the tasks in which the loop closes generators inside others."""
    while True:
        # What is scheduled becomes a task first.
        await asyncio.sleep(0)
        running = asyncio.all_tasks() - {asyncio.current_task()}
        if not running:
            return
        await asyncio.gather(*running, return_exceptions=True)


def _ask_to_end(loop: asyncio.AbstractEventLoop) -> None:
    # The loop may be closed already while Python exits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(loop.stop)
