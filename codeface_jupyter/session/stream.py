"""A worker thread's events, read in another thread: forwarded, cancellable, never hanging."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from codeface_jupyter.generation import Done, Failed
from codeface_jupyter.jobs import Event, Job

__all__ = ["Stream", "Work"]

Work = Callable[[Job], Done]


class Stream:
    """The events of one piece of work, in the order in which the worker made them.

    The last event is always `Done` or `Failed`. A failure is raised in the
    thread that reads, with the worker's own traceback.

    Parameters
    ----------
    work
        Called in the worker thread with the job that takes its events and says when
        to stop; returns the final `Done`.
    """

    def __init__(self, work: Work) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._job = Job(self._events.put)
        self._end: Done | Failed | None = None
        # With the caller's context, output made by the worker lands in the caller's cell.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run, work), name="codeface-worker", daemon=True
        )
        self._thread.start()

    @property
    def is_finished(self) -> bool:
        """Whether `Done` has been read; after a failure it never is."""
        return isinstance(self._end, Done)

    @property
    def is_cancelled(self) -> bool:
        """Whether the work has been asked to stop."""
        return self._job.is_cancelled

    def cancel(self) -> None:
        """Ask the worker to stop; it ends with a `Done` of its own. May be called twice."""
        self._job.cancel()

    def read(self, *, timeout_s: float | None) -> list[Event]:
        """Return the events that have come, waiting at most ``timeout_s`` for the first.

        Raises
        ------
        BaseException
            What the worker raised, once all events before it have been returned.
        """
        events: list[Event] = []
        with suppress(queue.Empty):
            while self._end is None:
                # Wait for the first event only; then take what has come already.
                event = self._events.get(timeout=0 if events else timeout_s)
                if isinstance(event, Done | Failed):
                    self._end = event
                if not isinstance(event, Failed):
                    events.append(event)
        if isinstance(self._end, Failed) and not events:
            raise self._end.error
        return events

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker thread; return whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self, work: Work) -> None:
        try:
            self._events.put(work(self._job))
        except BaseException as error:  # noqa: BLE001 - the thread boundary: raised in the reader
            self._events.put(Failed(error))
