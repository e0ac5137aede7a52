"""The errors of this kernel's cells, also of one that failed before the extension was loaded."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

from codeface_jupyter.context import ErrorInfo, is_request
from codeface_jupyter.errors import CodeFaceError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

__all__ = ["Failure", "Failures"]

ERRORS_KEPT = 50


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A cell's error, the number it was run as, and the cell's id if the front end has any."""

    error: ErrorInfo
    number: int
    cell_id: str = ""


class Failures:
    """Listens to the shell, and remembers what failed.

    Parameters
    ----------
    shell
        The running IPython shell.
    cell_id
        Gives the id of the running cell.

    Attributes
    ----------
    tracebacks
        The text of each error, by the number of its cell.
    ended
        The number of the last cell if it was interrupted or ended itself (`sys.exit()`), and
        what it was ended by: that is no error to repair.
    """

    def __init__(self, shell: InteractiveShell, cell_id: Callable[[], str | None]) -> None:
        self.tracebacks: dict[int, str] = {}
        self.ended: tuple[int, str] | None = None
        self._shell = shell
        self._cell_id = cell_id
        self._failures: dict[int, Failure] = {}
        self._last_runs: dict[str, int] = {}
        shell.events.register("post_run_cell", self._take)
        self._take_earlier()

    def close(self) -> None:
        """Stop listening, and forget everything."""
        self._shell.events.unregister("post_run_cell", self._take)
        self._failures.clear()
        self._last_runs.clear()
        self.tracebacks.clear()

    @property
    def last(self) -> Failure | None:
        """The latest failure."""
        return next(reversed(self._failures.values()), None)

    def numbered(self, number: int) -> Failure | None:
        """Return the failure of the cell with an execution count."""
        return self._failures.get(number)

    def of_cell(self, cell_id: str, source: str) -> Failure | None:
        """Return the failure of a cell's last run; by its source where runs had no ids."""
        if cell_id in self._last_runs:
            return self._failures.get(self._last_runs[cell_id])
        return next(
            (
                failure
                for failure in reversed(self._failures.values())
                if not failure.cell_id and failure.error.source.strip() == source.strip()
            ),
            None,
        )

    def _take(self, result: ExecutionResult) -> None:
        error = result.error_in_exec or result.error_before_exec
        source = result.info.raw_cell
        if is_request(source):
            return
        # Where an error cannot be shown, since its `__str__` fails, no number comes with it.
        number = result.execution_count or len(self._history) - 1
        cell_id = self._cell_id() or ""
        if cell_id:
            self._last_runs[cell_id] = number
        self._failures.pop(number, None)
        is_end = error is not None and not isinstance(error, Exception)
        self.ended = (number, type(error).__name__) if is_end else None
        if _is_of_users_code(error):
            self._remember(error, source=source, number=number, cell_id=cell_id)

    def _take_earlier(self) -> None:
        """Take the error that Python still has from before the extension was loaded."""
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        if not _is_of_users_code(error):
            return
        number = _cell_number(self._shell, error)
        if number is None or number >= len(self._history):
            return
        source = self._history[number]
        if not is_request(source):
            self._remember(error, source=source, number=number)

    @property
    def _history(self) -> list[str]:
        inputs: list[str] = self._shell.history_manager.input_hist_raw
        return inputs

    def _remember(self, error: Exception, *, source: str, number: int, cell_id: str = "") -> None:
        # Only the latest keeps its frame's objects: older ones would hold on to memory.
        for old, failure in self._failures.items():
            self._failures[old] = replace(failure, error=replace(failure.error, names={}))
        info = ErrorInfo.from_exception(error, source=source)
        self._failures[number] = Failure(error=info, number=number, cell_id=cell_id)
        what = f"{info.ename}: {info.evalue}"
        self.tracebacks[number] = "\n".join(filter(None, [info.traceback, what, info.causes]))
        while len(self._failures) > ERRORS_KEPT:
            oldest = next(iter(self._failures))
            del self._failures[oldest]
            self.tracebacks.pop(oldest, None)


def _is_of_users_code(error: BaseException | None) -> TypeGuard[Exception]:
    return isinstance(error, Exception) and not isinstance(error, CodeFaceError)


def _cell_number(shell: InteractiveShell, error: Exception) -> int | None:
    """Return the number of the cell that an error came out of, None if it is of none."""
    names = [error.filename] if isinstance(error, SyntaxError) else []
    names += [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    for name in filter(None, names):
        label = shell.compile.format_code_name(name)
        found = re.fullmatch(r"In\[(\d+)\]", label[1]) if label else None
        if found:
            return int(found[1])
    return None
