"""Whose turn it is to use the engine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.threads import new_lock

__all__ = ["SpareTurn", "Turns"]

WAIT_STEP_S = 0.05
WAITING = Progress("Waiting for the previous answer")


class SpareTurn:
    """A turn that nobody wanted when it was taken.

    Parameters
    ----------
    whole
        The work that is done in it.

    Attributes
    ----------
    job
        A part of that work, which ends when the turn is to be given up.
    grace_s
        How long somebody who wants the turn waits before that; whoever is stopped meanwhile
        ends it at once.
    progress
        What whoever waits is told.
    """

    def __init__(self, whole: Job) -> None:
        self.job = Job(self._hear, whole=whole)
        self.grace_s = math.inf
        self.progress = WAITING
        self._whole = whole

    def _hear(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progress = event
        self._whole.emit(event)


class Turns:
    """Gives the engine to one piece of work at a time.

    An engine has one set of weights and works on one KV cache.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self._spare: SpareTurn | None = None

    @contextmanager
    def take(self, job: Job) -> Iterator[None]:
        """Wait for the turn of ``job``, reporting that it waits, and keep it inside the block.

        Raises
        ------
        Cancelled
            If it is stopped while it waits.
        """
        self._wait(job)
        try:
            yield
        finally:
            self._lock.release()

    def _wait(self, job: Job) -> None:
        told, begin = None, time.monotonic()
        while not self._lock.acquire(timeout=WAIT_STEP_S):
            spare = self._spare
            if spare is not None:
                waited_s = time.monotonic() - begin
                if job.is_cancelled or waited_s >= spare.grace_s:
                    spare.job.cancel()
            job.check()
            work = WAITING if spare is None else spare.progress
            if work is not told:
                job.emit(work)
                told = work

    @contextmanager
    def take_spare(self, job: Job) -> Iterator[SpareTurn | None]:
        """Take a turn for ``job`` if nobody has it, until somebody else wants it.

        Yields
        ------
        SpareTurn | None
            None if there is no turn.
        """
        if not self._lock.acquire(blocking=False):
            yield None
            return
        self._spare = spare = SpareTurn(job)
        try:
            yield spare
        finally:
            self._spare = None
            self._lock.release()

    @contextmanager
    def take_within(self, timeout_s: float) -> Iterator[bool]:
        """Wait for a turn, but no longer than ``timeout_s``; yield whether it came."""
        has_turn = self._lock.acquire(timeout=timeout_s)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._lock.release()
