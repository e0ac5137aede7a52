"""Libraries that do not answer in a copy: their threads did not come along.

A fork copies one thread. A library that waits for its others waits until the copy's time is up.
Some are known for it; of another it is found out once in a session, by asking copies that ran out
of time without using the processor where they are. Two must say so that tried different code, since
code that runs there can lie.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from codeface_jupyter.threads import new_lock

__all__ = [
    "TRIED_CODE",
    "empty_place",
    "hanging_libraries",
    "library_in",
    "note_place",
    "place_file",
    "remember_hanging",
]

# Libraries that say themselves that they cannot be used after a fork.
NEVER = ("jax", "tensorflow")
# How the threads are called for which a library waits; before they exist, it does not.
THREADS = {"polars": re.compile(r"polars-\d")}
# The file name of code that is tried.
TRIED_CODE = "<tried code>"
TASKS = Path("/proc/self/task")
PLACE_BYTES = 1 << 16
FRAME = re.compile(r'^  File "([^"\n]+)", line \d+ in ', re.MULTILINE)
# Whoever is called by one of these is not asked for by a library: the code that is tried, a cell of
# the notebook in a terminal, and what runs them.
OUR_FILES = (TRIED_CODE, "<ipython-input", str(Path(__file__).parent))
# What does something for its caller; code that a library makes has a name in angle brackets.
PASSED_ON = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<")
PACKAGES = re.compile(r".*[/\\](?:site|dist)-packages[/\\](?P<name>\w+)")

# With the code that was tried.
_SUSPECTED: set[tuple[str, str]] = set()
_HUNG: set[str] = set()
_HUNG_CHANGE = new_lock()


def hanging_libraries() -> list[str]:
    """Return the loaded libraries that would not answer in a copy, or did not."""
    with _HUNG_CHANGE:
        known = {*NEVER, *_HUNG}
    found = {name for name in known if name in sys.modules}
    waiting = {name for name, threads in THREADS.items() if name in sys.modules and _has(threads)}
    return sorted(found | waiting)


def remember_hanging(library: str, *, code: str) -> bool:
    """Remember, until this process ends, that a library did not answer in a copy.

    Parameters
    ----------
    library
        Its name.
    code
        What was tried; empty if it is nobody's.

    Returns
    -------
    bool
        Whether it is known by now not to answer: it is loaded here, and a copy of other code has
        said the same before.
    """
    if library not in sys.modules:
        return False
    with _HUNG_CHANGE:
        if any(name == library and (other != code or not code) for name, other in _SUSPECTED):
            _HUNG.add(library)
        _SUSPECTED.add((library, code))
        return library in _HUNG


@contextlib.contextmanager
def place_file(folder: Path) -> Iterator[int]:
    """Open a file without a name, in which a copy writes where it is when it is asked."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        yield file.fileno()


def empty_place(fd: int) -> None:
    """Forget what a copy has written of where it is before it is asked."""
    os.ftruncate(fd, 0)
    # The place in the file is the copy's, too, which may have moved it.
    os.lseek(fd, 0, os.SEEK_SET)


def note_place(fd: int) -> None:
    """Have this process write where it is when it gets the signal SIGUSR1."""
    # The handler is in C and runs while Python waits for something else.
    faulthandler.register(signal.SIGUSR1, file=fd, all_threads=False, chain=False)


def library_in(fd: int) -> str | None:
    """Return the library in which a copy said that it was; None if it was in none.

    What the standard library does, it does for its caller; the notebook's own code, which a library
    may have called, waits for itself.
    """
    place = os.pread(fd, PLACE_BYTES, 0).decode(errors="replace")
    for file in FRAME.findall(place):
        if file.startswith(OUR_FILES):
            return None
        match = PACKAGES.match(file)
        if match:
            return match["name"]
        if not file.startswith(PASSED_ON):
            return None
    return None


def _has(threads: re.Pattern[str]) -> bool:
    """Whether this process has a thread with such a name."""
    with contextlib.suppress(OSError):
        for task in TASKS.iterdir():
            with contextlib.suppress(OSError):
                if threads.match((task / "comm").read_text(errors="replace")):
                    return True
    return False
