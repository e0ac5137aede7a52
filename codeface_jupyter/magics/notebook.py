"""What the running notebook offers: its cells, names and errors, and who is watching."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from codeface_jupyter.context import Cell, ErrorInfo, read_shown_error
from codeface_jupyter.magics.failures import Failures
from codeface_jupyter.namespace import own_variables, resolve

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.frontend.bridge import Bridge
    from codeface_jupyter.frontend.front_end import NotebookSnapshot
    from codeface_jupyter.frontend.protocol import Cell as FrontEndCell

__all__ = ["Notebook", "cells_of"]

Audience = Literal["front end", "program", "terminal"]


class Notebook:
    """The shell's side of a question: read only, except for the variables it is asked to set.

    Parameters
    ----------
    shell
        The running IPython shell.
    bridge
        The bridge to the front end, which knows the cells in document order.

    Attributes
    ----------
    failures
        The errors of the notebook's cells.
    """

    def __init__(self, shell: InteractiveShell, bridge: Bridge) -> None:
        self._shell = shell
        self._bridge = bridge
        self.failures = Failures(shell, self.cell_id)

    def close(self) -> None:
        """Stop listening to the shell, and forget its errors."""
        self.failures.close()

    @property
    def audience(self) -> Audience:
        """Who sees the output: this decides how an answer is shown.

        A notebook front end sends the running cell's id with its request; nbclient
        and its kin send none and take no input; terminals send none either.
        """
        if getattr(self._shell, "kernel", None) is None:
            return "terminal"
        if self._bridge.cell_id() is not None:
            return "front end"
        may_ask_user = self._execute_request.get("allow_stdin", True)
        return "terminal" if may_ask_user else "program"

    def cell_id(self) -> str | None:
        """Return the id of the running cell, if the front end sends one."""
        return self._bridge.cell_id()

    def namespace(self) -> dict[str, Any]:
        """Return the user's variables, without those that IPython itself put there."""
        return own_variables(self._shell.user_ns, hidden=self._shell.user_ns_hidden)

    def live_namespace(self) -> Mapping[str, object]:
        """Return all of the notebook's names, IPython's own too, as they are at any time."""
        names: dict[str, object] = self._shell.user_ns
        return names

    @property
    def is_running_cell(self) -> bool:
        """Whether a cell of the user's runs now; asked from any thread."""
        return self._bridge.is_cell_running

    @property
    def cells_run(self) -> int:
        """How many cells have been run: with each, the variables may have changed."""
        return int(self._shell.execution_count)

    def set_variable(self, name: str, value: object) -> None:
        """Set a variable of the user's."""
        self._shell.user_ns[name] = value

    def lookup(self, expression: str, *, with_builtins: bool = False) -> object:
        """Return what ``expression`` names: a variable, or ``In[n]``, ``Out[n]``, ``Err[n]``.

        A function that runs a magic has variables of its own, which go first. ``In`` are the
        cells as they were typed.

        Parameters
        ----------
        expression
            What the user wrote.
        with_builtins
            Whether it may be what Python itself defines, unless a variable is called so.

        Raises
        ------
        UnknownNameError
            If there is no such thing.
        """
        builtin = vars(builtins) if with_builtins else {}
        names = {
            **builtin,
            **self._shell.user_ns,
            **self._local_names(),
            "Err": self.failures.tracebacks,
        }
        history = self._shell.history_manager
        # IPython's own holds what it made of magics; a variable of the user's is left alone.
        if names.get("In") is history.input_hist_parsed:
            names["In"] = history.input_hist_raw
        return resolve(expression, names)

    def _local_names(self) -> Mapping[str, object]:
        """Return the names of the user's function that runs the magic; none outside of one."""
        frame = inspect.currentframe()
        while frame is not None and frame.f_globals is not self._shell.user_global_ns:
            frame = frame.f_back
        return frame.f_locals if frame is not None else {}

    def cells(self, *, below: bool = False) -> tuple[list[Cell], str]:
        """Return the cells above the running one, and how their order is known.

        Parameters
        ----------
        below
            Whether to give the cells below as well, if the front end sends them.
        """
        snapshot = self._bridge.cells()
        if snapshot is None:
            return list(self.executed_cells()), "as they were run"
        return cells_of(snapshot, below=below), "as they stand in the notebook"

    def is_to_ask(self, *, in_run_all: bool) -> bool:
        """Whether a request in the running cell is to be answered.

        Parameters
        ----------
        in_run_all
            What the settings say of a request that nobody runs by hand; the notebook's own
            metadata is asked first.
        """
        if self.audience == "program":
            return in_run_all
        snapshot = self._bridge.cells()
        if snapshot is None or not snapshot.is_run_all:
            return True
        return in_run_all if snapshot.ask_in_run_all is None else snapshot.ask_in_run_all

    def gives_hints_only(self, cell_id: str | None = None) -> bool | None:
        """Whether the metadata of a cell's notebook ask for hints; None if its page is silent.

        Parameters
        ----------
        cell_id
            The cell; the one that runs unless given.
        """
        snapshot = self._bridge.cells(cell_id)
        if snapshot is None:
            return None if self._bridge.shows(cell_id) else False
        return snapshot.answers == "hints"

    def executed_cells(self) -> Iterator[Cell]:
        """Yield the cells that this kernel has run, without the one that is running now."""
        inputs: list[str] = self._shell.history_manager.input_hist_raw
        earlier = inputs[:-1] if self._is_running_cell_stored else inputs
        for number, source in enumerate(earlier):
            if number and source.strip():
                yield Cell(source=source, execution_count=number)

    @property
    def _is_running_cell_stored(self) -> bool:
        """Whether the running cell is in the history: a client may ask that it is not."""
        return bool(self._execute_request.get("store_history", True))

    @property
    def _execute_request(self) -> Mapping[str, Any]:
        """What a client asked with the running cell; empty without a kernel."""
        kernel = getattr(self._shell, "kernel", None)
        parent = kernel.get_parent() if kernel is not None else None
        content: dict[str, Any] = (parent or {}).get("content", {})
        return content


def cells_of(snapshot: NotebookSnapshot, *, below: bool = False) -> list[Cell]:
    """Return the cells above the asking one, and if wanted those below."""
    above, chosen_below = snapshot.above, snapshot.below if below else ()
    return [
        Cell(
            source=cell["source"],
            cell_type=cell["type"],
            execution_count=cell["execution_count"],
            cell_id=cell["id"],
            was_run=cell["id"] in snapshot.executed,
            is_below=index >= len(above),
            error=_shown_error(cell),
        )
        for index, cell in enumerate(above + chosen_below)
        if cell["type"] != "raw"
    ]


def _shown_error(cell: FrontEndCell) -> ErrorInfo | None:
    """Return the error that a cell's output shows."""
    shown = cell.get("error")
    return None if shown is None else read_shown_error(**shown, source=cell["source"])
