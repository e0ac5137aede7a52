"""Whose turn it is to use the engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.threads import new_lock

__all__ = ["Turns"]

WAIT_STEP_S = 0.05
# What is done in a spare turn is most likely what the next one needs: nearly done, it may end.
SPARE_GRACE_S = 1.0
WAITING = Progress("Waiting for the previous answer")


class Turns:
    """Gives the engine to one piece of work at a time.

    An engine has one set of weights and works on one KV cache.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        # Who has a turn that nobody else wanted, and the last that it said of its work.
        self._spare: Job | None = None
        self._spare_work: Progress | None = None

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
            job.check()
            spare = self._spare
            if spare is not None and time.monotonic() - begin >= SPARE_GRACE_S:
                spare.cancel()
            work = self._spare_work or WAITING
            if work is not told:
                job.emit(work)
                told = work

    @contextmanager
    def take_spare(self, job: Job) -> Iterator[Job | None]:
        """Take a turn that nobody wants, until somebody does.

        Yields
        ------
        Job | None
            A part of ``job`` that ends soon after the turn is wanted; whoever waits hears its
            progress. None if there is no turn.
        """
        if not self._lock.acquire(blocking=False):
            yield None
            return
        self._spare = part = Job(self._note, whole=job)
        try:
            yield part
        finally:
            self._spare = self._spare_work = None
            self._lock.release()

    def _note(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._spare_work = event

    @contextmanager
    def take_within(self, timeout_s: float) -> Iterator[bool]:
        """Wait for a turn, but no longer than ``timeout_s``; yield whether it came."""
        has_turn = self._lock.acquire(timeout=timeout_s)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._lock.release()
