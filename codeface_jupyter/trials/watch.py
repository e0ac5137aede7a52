"""What the parent sees of a copy until it ends, and when it has to end it."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

import psutil

from codeface_jupyter.errors import first_line
from codeface_jupyter.models.memory import main_memory
from codeface_jupyter.trials.forking import Child
from codeface_jupyter.trials.hanging import empty_place
from codeface_jupyter.trials.messages import BadMessageError, MessageReader
from codeface_jupyter.trials.private_folder import FolderWatch

__all__ = ["Bounds", "End", "Seen", "watch"]

logger = logging.getLogger(__name__)

End = Literal["done", "timed out", "out of memory", "died", "refused to start", "cancelled"]

POLL_S = 0.05
# A copy has this long to write where it is before it is ended.
LAST_WORDS_S = 0.05
# And this long to end once it tells no more: a large one takes a while to give its memory back.
LAST_BREATH_S = 0.5
MAX_REFUSALS, MAX_REFUSAL_CHARS = 50, 200
# Libraries may start two for each processor.
MAX_THREADS = 256 + 2 * (os.cpu_count() or 1)
# Other programs take memory too while a copy runs; it is not ended for that much.
OTHERS_BYTES = 256 << 20
MESSAGE_BYTES = 64 << 10
# More than any machine has.
MAX_START_BYTES = 1 << 50


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a copy may take before it is ended.

    Attributes
    ----------
    deadline
        When its time is up, by the monotonic clock.
    free_bytes
        How much memory was free before.
    memory_bytes
        How much less memory may be free then.
    report_bytes
        How long what it tells may be.
    place
        The file in which it writes where it is when it is asked.
    folder
        Watches the folder in which it may write.
    """

    deadline: float
    free_bytes: int
    memory_bytes: int
    report_bytes: int
    place: int
    folder: FolderWatch


@dataclass(kw_only=True)
class Seen:
    """What a copy told, and how it ended.

    Attributes
    ----------
    end, why
        As in a `CopyReport`.
    data
        What its work returned.
    refusals
        What it would have done.
    start_bytes
        The memory that it had when it began; 0 if it did not say.
    was_waiting
        Whether it was waiting for something when its time was up, not for the processor.
    had_other_threads
        Whether it could not be guarded because something had started threads in it.
    """

    end: End = "died"
    why: str = ""
    data: dict[str, object] | None = None
    refusals: list[str] = field(default_factory=list)
    start_bytes: int = 0
    was_waiting: bool = False
    had_other_threads: bool = False


class _OverError(Exception):
    """Nothing more is to be waited for."""

    def __init__(self, end: End, why: str = "") -> None:
        super().__init__(why)
        self.end, self.why = end, why


def watch(child: Child, *, reading: int, bounds: Bounds, cancelled: Callable[[], bool]) -> Seen:
    """Wait until a copy has told what it found, or cannot or may not go on.

    It may still run then.

    Parameters
    ----------
    child
        The copy.
    reading
        The pipe on which it tells.
    bounds
        What it may take.
    cancelled
        Whether nobody waits for it any more.
    """
    watcher = _Watcher(child, bounds, cancelled)
    reader = MessageReader(reading, max_bytes=bounds.report_bytes + MESSAGE_BYTES)
    try:
        while True:
            is_over = child.wait(POLL_S, reading=reading)
            for message in reader.read():
                watcher.hear(message)
            watcher.check(is_over=is_over or reader.is_at_end)
    except _OverError as over:
        watcher.seen.end, watcher.seen.why = over.end, over.why
    except BadMessageError as error:
        watcher.seen.end, watcher.seen.why = "died", f"The copy was ended: {error}."
    except Exception as error:
        # The answer is there all the same, whatever a copy brings about.
        logger.debug("A copy could not be watched", exc_info=True)
        watcher.seen.end = "died"
        watcher.seen.why = f"It could not be watched: {first_line(error)}."
    return watcher.seen


class _Watcher:
    def __init__(self, child: Child, bounds: Bounds, cancelled: Callable[[], bool]) -> None:
        self.seen = Seen()
        self._child = child
        self._bounds = bounds
        self._cancelled = cancelled
        self._has_started = False

    def hear(self, message: dict[str, object]) -> None:
        match message:
            case {"refused": str(why), "has_other_threads": bool(had)} if not self._has_started:
                # Only what comes before any code has run is surely the guard's own word.
                self.seen.had_other_threads = had
                raise _OverError("refused to start", why)
            case {"started": int(size)} if not self._has_started and 0 <= size < MAX_START_BYTES:
                self._has_started = True
                self.seen.start_bytes = size
            case {"refusal": str(refusal)}:
                self._note(refusal)
            case {"data": dict(data)}:
                self.seen.data = cast("dict[str, object]", data)
                raise _OverError("done")
            case {"end": "out of memory" | "died" as end, "why": str(why)}:
                raise _OverError(cast("End", end), why)
            case _:
                raise BadMessageError("its report could not be read")

    def check(self, *, is_over: bool) -> None:
        """End the wait if the copy tells no more, has taken too much, or nobody waits for it."""
        if is_over:
            # Of its end and the pipe's, either can be seen first.
            self._child.wait(LAST_BREATH_S)
            raise _OverError("died")
        if self._cancelled():
            raise _OverError("cancelled", "It was stopped.")
        if time.monotonic() >= self._bounds.deadline:
            self._ask_for_place()
            raise _OverError("timed out")
        if self._bounds.free_bytes - main_memory()[0] > self._bounds.memory_bytes + OTHERS_BYTES:
            raise _OverError("out of memory", "It took more memory than a copy may.")
        if _threads_of(self._child.pid) > MAX_THREADS:
            raise _OverError("died", f"It was ended: it started more than {MAX_THREADS} threads.")
        if self._bounds.folder.is_overfull():
            raise _OverError("died", "It was ended: it wrote more than a copy may.")
        if self._bounds.folder.is_disk_filling():
            raise _OverError("died", "It was ended: the disk is filling up.")

    def _note(self, refusal: str) -> None:
        is_new = refusal not in self.seen.refusals and len(self.seen.refusals) < MAX_REFUSALS
        if is_new:
            self.seen.refusals.append(refusal[:MAX_REFUSAL_CHARS])

    def _ask_for_place(self) -> None:
        # Before the signal, which wakes it.
        self.seen.was_waiting = _is_waiting(self._child.pid)
        empty_place(self._bounds.place)
        self._child.send_signal(signal.SIGUSR1)
        time.sleep(LAST_WORDS_S)


def _threads_of(pid: int) -> int:
    try:
        return psutil.Process(pid).num_threads()
    except psutil.Error:
        # It has just ended, or the system does not tell.
        return 0


def _is_waiting(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_SLEEPING
    except psutil.Error:
        return False
