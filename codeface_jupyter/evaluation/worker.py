"""The process in which a notebook runs, and what the command asks of it.

The notebook's own code runs there: it may print, crash and use the memory that it needs, and
nothing of it is left once the process has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from codeface_jupyter.errors import CodeFaceError, NotebookError, first_line
from codeface_jupyter.evaluation.folder import copy_of_folder
from codeface_jupyter.evaluation.messages import Answered, Expectation
from codeface_jupyter.evaluation.tasks import Notebook
from codeface_jupyter.models.ending_with_parent import end_with
from codeface_jupyter.outcome import Outcome

__all__ = ["Worker", "worker"]

# What is idle ends at once.
PATIENCE_S = 5.0


class Worker:
    """What can be asked of a process in which a notebook runs: the methods of `Replay`.

    Parameters
    ----------
    process, connection
        The process, and this end of the connection with it.
    """

    def __init__(
        self, process: multiprocessing.process.BaseProcess, connection: Connection
    ) -> None:
        self._process = process
        self._connection = connection
        self._is_busy = False

    def load(self) -> None:
        """Load the model."""
        self._call("load")

    def why_no_copy(self) -> str:
        """Return why no copy of the process can be made now; empty if one can."""
        why: str = self._call("why_no_copy")
        return why

    def expect(self, index: int) -> Expectation:
        """Go on to a task and return what its own cell does there."""
        expectation: Expectation = self._call("expect", index)
        return expectation

    def ask(self, index: int) -> Answered:
        """Go on to a task and ask the model for it."""
        answered: Answered = self._call("ask", index)
        return answered

    def attempt(self, code: str) -> Outcome:
        """Return what a code does on a copy of the notebook as it stands."""
        outcome: Outcome = self._call("attempt", code)
        return outcome

    def end(self) -> None:
        """End the process, whatever it does, and those that its cells have begun."""
        group = self._process.pid
        self._connection.close()
        if self._is_busy:
            self._process.terminate()
        self._process.join(PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        with suppress(ProcessLookupError, PermissionError):
            if group is not None and hasattr(os, "killpg"):
                os.killpg(group, signal.SIGKILL)

    def _call(self, name: str, *arguments: object) -> Any:
        self._is_busy = True
        try:
            self._connection.send((name, arguments))
            response = self._connection.recv()
        except (EOFError, OSError):
            raise NotebookError(
                "The process in which the notebook ran has ended.",
                hint="A cell may have ended it, or the system, as it does when memory runs out.",
            ) from None
        self._is_busy = False
        if isinstance(response, CodeFaceError):
            raise response
        return response


@contextmanager
def worker(notebook: Notebook, settings: Mapping[str, object], *, try_s: float) -> Iterator[Worker]:
    """Begin a process in which a notebook runs, in a copy of its folder; end it afterwards.

    Parameters
    ----------
    notebook, settings, try_s
        As for `Replay`.
    """
    # A fork would have this process's threads half, and what they hold.
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        folder = stack.enter_context(copy_of_folder(notebook.file.resolve().parent))
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="codeface-eval-"))
        ours, theirs = context.Pipe()
        places = str(folder), scratch
        process = context.Process(
            target=_serve, args=(theirs, os.getpid(), places, notebook, dict(settings), try_s)
        )
        process.start()
        theirs.close()
        begun = Worker(process, ours)
        stack.callback(begun.end)
        yield begun


def _serve(
    connection: Connection,
    parent: int,
    places: tuple[str, str],
    notebook: Notebook,
    settings: Mapping[str, object],
    try_s: float,
) -> None:
    """Do what is asked, until nobody asks any more."""
    # An interrupt is for the command, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # No cell asks at the terminal, as for a password, and what it begins ends with it.
    if hasattr(os, "setsid"):
        os.setsid()
    own_pid = os.getpid()
    end_with(parent)
    _settle_in(*map(Path, places))
    from codeface_jupyter.evaluation.replay import Replay

    # Made when it is first asked, so that what is wrong with its settings is told.
    replay = cache(lambda: Replay(notebook, settings, try_s=try_s))
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            # Threads of the notebook's own may never end.
            os._exit(0)
        response = _response(replay, name, arguments)
        if os.getpid() != own_pid:
            # A cell has forked, and both of them came out of it.
            os._exit(0)
        connection.send(response)


def _settle_in(folder: Path, scratch: Path) -> None:
    """Work in ``folder`` as a kernel does, write nothing to the terminal, draw into memory."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os.environ["MPLBACKEND"] = "agg"
    # What is left there by whoever is ended goes with it.
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    os.chdir(folder)
    sys.path.insert(0, str(folder))


def _response(replay: Callable[[], Any], name: str, arguments: tuple[object, ...]) -> object:
    try:
        return getattr(replay(), name)(*arguments)
    except CodeFaceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the process boundary: raised in the command
        return NotebookError(f"{type(error).__name__}: {first_line(error)}.")
