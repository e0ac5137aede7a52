"""A piece of work that takes time: it reports what it does, and can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

__all__ = ["Cancelled", "Event", "Job", "Progress", "Step"]

# How late a part hears that the whole is to stop.
PART_WAIT_S = 0.02

Unit = Literal["B", "answers", "samples", ""]


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error; never shown to a user
    """Raised to leave work that the user has stopped."""


class Event:
    """Something that work reports while it runs; the base of every event."""


class Step(IntEnum):
    """What may come before a model's first token, in this order; what is done is left out."""

    FETCH = 1
    CONVERT = 2
    LOAD = 3
    READ_PROMPT = 4


@dataclass(frozen=True)
class Progress(Event):
    """Work before the first token: a download, a conversion, a load.

    Attributes
    ----------
    stage
        What is being done, as text for the user.
    completed, total
        How much is done; ``total`` is None when unknown.
    unit
        ``"B"`` for bytes, ``"answers"`` for requests of a batch, ``"samples"`` for answers to one
        request, which end together, ``""`` for a bare count.
    step
        Which of the steps before the first token this belongs to; None for none.
    """

    stage: str
    completed: float = 0
    total: float | None = None
    unit: Unit = ""
    step: Step | None = None


def _drop(_: Event) -> None:
    """Drop an event that nobody listens to."""


class Job:
    """What connects a piece of work with whoever waits for it.

    Work that has nothing to keep calls `progress` or `check`, which raise `Cancelled` once it
    is to stop. Work that keeps what it has made so far, as an answer does, looks at
    `is_cancelled` and returns.

    Parameters
    ----------
    tell
        Called with each event, in the thread that works; events are dropped unless given.
    cancel
        The event that stops the work once it is set; a new one unless given.
    whole
        The job that this one is a part of, and is stopped with.
    within_s
        After so many seconds it is stopped; never unless given.
    """

    def __init__(
        self,
        tell: Callable[[Event], object] = _drop,
        *,
        cancel: threading.Event | None = None,
        whole: Job | None = None,
        within_s: float | None = None,
    ) -> None:
        self._tell = tell
        self._cancel = cancel if cancel is not None else threading.Event()
        self._whole = whole
        self._until = None if within_s is None else time.monotonic() + within_s

    @property
    def is_cancelled(self) -> bool:
        """Whether the work is to stop."""
        is_too_late = self._until is not None and time.monotonic() > self._until
        is_set = is_too_late or self._cancel.is_set()
        return is_set or (self._whole is not None and self._whole.is_cancelled)

    def cancel(self) -> None:
        """Ask the work to stop; harmless when repeated."""
        self._cancel.set()

    def check(self) -> None:
        """Raise `Cancelled` if the work is to stop."""
        if self.is_cancelled:
            raise Cancelled

    def wait(self, timeout_s: float) -> bool:
        """Wait for ``timeout_s`` or until the work is to stop; return whether it is to."""
        if self._whole is None and self._until is None:
            return self._cancel.wait(timeout_s)
        # Nothing waits for two events at once.
        deadline = time.monotonic() + timeout_s
        while not self.is_cancelled and time.monotonic() < deadline:
            self._cancel.wait(min(PART_WAIT_S, deadline - time.monotonic()))
        return self.is_cancelled

    def emit(self, event: Event) -> None:
        """Report ``event``."""
        self._tell(event)

    def progress(
        self, stage: str, completed: float = 0, total: float | None = None, unit: Unit = ""
    ) -> None:
        """Report how far the work has come.

        Raises
        ------
        Cancelled
            If the work is to stop.
        """
        self.check()
        self._tell(Progress(stage, completed, total, unit))

    def telling(self, tell: Callable[[Event], object] = _drop) -> Job:
        """Return a job that is stopped together with this one and reports to ``tell``."""
        same = Job(tell, cancel=self._cancel, whole=self._whole)
        same._until = self._until
        return same

    def part(self, *, within_s: float | None = None) -> Job:
        """Return a job that tells nobody, can be stopped alone, and is stopped with this one.

        Parameters
        ----------
        within_s
            After so many seconds it is stopped alone; never unless given.
        """
        return Job(whole=self, within_s=within_s)

    def in_step(self, step: Step) -> Job:
        """Return a job that is stopped together with this one; its progress belongs to ``step``.

        Of steps within one another the innermost counts.
        """

        def tell(event: Event) -> None:
            if isinstance(event, Progress) and event.step is None:
                event = replace(event, step=step)
            self._tell(event)

        return self.telling(tell)
