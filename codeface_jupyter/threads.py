"""A bound on the time that a call may take, whatever it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["within"]

T = TypeVar("T")


def within(timeout_s: float, call: Callable[[], T]) -> T:
    """Return what ``call`` returns, or give it up after ``timeout_s`` seconds.

    It runs in a thread of its own, which is left to end by itself when given up:
    socket time-outs bound neither the look-up of a name nor an answer that comes
    in drops.

    Raises
    ------
    TimeoutError
        If it took longer.
    """
    running = _Call(call)
    thread = threading.Thread(target=running.run, name="codeface-deadline", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {timeout_s:g} s")
    if running.error is not None:
        raise running.error
    return running.results[0]


class _Call(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self.results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - the thread boundary: raised by `within`
            self.error = error
