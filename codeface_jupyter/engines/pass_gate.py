"""Who may run the model's next pass: completions go before answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from codeface_jupyter.jobs import Job
from codeface_jupyter.threads import new_lock

__all__ = ["PassGate"]

CHECK_INTERVAL_S = 0.02


class PassGate:
    """Lets one thread at a time use a model and its KV cache.

    An answer passes for each of its passes anew; a completion, which the user waits for while
    typing, is let in between two of them and stays until it has ended.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(new_lock())
        self._is_taken = False
        self._hurried = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody is inside or in a hurry, and stay inside for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._is_taken or self._hurried))
            self._is_taken = True
        try:
            yield
        finally:
            self._leave()

    def give_way(self) -> None:
        """Let those in who are in a hurry, amid the block of `turn`, and wait until they left."""
        with self._changed:
            if not self._hurried:
                return
            self._is_taken = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._is_taken or self._hurried))
            self._is_taken = True

    @contextmanager
    def hurried_turn(self, job: Job) -> Iterator[None]:
        """Wait for the pass that is running, and stay inside for the block.

        Raises
        ------
        Cancelled
            If ``job`` is stopped while it waits.
        """
        with self._changed:
            self._hurried += 1
            try:
                while self._is_taken:
                    self._changed.wait(CHECK_INTERVAL_S)
                    job.check()
                self._is_taken = True
            finally:
                self._hurried -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()
