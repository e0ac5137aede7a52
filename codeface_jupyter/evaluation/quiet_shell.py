"""A real IPython shell that runs a notebook's cells and shows nothing of what they show."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from codeface_jupyter.errors import first_line
from codeface_jupyter.namespace import own_variables

__all__ = ["QuietShell"]

BACKEND = "agg"
INTERRUPTED_AGAIN_S = 1.0


class QuietShell:
    """The shell of this process, with a notebook's variables.

    What its cells print goes where this process's output goes.
    """

    def __init__(self) -> None:
        config = Config()
        # The user's history is that of what they typed.
        config.HistoryManager.enabled = False
        self._shell = _Shell.instance(config=config)

    @property
    def names(self) -> Mapping[str, object]:
        """All names of the notebook, IPython's own too: the very dict that its functions use."""
        names: dict[str, object] = self._shell.user_ns
        return names

    def variables(self) -> dict[str, Any]:
        """Return the user's variables."""
        return own_variables(self._shell.user_ns, hidden=self._shell.user_ns_hidden)

    def run(self, source: str, *, limit_s: float) -> str:
        """Run a cell as the notebook's next; return what it raised, in one line, or nothing.

        Parameters
        ----------
        limit_s
            A cell that runs longer is interrupted, as far as Python code can be.
        """
        with _interrupted_after(limit_s):
            result = self._shell.run_cell(source, store_history=True)
        _close_figures()
        error = result.error_before_exec or result.error_in_exec
        return f"{type(error).__name__}: {first_line(error)}" if error is not None else ""


class _Shell(InteractiveShell):  # type: ignore[misc]
    """IPython's shell, which draws into memory only, whatever a cell asks for."""

    def ask_exit(self) -> None:
        """Go on: `quit()` ends the notebook for whoever reads it, and nothing is left to do."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Start no loop of a graphical interface."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:  # noqa: ARG002 - as IPython calls it
        """Draw into memory."""
        return None, BACKEND


@contextmanager
def _interrupted_after(limit_s: float) -> Iterator[None]:
    """Raise TimeoutError in the block once it has taken too long; only for the main thread.

    Windows has no such alarm, and no copies to try anything on either.
    """
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def interrupt(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"it ran for {limit_s:g} s, and was interrupted")

    before = signal.signal(signal.SIGALRM, interrupt)
    # Again and again, since the cell may catch what is raised.
    signal.setitimer(signal.ITIMER_REAL, limit_s, INTERRUPTED_AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _close_figures() -> None:
    """Close the figures of a cell, as a notebook does, so that the next one draws its own."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
