"""A piece of work that takes its time: it tells what goes on, and hears when it is to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Cancelled", "Event", "Job", "Progress"]

Unit = Literal["B", "answers", ""]


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error; never shown to a user
    """Raised to leave work that the user has stopped."""


class Event:
    """Something that work tells on its way; the base of every event."""


@dataclass(frozen=True)
class Progress(Event):
    """Work before the first token: a download, a conversion, a load.

    Attributes
    ----------
    stage
        What is going on, as the user reads it.
    completed, total
        How much is done; ``total`` is None when unknown.
    unit
        ``"B"`` for bytes, ``"answers"`` for requests of a batch, ``""`` for a bare count.
    """

    stage: str
    completed: float = 0
    total: float | None = None
    unit: Unit = ""


def _tell_nobody(_: Event) -> None:
    """Drop an event that nobody listens to."""


class Job:
    """What a piece of work is given to talk to whoever waits for it.

    Work that has nothing to keep calls `progress` or `check`, which leave it by `Cancelled`
    once it is to stop. Work that keeps what it has made so far, as an answer does, looks at
    `is_cancelled` and ends by itself.

    Parameters
    ----------
    tell
        Takes each event, in the thread that works; nobody unless given.
    cancel
        Set to stop the work; one of its own unless given.
    """

    def __init__(
        self,
        tell: Callable[[Event], object] = _tell_nobody,
        *,
        cancel: threading.Event | None = None,
    ) -> None:
        self._tell = tell
        self._cancel = cancel if cancel is not None else threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether the work is to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask the work to stop; harmless when repeated."""
        self._cancel.set()

    def check(self) -> None:
        """Raise `Cancelled` if the work is to stop."""
        if self.is_cancelled:
            raise Cancelled

    def wait(self, timeout_s: float) -> bool:
        """Wait so long, or until the work is to stop; return whether it is."""
        return self._cancel.wait(timeout_s)

    def emit(self, event: Event) -> None:
        """Tell ``event``."""
        self._tell(event)

    def progress(
        self, stage: str, completed: float = 0, total: float | None = None, unit: Unit = ""
    ) -> None:
        """Tell how far the work is.

        Raises
        ------
        Cancelled
            If it is to stop.
        """
        self.check()
        self._tell(Progress(stage, completed, total, unit))

    def telling(self, tell: Callable[[Event], object]) -> Job:
        """Return this job with another listener: stopped with it, heard elsewhere."""
        return Job(tell, cancel=self._cancel)
