"""What an interrupt of the kernel does while a cell waits for work of ours."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from codeface_jupyter.session.answer import Answer

__all__ = ["Interrupts", "interrupted"]

AnswerT = TypeVar("AnswerT", bound="Answer")


def interrupted() -> KeyboardInterrupt:
    """Return what ends an interrupted cell, shown in one line.

    The traceback would be of this package, and IPython takes up to seconds to lay it out.
    """
    error = KeyboardInterrupt()
    # On the instance: front ends and programs look for this very class.
    vars(error)["_render_traceback_"] = lambda: [KeyboardInterrupt.__name__]
    return error


class Interrupts:
    """Lets an interrupt end the work that a block waits for, and then the block.

    The first interrupt asks the work to stop, so that what has come of it can be shown and
    kept; at its end the block raises ``KeyboardInterrupt``, and what follows it does not run.
    A second interrupt raises at once. A block that is left by any exception leaves no work
    behind. Signals reach the main thread only: elsewhere they change nothing.

    Attributes
    ----------
    was_interrupted
        Whether an interrupt has come.
    """

    def __init__(self) -> None:
        self.was_interrupted = False
        self._work: Answer | None = None
        self._previous: Any = None

    def begin(self, begin: Callable[[], AnswerT]) -> AnswerT:
        """Begin the work of the block with ``begin``; no interrupt is lost meanwhile."""
        work = begin()
        self._work = work
        if self.was_interrupted:
            work.cancel()
        return work

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        # A handler that was not set from Python could not be put back.
        if is_main and signal.getsignal(signal.SIGINT) is not None:
            self._previous = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        if error is not None:
            self._stop()
        elif self.was_interrupted:
            raise interrupted()

    def _on_interrupt(self, _signum: int, _frame: FrameType | None) -> None:
        if self.was_interrupted and self._work is not None:
            raise interrupted()
        self.was_interrupted = True
        self._stop()

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
