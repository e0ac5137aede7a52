"""Run something in a copy of the kernel: a forked child that can do no harm and is thrown away.

The child has everything the notebook has, at the price of a fork. Before it runs anything, it gives
up what it could do (`guard.enter`); it tells what it found in plain data, and always ends by
``os._exit``: nothing of the notebook's is flushed, finalized or called at exit in it. The parent
watches time, memory, threads and the folder, and ends the child whatever happens.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codeface_jupyter.errors import first_line
from codeface_jupyter.models.memory import main_memory
from codeface_jupyter.trials.forking import Ended, start_child
from codeface_jupyter.trials.guard.enter import Confinement, enter_guard
from codeface_jupyter.trials.guard.limits import Amounts, resident_bytes
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.trials.guard.threads import OtherThreadsError, remember_other_threads
from codeface_jupyter.trials.hanging import library_in, note_place, place_file, remember_hanging
from codeface_jupyter.trials.messages import send
from codeface_jupyter.trials.private_folder import FolderWatch, private_folder
from codeface_jupyter.trials.watch import Bounds, End, Seen, watch

__all__ = ["CopyFiles", "CopyReport", "Limits", "run_in_copy"]

# Of the memory that is free, how much a copy may take by default.
MEMORY_SHARE = 0.5
FILE_BYTES = 64 << 20
# A copy that was busy for less of its time was waiting for something.
BUSY_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a copy may take.

    Attributes
    ----------
    seconds
        How long it may run.
    memory_bytes
        How much memory beyond what the kernel has; None for half of what is free.
    report_bytes
        How long what it tells may be, as JSON.
    """

    seconds: float = 5.0
    memory_bytes: int | None = None
    report_bytes: int = 4 << 20


@dataclass(frozen=True, kw_only=True)
class CopyFiles:
    """The files of a copy.

    Attributes
    ----------
    folder
        Beneath which it may write; removed with the copy.
    """

    folder: Path


@dataclass(frozen=True, kw_only=True)
class CopyReport:
    """What became of a copy.

    Attributes
    ----------
    end
        How it ended.
    data
        What ``work`` returned; None if it did not.
    refusals
        What it would have done and could not, in words, in order, each once.
    seconds
        How long all of it took.
    fork_seconds
        Of those, the fork.
    peak_memory_bytes
        The memory it took beyond what the kernel has; None if that is not known.
    why
        Why it is not done, in one sentence; empty if it is.
    """

    end: End
    data: dict[str, object] | None
    refusals: tuple[str, ...]
    seconds: float
    fork_seconds: float
    peak_memory_bytes: int | None
    why: str


