"""Calls that run in their own thread, so that whoever waits for one can give up."""

from __future__ import annotations

import contextvars
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from codeface_jupyter.quiet_dependencies import quiet_dependencies

__all__ = ["cancellable", "new_lock", "new_rlock", "within"]

T = TypeVar("T")

POLL_S = 0.1
# Every lock that a forked child needs; see `new_lock`.
_LOCKS: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """Return a lock that is free in a forked child, whoever holds it in the parent.

    The thread that holds it there does not exist in the child, and would never release it.
    """
    lock = threading.Lock()
    _LOCKS.add(lock)
    return lock


def new_rlock() -> threading.RLock:
    """Return a lock as `new_lock` does, which its thread may take again."""
    lock = threading.RLock()
    _LOCKS.add(lock)
    return lock


def _free_locks() -> None:
    for lock in tuple(_LOCKS):
        # What Python's own modules do with theirs.
        lock._at_fork_reinit()  # noqa: SLF001 - see above


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)


def _go_on() -> None:
    """Let the call go on: nobody asks to give it up."""


def within(timeout_s: float, call: Callable[[], T], *, check: Callable[[], object] = _go_on) -> T:
    """Return what ``call`` returns, or give it up after ``timeout_s`` seconds.

    An abandoned call's thread ends by itself: socket timeouts limit neither the lookup of
    a name nor a reply that trickles in.

    Parameters
    ----------
    timeout_s
        How long to wait.
    call
        Left to end by itself, in its thread, when it is given up.
    check
        Asked ten times a second; what it raises is raised here.

    Raises
    ------
    TimeoutError
        If it took longer.
    """
    outcome, deadline = _begin(call), time.monotonic() + timeout_s
    # Not `result(timeout=…)`, whose TimeoutError could also be the call's own.
    while not wait([outcome], timeout=max(0.0, min(POLL_S, deadline - time.monotonic()))).done:
        check()
        if time.monotonic() >= deadline:
            raise TimeoutError(f"no answer within {timeout_s:g} s")
    return outcome.result()


def cancellable(call: Callable[[], T], *, check: Callable[[], object]) -> T:
    """Return what ``call`` returns, or give it up as soon as ``check`` raises.

    Parameters
    ----------
    call
        Left to end by itself, in its thread, when it is given up.
    check
        Asked ten times a second; what it raises is raised here.
    """
    outcome = _begin(call)
    while True:
        check()
        if wait([outcome], timeout=POLL_S).done:
            return outcome.result()


def _begin(call: Callable[[], T]) -> Future[T]:
    outcome: Future[T] = Future()
    # Taken out of here by `run`, whose frame lives on with an error that is kept.
    calls = [call]

    def run() -> None:
        try:
            with quiet_dependencies():
                outcome.set_result(calls.pop()())
        except BaseException as error:  # noqa: BLE001 - the thread boundary: raised by the waiter
            outcome.set_exception(error)

    # With the caller's context, what is printed lands in the caller's cell. Not an executor's
    # thread: the interpreter would wait for it when it ends.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="codeface-call", daemon=True).start()
    return outcome
