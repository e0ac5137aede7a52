"""Whose turn it is to use the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from codeface_jupyter.jobs import Job
from codeface_jupyter.threads import new_lock

__all__ = ["Turns"]

WAIT_STEP_S = 0.05


class Turns:
    """Gives the engine to one piece of work at a time.

    An engine has one set of weights and works on one KV cache.
    """

    def __init__(self) -> None:
        self._lock = new_lock()

    @contextmanager
    def take(self, job: Job) -> Iterator[None]:
        """Wait for the turn of ``job``, reporting that it waits, and keep it inside the block.

        Raises
        ------
        Cancelled
            If it is stopped while it waits.
        """
        if not self._lock.acquire(blocking=False):
            job.progress("Waiting for the previous answer")
            while not self._lock.acquire(timeout=WAIT_STEP_S):
                job.check()
        try:
            yield
        finally:
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
