"""What the running notebook offers: its cells, names and errors, and who is watching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from codeface_jupyter.context import Cell, ErrorInfo
from codeface_jupyter.errors import NotebookError
from codeface_jupyter.namespace import resolve

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from codeface_jupyter.frontend.bridge import Bridge

__all__ = ["Notebook"]

Audience = Literal["front end", "program", "terminal"]
ERRORS_KEPT = 50


class Notebook:
    """The shell's side of a question: read only, except for the variables it is asked to set.

    Parameters
    ----------
    shell
        The running IPython shell.
    bridge
        The bridge to the front end, which knows the cells in document order.
    """

    def __init__(self, shell: InteractiveShell, bridge: Bridge) -> None:
        self._shell = shell
        self._bridge = bridge
        self._errors: dict[int, ErrorInfo] = {}
        self._tracebacks: dict[int, str] = {}
        shell.events.register("post_run_cell", self._remember_error)

    def close(self) -> None:
        """Stop listening to the shell, and forget its errors."""
        self._shell.events.unregister("post_run_cell", self._remember_error)
        self._errors.clear()
        self._tracebacks.clear()

    @property
    def audience(self) -> Audience:
        """Who sees the output: this decides how an answer is shown.

        A notebook front end sends the running cell's id with its request; nbclient
        and its kin send none and take no input; terminals send none either.
        """
        kernel = getattr(self._shell, "kernel", None)
        if kernel is None:
            return "terminal"
        if self._bridge.cell_id() is not None:
            return "front end"
        parent = kernel.get_parent() or {}
        may_ask_user = parent.get("content", {}).get("allow_stdin", True)
        return "terminal" if may_ask_user else "program"

    def cell_id(self) -> str | None:
        """Return the id of the running cell, if the front end sends one."""
        return self._bridge.cell_id()

    def namespace(self) -> dict[str, Any]:
        """Return the user's variables, without those that IPython itself put there."""
        hidden = self._shell.user_ns_hidden
        return {
            name: value
            for name, value in self._shell.user_ns.items()
            if not name.startswith("_") and not (name in hidden and hidden[name] is value)
        }

    def live_namespace(self) -> Mapping[str, object]:
        """Return all of the notebook's names, IPython's own too, as they are at any time."""
        names: dict[str, object] = self._shell.user_ns
        return names

    def set_variable(self, name: str, value: object) -> None:
        """Set a variable of the user's."""
        self._shell.user_ns[name] = value

    def lookup(self, expression: str) -> object:
        """Return what ``expression`` names: a variable, or ``In[n]``, ``Out[n]``, ``Err[n]``.

        Raises
        ------
        UnknownNameError
            If there is no such thing.
        """
        return resolve(expression, {**self._shell.user_ns, "Err": self._tracebacks})

    def cells(self, *, below: bool = False) -> tuple[list[Cell], str]:
        """Return the cells above the running one, and how their order is known.

        Parameters
        ----------
        below
            Whether to give the cells below as well, if the front end sends them.
        """
        snapshot = self._bridge.cells()
        if snapshot is None:
            return list(self._executed_cells()), "as they were run"
        chosen = snapshot.above + (snapshot.below if below else ())
        cells = [
            Cell(
                source=cell["source"],
                cell_type=cell["type"],
                execution_count=cell["execution_count"],
                cell_id=cell["id"],
                was_run=cell["id"] in snapshot.executed,
            )
            for cell in chosen
            if cell["type"] != "raw"
        ]
        return cells, "as they stand in the notebook"

    def cell(self, number: int | None = None) -> Cell:
        """Return the cell with an execution count, or the nearest code cell above.

        Raises
        ------
        NotebookError
            If there is none.
        """
        cells = [cell for cell in self.cells()[0] if cell.cell_type == "code"]
        if number is not None:
            # Executed in this kernel: the counts in a saved notebook may be another kernel's.
            cells = [cell for cell in self._executed_cells() if cell.execution_count == number]
        cells = [cell for cell in cells if not cell.source.lstrip().startswith("%codeface")]
        if cells:
            return cells[-1]
        if number is None:
            raise NotebookError("There is no code cell above this one.")
        raise NotebookError(
            f"No cell was run as In [{number}] in this kernel.",
            hint="The number is the one in the cell's prompt.",
        )

    def error(self, number: int | None = None) -> ErrorInfo:
        """Return the error of the cell with an execution count, or the last error.

        Raises
        ------
        NotebookError
            If there is none.
        """
        if number is not None and number not in self._errors:
            raise NotebookError(f"Cell In [{number}] raised no error in this kernel.")
        if not self._errors:
            raise NotebookError("There is nothing to fix: no cell of this kernel has failed.")
        return self._errors[max(self._errors) if number is None else number]

    def _executed_cells(self) -> Iterator[Cell]:
        inputs: list[str] = self._shell.history_manager.input_hist_raw
        # The last one is the cell that is running now.
        for number, source in enumerate(inputs[:-1]):
            if number and source.strip():
                yield Cell(source=source, execution_count=number)

    def _remember_error(self, result: ExecutionResult) -> None:
        error = result.error_in_exec or result.error_before_exec
        number = result.execution_count
        if error is None or number is None or _is_ours(result.info.raw_cell):
            return
        # Only the latest keeps its frame's objects: older ones would hold on to memory.
        for old, info in self._errors.items():
            self._errors[old] = replace(info, names={})
        info = ErrorInfo.from_exception(error, source=result.info.raw_cell)
        self._errors[number] = info
        self._tracebacks[number] = f"{info.traceback}\n{info.ename}: {info.evalue}"
        while len(self._errors) > ERRORS_KEPT:
            oldest = next(iter(self._errors))
            del self._errors[oldest], self._tracebacks[oldest]


def _is_ours(source: str) -> bool:
    """Whether a cell asks CodeFace, so that its failure is not one of the user's code."""
    return source.lstrip().startswith(("%codeface", "%%codeface"))
