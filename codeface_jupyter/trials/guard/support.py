"""Which guard this machine has: found out once, in a forked child that tries what it may not."""

from __future__ import annotations

import functools
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from codeface_jupyter.trials.forking import start_child
from codeface_jupyter.trials.guard.landlock import landlock_version, restrict_files
from codeface_jupyter.trials.guard.process import give_up_privileges
from codeface_jupyter.trials.guard.seccomp import can_filter, restrict_calls
from codeface_jupyter.trials.guard.threads import (
    OtherThreadsError,
    refuse_other_threads,
    remember_other_threads,
)

__all__ = ["GuardSupport", "guard_support"]

# How long the proof may take; it takes a few milliseconds.
PATIENCE_S = 5.0
ALL_KEPT, FILES_OPEN, CALLS_OPEN, NOT_ENTERED, OTHER_THREADS = 0, 1, 2, 3, 4
FAILURES = {
    FILES_OPEN: "files could still be written",
    CALLS_OPEN: "connections and programs could still be opened",
    NOT_ENTERED: "the system did not allow a process to be restricted",
    OTHER_THREADS: "something starts threads in every copy, which it would not hold",
}
# Open for writing to everybody else, and nothing is written.
OWN_NAME = "/proc/self/comm"


@dataclass(frozen=True, kw_only=True)
class GuardSupport:
    """Which guard there is for code that is tried.

    Attributes
    ----------
    level
        ``"strong"``: the operating system keeps it. ``"weak"``: only an audit hook and limits,
        which code that means to gets past. ``"none"``: nothing can be tried.
    why
        Why it is that one, in one sentence.
    """

    level: Literal["strong", "weak", "none"]
    why: str


@functools.cache
def guard_support() -> GuardSupport:
    """Return which guard this machine has; tried in a forked child the first time."""
    if not hasattr(os, "fork"):
        return GuardSupport(level="none", why="This system cannot copy a running process.")
    missing = _what_is_missing()
    if missing:
        return GuardSupport(level="weak", why=missing)
    return GuardSupport(
        level="strong",
        why="The operating system keeps code that is tried from writing files, connecting and "
        f"starting programs (Landlock {landlock_version()}, seccomp).",
    )


def _what_is_missing() -> str:
    if sys.platform != "linux":
        return "Only Linux can keep code that is tried from writing, connecting and the like."
    if not landlock_version():
        return "The kernel of this system has no Landlock, which would keep files from changing."
    if not can_filter():
        return "This system lets no process refuse itself system calls (seccomp)."
    failure = FAILURES.get(_try_guard(), "")
    return f"The guard was tried on this machine and did not hold: {failure}." if failure else ""


def _try_guard() -> int:
    child = start_child(lambda: os._exit(_enter_and_try()))
    child.wait(PATIENCE_S)
    code = child.end().code
    if code == OTHER_THREADS:
        remember_other_threads()
    return code if code == ALL_KEPT or code in FAILURES else NOT_ENTERED


def _enter_and_try() -> int:
    try:
        refuse_other_threads()
        give_up_privileges()
        restrict_files(writable=tempfile.gettempdir())
        restrict_calls()
        return _what_holds()
    except OtherThreadsError:
        return OTHER_THREADS
    except BaseException:  # noqa: BLE001 - told, since the child must not go on
        return NOT_ENTERED


def _what_holds() -> int:
    if not _is_refused(lambda: os.open(OWN_NAME, os.O_WRONLY)):
        return FILES_OPEN
    calls: tuple[Callable[[], object], ...] = (socket.socket, os.fork, _ask_for_parent)
    return ALL_KEPT if all(map(_is_refused, calls)) else CALLS_OPEN


def _ask_for_parent() -> None:
    """Send the parent the signal that is none, which asks only whether one might."""
    os.kill(os.getppid(), 0)


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except PermissionError:
        return True
    return False
