"""A worker thread's events, read in another thread: forwarded, cancellable, never hanging."""

from __future__ import annotations

import contextvars
import math
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from codeface_jupyter.generation import Chunk, Done, Failed, GenerationMetrics, Revised
from codeface_jupyter.jobs import Cancelled, Event, Job
from codeface_jupyter.quiet_dependencies import quiet_dependencies
from codeface_jupyter.session.events import ItemDone, ItemEvent

__all__ = ["Stream", "Work"]

Work = Callable[[Job], Done]

POLL_S = 0.2
# Work leaves within a fraction of this; what does not hear its job, such as a slow import, is
# not waited for.
PATIENCE_S = 0.4
CANCELLED = Done(finish_reason="cancelled", metrics=GenerationMetrics())


class Stream:
    """The events of one piece of work, in the order in which the worker made them.

    The last event is always `Done` or `Failed`. A failure is raised in the
    thread that reads, with the worker's own traceback. Work that was cancelled and does not
    end, although it has no text to bring, is given up: its reader gets a `Done` without it.

    Parameters
    ----------
    work
        Called in the worker thread with the job that takes its events and says when
        to stop; returns the final `Done`.
    """

    def __init__(self, work: Work) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._job = Job(self._tell)
        self._end: Done | Failed | None = None
        self._has_text = False
        self._patience_ends = math.inf
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
    def has_ended(self) -> bool:
        """Whether its end has been read: `Done`, or that it failed."""
        return self._end is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether the work has been asked to stop."""
        return self._job.is_cancelled

    def cancel(self) -> None:
        """Ask the worker to stop; it ends with a `Done` of its own. May be called twice."""
        self._patience_ends = min(self._patience_ends, time.monotonic() + PATIENCE_S)
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
                event = self._next(timeout_s=0 if events else timeout_s)
                if isinstance(event, Done | Failed):
                    self._end = event
                if not isinstance(event, Failed):
                    events.append(event)
        if self._end is not None:
            # It has nothing more to do; until it has ended, its frames keep the question.
            self._thread.join(POLL_S)
        if isinstance(self._end, Failed) and not events:
            raise self._end.error
        return events

    def _next(self, *, timeout_s: float | None) -> Event:
        """Return the next event, or the end of work that is given up."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            try:
                return self._events.get(timeout=min(left_s, POLL_S))
            except queue.Empty:
                if not self._has_text and time.monotonic() > self._patience_ends:
                    return CANCELLED
                if time.monotonic() >= deadline:
                    raise

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker thread; return whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _tell(self, event: Event) -> None:
        self._has_text = self._has_text or _is_text(event)
        self._events.put(event)

    def _run(self, work: Work) -> None:
        try:
            with quiet_dependencies():
                self._events.put(work(self._job))
        except Cancelled:
            self._events.put(CANCELLED)
        except BaseException as error:  # noqa: BLE001 - the thread boundary: raised in the reader
            self._events.put(Failed(error))


def _is_text(event: Event) -> bool:
    """Whether an event is a part of an answer, which must not be lost."""
    if isinstance(event, ItemEvent):
        return _is_text(event.event)
    return isinstance(event, Chunk | Revised | ItemDone)
