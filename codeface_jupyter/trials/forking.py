"""A copy of this process: made, asked after, ended, awaited without the user noticing."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from codeface_jupyter.models.memory import MAXRSS_BYTES
from codeface_jupyter.threads import new_lock
from codeface_jupyter.warning_filters import ignored, without

__all__ = ["Child", "Ended", "is_child_left", "start_child", "when_none_is_left"]

IN_MILLISECONDS = 1_000
# A process that waits for a file system or a device which does not answer cannot be ended. Others
# end at once, large ones in the time that it takes to give their memory back.
END_S = 2.0
POLL_S = 0.05
PIPE_BYTES, TOLD_MS = 64, 1_000
# Of forks with threads; no concern of the user's.
FORK_WARNING = ignored(DeprecationWarning, message="This process", module=__name__)


_LEFT: set[Child] = set()
_WAITING: list[Callable[[], object]] = []
_LEFT_CHANGE = new_lock()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child ended.

    Attributes
    ----------
    code
        Its exit code, or a signal's number, negative; None if somebody else has asked for it
        before, as ``os.wait`` in a thread of the user's does.
    was_ended
        Whether its parent had to end it.
    cpu_seconds
        The processor time that it took.
    max_bytes
        The most memory that it had; 0 if that is not known.
    """

    code: int | None = None
    was_ended: bool = False
    cpu_seconds: float = 0.0
    max_bytes: int = 0


class Child:
    """A forked child, seen from its parent.

    Parameters
    ----------
    pid
        Its process id, still its own: nobody has been told yet that it ended.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        # Names this process only; its id could be another's once somebody has waited for it.
        self._pidfd = _open_pidfd(pid)
        self._ended: Ended | None = None

    def wait(self, seconds: float, *, reading: int | None = None) -> bool:
        """Wait until it has ended, ``reading`` has something, or the time is up.

        Returns
        -------
        bool
            Whether it has ended.
        """
        poll = select.poll()
        for fd in (reading, self._pidfd):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        ready = poll.poll(int(seconds * IN_MILLISECONDS))
        if self._pidfd is None:
            self._ended = self._ended or _reap(self.pid, os.WNOHANG)
        return self._ended is not None or any(fd == self._pidfd for fd, _ in ready)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self._ended is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, number)
            else:
                os.kill(self.pid, number)

    def end(self) -> Ended:
        """End it at once if it has not ended, and leave nothing of it.

        Where it cannot be ended, that is left to a thread: see `is_child_left`.
        """
        was_running = not self.wait(0)
        if was_running:
            self.send_signal(signal.SIGKILL)
            self._end_group()
            if not self._wait_for_end():
                _leave(self)
                return Ended(was_ended=True)
        return dataclasses.replace(self.reap(), was_ended=was_running)

    def reap(self) -> Ended:
        """Wait until it has ended, however long that takes, and leave nothing of it."""
        if self._ended is None:
            self._ended = _reap(self.pid, 0) or Ended()
        self._close()
        return self._ended

    def _wait_for_end(self) -> bool:
        deadline = time.monotonic() + END_S
        while not self.wait(POLL_S):
            if time.monotonic() >= deadline:
                return False
        return True

    def _end_group(self) -> None:
        # Where the system lets it start processes, they are in its group; where there are names
        # for processes, it does not.
        if self._pidfd is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _close(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def is_child_left() -> bool:
    """Whether a child has not ended yet that could not be ended in time."""
    with _LEFT_CHANGE:
        return bool(_LEFT)


def when_none_is_left(action: Callable[[], object]) -> None:
    """Do something once no child is left that could not be ended; at once if there is none."""
    with _LEFT_CHANGE:
        is_late = bool(_LEFT)
        if is_late:
            _WAITING.append(action)
    if not is_late:
        action()


def _leave(child: Child) -> None:
    with _LEFT_CHANGE:
        _LEFT.add(child)
    name = "codeface-copy-left"
    threading.Thread(target=_take_leave, args=(child,), name=name, daemon=True).start()


def _take_leave(child: Child) -> None:
    child.reap()
    with _LEFT_CHANGE:
        _LEFT.discard(child)
        actions = [] if _LEFT else [*_WAITING]
        if actions:
            _WAITING.clear()
    for action in actions:
        action()


def start_child(work: Callable[[], object]) -> Child:
    """Fork, do ``work`` in the child, which ends with it, and return the child.

    Functions that were registered with ``os.register_at_fork`` run, as at every fork. No signal is
    heard meanwhile: until the child forgets the notebook's handlers, it would raise what an
    interrupt raises amid the notebook's own code. The child begins with all signals blocked.

    Parameters
    ----------
    work
        What the child does. Whatever it raises, nothing else of this process runs there.
    """
    parent = os.getpid()
    # Asked for first: a signal that has just come is raised once the others are blocked.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    told, tell = os.pipe()
    child: Child | None = None
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = _fork()
        if pid == 0:
            _do_and_end(work, told, tell)
        child = Child(pid)
    except BaseException:
        if os.getpid() == parent:
            child = child or _told_child(told, tell)
            tell = -1
            _end(child)
        raise
    finally:
        if os.getpid() != parent:
            # What somebody put in the place of `os.fork` has raised in the child.
            os._exit(1)
        for fd in (told, tell):
            with contextlib.suppress(OSError):
                os.close(fd)
        _hear_signals(mask, child)
    return child


def _told_child(told: int, tell: int) -> Child | None:
    """Return the child that has told its number; None if there is none.

    Another thread may hear an interrupt meanwhile, which is raised in this one before it knows.
    """
    os.close(tell)
    poll = select.poll()
    poll.register(told, select.POLLIN)
    # A process that somebody else has forked meanwhile may hold the other end, too.
    number = os.read(told, PIPE_BYTES) if poll.poll(TOLD_MS) else b""
    return Child(int(number)) if number else None


def _end(child: Child | None) -> None:
    if child is not None:
        child.end()


def _fork() -> int:
    with without(FORK_WARNING):
        return os.fork()


def _do_and_end(work: Callable[[], object], told: int, tell: int) -> NoReturn:
    try:
        with contextlib.suppress(OSError):
            # Nobody listens any more, if nothing has gone wrong.
            os.write(tell, b"%d" % os.getpid())
        os.close(told)
        os.close(tell)
        work()
    finally:
        # Whatever was raised: nothing of the notebook's may be run here.
        os._exit(0)


def _hear_signals(mask: set[int], child: Child | None) -> None:
    """Hear signals as before; what one raises that has come meanwhile leaves no child."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    except BaseException:
        _end(child)
        raise


def _open_pidfd(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _reap(pid: int, options: int) -> Ended | None:
    """Take leave of a child; None if it has not ended, and is not to be awaited."""
    try:
        reaped, status, usage = os.wait4(pid, options)
    except ChildProcessError:
        return Ended()
    if not reaped:
        return None
    return Ended(
        code=os.waitstatus_to_exitcode(status),
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        max_bytes=usage.ru_maxrss * MAXRSS_BYTES,
    )
