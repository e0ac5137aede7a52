"""Whose turn it is to use the engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.prompts import Task
from codeface_jupyter.threads import new_lock

__all__ = ["Ahead", "SpareTurn", "Turns"]

WAIT_STEP_S = 0.05
WAITING = Progress("Waiting for the previous answer")
# What is being read is most likely what is asked next: nearly done, it may end.
READING_GRACE_S = 1.0
# So long a reading may take to end: it does so after its pass.
ENDING_S = 1.0


class Ahead(IntEnum):
    """What is done ahead in a spare turn, in this order; each needs those before it."""

    NOTHING = 0
    LOAD = 1
    PROMPT = 2


class SpareTurn:
    """A turn that nobody wanted when it was taken.

    Parameters
    ----------
    whole
        The work that is done in it.
    is_sure
        Whether somebody is about to ask for what is done.

    Attributes
    ----------
    job
        A part of that work, which ends when the turn is to be given up.
    doing
        What is being done.
    task
        What kind of answer a prompt that is read is for; None before that is known.
    is_sure
        As given.
    progress
        What whoever waits is told; None before anything is.
    """

    def __init__(self, whole: Job, *, is_sure: bool) -> None:
        self.job = Job(self._hear, whole=whole)
        self.doing = Ahead.LOAD
        self.task: Task | None = None
        self.is_sure = is_sure
        self.progress: Progress | None = None
        self._whole = whole

    def is_worth(self, waiting_s: float, *, needs: Ahead, task: Task | None) -> bool:
        """Whether somebody who needs so much of it, for such a task, goes on waiting."""
        if needs < self.doing:
            return False
        return self.doing is Ahead.LOAD or (task == self.task and waiting_s < READING_GRACE_S)

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
        # One thing for each answer that waits.
        self._waiting: set[object] = set()

    @contextmanager
    def take(
        self, job: Job, *, needs: Ahead = Ahead.LOAD, task: Task | None = None
    ) -> Iterator[None]:
        """Wait for the turn of ``job``, reporting that it waits, and keep it inside the block.

        Parameters
        ----------
        job
            If it is stopped while it waits, so is what is done in a spare turn.
        needs
            What it would have to do itself of what is done in a spare turn; all else ends
            at once.
        task
            What kind of answer it is to be: a prompt for another one is not waited for.

        Raises
        ------
        Cancelled
            If it is stopped while it waits.
        """
        waiting = object()
        self._waiting.add(waiting)
        try:
            self._wait(job, needs=needs, task=task)
        finally:
            self._waiting.discard(waiting)
        try:
            yield
        finally:
            self._lock.release()

    def _wait(self, job: Job, *, needs: Ahead, task: Task | None) -> None:
        told: Progress | None = None
        begin = time.monotonic()
        spare = self._spare
        while not self._lock.acquire(timeout=WAIT_STEP_S):
            waited_s = time.monotonic() - begin
            if spare and (job.is_cancelled or not spare.is_worth(waited_s, needs=needs, task=task)):
                spare.job.cancel()
            job.check()
            work = spare.progress if spare else WAITING
            if work is not None and work is not told:
                job.emit(work)
                told = work
            # Before the next wait, after which it may have just ended.
            spare = self._spare

    @contextmanager
    def take_spare(self, job: Job, *, is_sure: bool = True) -> Iterator[SpareTurn | None]:
        """Take a turn for ``job`` if nobody has it, until somebody else wants it.

        Parameters
        ----------
        is_sure
            Whether somebody is about to ask for what is done; it then ends what perhaps nobody
            asks for.

        Yields
        ------
        SpareTurn | None
            None if there is no turn.
        """
        is_free = self._lock.acquire(blocking=False)
        if not is_free and is_sure and self.end_unsure():
            is_free = self._acquire_soon(job)
        if not is_free:
            yield None
            return
        self._spare = spare = SpareTurn(job, is_sure=is_sure)
        try:
            yield spare
        finally:
            self._spare = None
            self._lock.release()

    def _acquire_soon(self, job: Job) -> bool:
        """Wait for what is ending to end, unless an answer waits as well."""
        until = time.monotonic() + ENDING_S
        while not self._waiting and time.monotonic() < until:
            job.check()
            if self._lock.acquire(timeout=WAIT_STEP_S):
                return True
        return False

    def end_unsure(self) -> bool:
        """End what is done in a spare turn if perhaps nobody asks for it; whether there was any."""
        spare = self._spare
        if spare is None or spare.is_sure:
            return False
        spare.job.cancel()
        return True

    @contextmanager
    def take_within(self, timeout_s: float) -> Iterator[bool]:
        """Wait for a turn, but no longer than ``timeout_s``; yield whether it came."""
        has_turn = self._lock.acquire(timeout=timeout_s)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._lock.release()
