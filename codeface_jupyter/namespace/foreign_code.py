"""Run code that is not ours and may do anything: raise, hang, print.

An object's own ``__repr__`` is a program. It runs in a daemon thread, so that the
caller can go on when it does not return; what it prints is dropped; an error in it
fails the description, not the request. A thread that ran out of time is stopped by
an exception, which ends a loop in Python; one that waits in C ends when it returns.
Nothing else can be done from within a process. A thread in the middle of an import
may finish, since half an imported module would remain.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TextIO, TypeVar, cast

from codeface_jupyter.threads import new_lock

__all__ = ["CallResult", "TimeUpError", "attempt", "call_guarded", "told_error"]

T = TypeVar("T")
MAX_MESSAGE_CHARS = 200
# An exception that comes in the middle of a finalizer, or of a bare `except`, is lost.
STOPS = 2
STOP_WAIT_S = 0.01
STREAMS_CHANGE = new_lock()


@dataclass(frozen=True)
class CallResult(Generic[T]):
    """What became of a call of foreign code.

    Attributes
    ----------
    value
        What it returned; None if it did not.
    problem
        Why it did not: "raised ValueError: no rows"; empty if it did.
    error_type
        The class of what it raised.
    """

    value: T | None = None
    problem: str = ""
    error_type: type[BaseException] | None = None


class TimeUpError(BaseException):
    """Raised inside a call that has run out of time; not an Exception, or it would be caught."""


class _Call(threading.Thread, Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(name="codeface-describe", daemon=True)
        self._function = function
        # What a repr writes depends on it: NumPy's print options, decimal's precision. From Python
        # 3.14 on a thread has a `_context` of its own, in which `run` is called.
        self._of_caller = contextvars.copy_context()
        self.result: CallResult[T] = CallResult()
        self._ending = threading.Lock()  # noqa: TID251 - of this call, which no child waits for
        self._has_ended = False

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - thread boundary: anything may be raised
            # No error is kept: it holds the objects that it passed.
            self.result = CallResult(problem=f"raised {told_error(error)}", error_type=type(error))
        finally:
            # Threads that begin meanwhile keep the muted output, and with it this object.
            del self._function

    def _call(self) -> None:
        try:
            self.result = CallResult(self._of_caller.run(self._function))
        finally:
            # Stopped any later, the thread would end in an error that is printed.
            with self._ending:
                self._has_ended = True

    def stop(self) -> None:
        """End the thread, unless it waits in C; what swallows one exception gets another."""
        for _ in range(STOPS):
            self._raise_in_thread()
            self.join(STOP_WAIT_S)
            if not self.is_alive():
                return

    def _raise_in_thread(self) -> None:
        """Raise an exception in the thread, as soon as the interpreter checks for one."""
        with self._ending:
            if self.ident is None or self._has_ended or self._is_importing():
                return
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.ident), ctypes.py_object(TimeUpError)
            )

    def _is_importing(self) -> bool:
        frame = sys._current_frames().get(self.ident or 0)  # noqa: SLF001 - the documented way
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            frame = frame.f_back
        return False


def attempt(function: Callable[[], T], *, timeout_s: float) -> T | None:
    """Return what ``function`` returns, or None if it raises or takes too long."""
    return call_guarded(function, timeout_s=timeout_s).value


def call_guarded(function: Callable[[], T], *, timeout_s: float) -> CallResult[T]:
    """Call ``function`` and return what became of that, after ``timeout_s`` at most."""
    call = _Call(function)
    with _muted(call):
        call.start()
        try:
            call.join(timeout_s)
        finally:
            # Also where the wait is interrupted.
            is_late = call.is_alive()
            if is_late:
                call.stop()
    if is_late:
        return CallResult(problem=f"took longer than {timeout_s:g} s")
    return call.result


def told_error(error: BaseException) -> str:
    """Return an error's class and message; its own code may fail, too."""
    try:
        message = str(error)[:MAX_MESSAGE_CHARS].partition("\n")[0]
    except BaseException:  # noqa: BLE001 - foreign code
        message = ""
    return f"{type(error).__name__}: {message}".removesuffix(": ")


@contextlib.contextmanager
def _muted(thread: threading.Thread) -> Iterator[None]:
    """Drop what ``thread`` prints or warns about; other threads keep their output."""
    with STREAMS_CHANGE:
        out = _ThreadFilter(_unwrapped(sys.stdout), thread)
        err = _ThreadFilter(_unwrapped(sys.stderr), thread)
        sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    try:
        yield
    finally:
        with STREAMS_CHANGE:
            out.is_over = err.is_over = True
            sys.stdout, sys.stderr = _unwrapped(sys.stdout), _unwrapped(sys.stderr)


class _ThreadFilter:
    """A text stream without one thread's output.

    Attributes
    ----------
    stream
        Where the other threads write.
    is_over
        Whether it may be taken away.
    """

    def __init__(self, stream: TextIO, muted: threading.Thread) -> None:
        self.stream = stream
        self.is_over = False
        self._muted = muted

    def write(self, text: str) -> int:
        if threading.current_thread() is self._muted:
            return len(text)
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _unwrapped(stream: TextIO) -> TextIO:
    """Return a stream without the filters that are over.

    Calls in several threads end in any order, and a cell that redirects its output
    meanwhile puts back a stream that it has found.
    """
    if not isinstance(stream, _ThreadFilter):
        return stream
    stream.stream = _unwrapped(stream.stream)
    return stream.stream if stream.is_over else cast("TextIO", stream)
