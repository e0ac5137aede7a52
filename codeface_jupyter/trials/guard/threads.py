"""Threads beside the one that a fork copies: what the guard takes from one, it leaves to them.

Landlock and seccomp hold for the thread that asks for them and for those that it starts. Whatever
starts a thread in a child first (a function given to ``os.register_at_fork``, as telemetry
libraries do; a debugger that has put its own function in the place of ``os.fork``) starts one that
nothing holds, and code can have it do anything.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

__all__ = [
    "OtherThreadsError",
    "is_debugged",
    "refuse_other_threads",
    "remember_other_threads",
    "were_other_threads",
]

TASKS = Path("/proc/self/task")
# Where debugpy, which is that of Jupyter and VS Code, and PyCharm's have their `os.fork`.
DEBUGGERS = "_pydev"

# Functions that were given to `os.register_at_fork` stay there as long as the process.
_FOUND = threading.Event()


class OtherThreadsError(OSError):
    """A child has other threads, or cannot say that it has none."""


def refuse_other_threads() -> None:
    """Raise `OtherThreadsError` unless this is the only thread of its process.

    Where the system does not list threads, Python's own are counted.
    """
    if sys.platform != "linux":
        count = threading.active_count()
    else:
        try:
            count = len(os.listdir(TASKS))  # noqa: PTH208 - how many is enough
        except OSError as error:
            raise OtherThreadsError("its threads are not listed") from error
    if count != 1:
        raise OtherThreadsError("other threads have started in it")


def remember_other_threads() -> None:
    """Remember, until this process ends, that a child of it had other threads."""
    _FOUND.set()


def were_other_threads() -> bool:
    """Whether a child of this process had other threads, as every other one would have."""
    return _FOUND.is_set()


def is_debugged() -> bool:
    """Whether a debugger sees to the children of this process, to which it starts threads."""
    module = getattr(getattr(os, "fork", None), "__module__", None)
    return isinstance(module, str) and module.startswith(DEBUGGERS)
