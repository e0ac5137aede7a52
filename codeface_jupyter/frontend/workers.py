"""Threads for requests that may take long, used again for later ones."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from functools import partial

from codeface_jupyter.threads import new_lock

__all__ = ["Workers"]

# One that has had nothing to do for so long ends.
IDLE_S = 60.0


class Workers:
    """Runs calls side by side; a thread that is free takes the next one.

    ipykernel makes a socket for each thread that sends something, and closes it up to ten
    seconds after the thread has ended: with a thread for each of many short requests they
    would pile up.
    """

    def __init__(self) -> None:
        # Each call in it is for a thread that is free no more.
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._free = 0
        self._is_closed = False
        self._lock = new_lock()

    def start(self, call: Callable[..., None], *arguments: object) -> None:
        """Begin a call.

        In a copy of the caller's context, so that what it sends names the message that asked.

        Raises
        ------
        RuntimeError
            If no thread can be started.
        """
        run = partial(contextvars.copy_context().run, call, *arguments)
        with self._lock:
            if self._free:
                self._free -= 1
                self._calls.put(run)
                return
        # A daemon: the interpreter would wait for others when it ends.
        threading.Thread(
            target=self._work, args=([run],), name="codeface-request", daemon=True
        ).start()

    def close(self) -> None:
        """Let the threads end, those that work once they are done."""
        with self._lock:
            self._is_closed = True
            for _ in range(self._free):
                self._calls.put(_nothing)
            self._free = 0

    def _work(self, calls: list[Callable[[], None]]) -> None:
        # Taken out of the list: what a call holds is not kept while its thread is idle.
        while calls:
            calls.pop()()
            calls += self._next()

    def _next(self) -> list[Callable[[], None]]:
        """Return the next call, if there is one in time."""
        with self._lock:
            if self._is_closed:
                return []
            self._free += 1
        try:
            return [self._calls.get(timeout=IDLE_S)]
        except queue.Empty:
            return self._last()

    def _last(self) -> list[Callable[[], None]]:
        """Return a call that has come at the last moment; end without one."""
        with self._lock:
            try:
                return [self._calls.get_nowait()]
            except queue.Empty:
                self._free -= 1
                return []


def _nothing() -> None:
    """Wake a thread."""