def run_in_copy(
    work: Callable[[CopyFiles], dict[str, object]],
    *,
    limits: Limits = Limits(),
    code: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> CopyReport:
    """Run ``work`` in a copy of this process and return what became of it.

    Whatever ``work`` does, this process, its files and its connections stay as they are, as far as
    this machine's guard goes (`guard_support`). Whether one should be made at all says
    `copy_support`.

    Parameters
    ----------
    work
        Returns plain data that JSON can hold. It and all it needs should be imported before.
    limits
        How much it may take.
    code
        The code that it tries, which may lie; empty if it tries none.
    cancelled
        Asked many times a second; the copy is ended once it returns True.
    """
    support = guard_support()
    if support.level == "none":
        return _not_started(support.why)
    try:
        with private_folder() as folder, place_file(folder) as place:
            return _Copy(work, limits, code=code, folder=folder, place=place).run(cancelled)
    except OSError as error:
        return _not_started(f"The kernel could not be copied: {first_line(error)}.")


class _Copy:
    """One copy, from what is made for it before the fork to what is left of it."""

    def __init__(
        self,
        work: Callable[[CopyFiles], dict[str, object]],
        limits: Limits,
        *,
        code: str,
        folder: Path,
        place: int,
    ) -> None:
        self._work = work
        self._limits = limits
        self._code = code
        self._folder = folder
        self._folder_watch = FolderWatch(folder)
        self._place = place
        self._free_bytes, _ = main_memory()
        share = int(self._free_bytes * MEMORY_SHARE)
        self._memory_bytes = share if limits.memory_bytes is None else limits.memory_bytes
        self._is_strong = guard_support().level == "strong"
        self._parent = os.getpid()

    def run(self, cancelled: Callable[[], bool]) -> CopyReport:
        begin = time.monotonic()
        reading, writing = os.pipe()
        try:
            os.set_blocking(reading, False)
            child = start_child(lambda: self._be_the_copy(writing))
            fork_seconds = time.monotonic() - begin
            try:
                # Or its end would not be seen.
                os.close(writing)
                writing = -1
                seen = watch(child, reading=reading, bounds=self._bounds(), cancelled=cancelled)
            finally:
                ended = child.end()
            if seen.had_other_threads:
                remember_other_threads()
        finally:
            _close(reading, writing)
        return CopyReport(
            end=_end_of(seen, ended),
            data=seen.data,
            refusals=tuple(seen.refusals),
            seconds=time.monotonic() - begin,
            fork_seconds=fork_seconds,
            peak_memory_bytes=_peak(seen, ended),
            why=self._why(seen, ended),
        )

    def _bounds(self) -> Bounds:
        return Bounds(
            deadline=time.monotonic() + self._limits.seconds,
            free_bytes=self._free_bytes,
            memory_bytes=self._memory_bytes,
            report_bytes=self._limits.report_bytes,
            place=self._place,
            folder=self._folder_watch,
        )

    def _why(self, seen: Seen, ended: Ended) -> str:
        if seen.end == "timed out":
            return self._why_late(seen, ended)
        if seen.end == "died" and not seen.why:
            return _cause_of_death(ended)
        return seen.why

    def _why_late(self, seen: Seen, ended: Ended) -> str:
        seconds = self._limits.seconds
        is_idle = seen.was_waiting and ended.cpu_seconds < BUSY_SHARE * seconds
        # What is refused may well wait and try again.
        library = library_in(self._place) if is_idle and not seen.refusals else None
        if library and remember_hanging(library, code=self._code):
            return (
                f"{library} does not answer in a copy of the kernel; with it, nothing more is "
                "tried."
            )
        return f"It had not ended after {seconds:g} s."

    def _be_the_copy(self, writing: int) -> None:
        self._confine(writing)
        self._tell_work(writing)

    def _confine(self, writing: int) -> None:
        try:
            note_place(self._place)
            enter_guard(self._confinement(writing), tell=lambda it: send(writing, {"refusal": it}))
        except BaseException as error:  # noqa: BLE001 - told, since the child must not go on
            why = f"The copy could not be guarded: {first_line(error)}."
            has_threads = isinstance(error, OtherThreadsError)
            send(writing, {"refused": why, "has_other_threads": has_threads})
            os._exit(1)

    def _confinement(self, writing: int) -> Confinement:
        amounts = Amounts(
            # Of all processors, since libraries have threads.
            cpu_seconds=self._limits.seconds * (os.cpu_count() or 1),
            memory_bytes=self._memory_bytes,
            file_bytes=FILE_BYTES,
        )
        return Confinement(
            parent=self._parent,
            folder=str(self._folder),
            keep=(writing, self._place),
            amounts=amounts,
            is_strong=self._is_strong,
        )

    def _tell_work(self, writing: int) -> None:
        send(writing, {"started": resident_bytes()})
        try:
            send(writing, {"data": self._work(CopyFiles(folder=self._folder))})
        except MemoryError:
            _say_end(writing, "out of memory", "It took more memory than a copy may.")
        except BaseException as error:  # noqa: BLE001 - the process boundary: told to the parent
            _say_end(writing, "died", f"It failed: {first_line(error)}.")


def _say_end(writing: int, end: End, why: str) -> None:
    send(writing, {"end": end, "why": why})


def _end_of(seen: Seen, ended: Ended) -> End:
    # Killed, and not by us: the system has run out of memory, and this process goes first.
    is_killed = ended.code == -signal.SIGKILL and not ended.was_ended
    return "out of memory" if seen.end == "died" and is_killed else seen.end


def _peak(seen: Seen, ended: Ended) -> int | None:
    if not seen.start_bytes or not ended.max_bytes:
        return None
    return max(0, ended.max_bytes - seen.start_bytes)


def _cause_of_death(ended: Ended) -> str:
    if ended.was_ended or ended.code is None:
        return "It ended without a report."
    match ended.code:
        case code if code == -signal.SIGKILL:
            return "The system ended it, as it does when memory runs out."
        case code if code < 0:
            return f"It was ended by a signal ({_signal_name(-code)})."
        case code:
            return f"It ended its process (exit code {code})."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _not_started(why: str) -> CopyReport:
    return CopyReport(
        end="refused to start",
        data=None,
        refusals=(),
        seconds=0.0,
        fork_seconds=0.0,
        peak_memory_bytes=None,
        why=why,
    )


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
