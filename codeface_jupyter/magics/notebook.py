"""What the running notebook offers: its cells, names and errors, and who is looking at it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Literal

from codeface_jupyter.context import Cell
from codeface_jupyter.errors import UnknownNameError
from codeface_jupyter.namespace import resolve

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from codeface_jupyter.bridge import Bridge

__all__ = ["Notebook"]

Audience = Literal["front end", "program", "terminal"]
ERRORS_KEPT = 100


class Notebook:
    """The shell's side of a question: read only, except for the variables it is told to set.

    Parameters
    ----------
    shell
        The running IPython shell.
    bridge
        The line to the front end, which knows the cells in document order.
    """

    def __init__(self, shell: InteractiveShell, bridge: Bridge) -> None:
        self._shell = shell
        self._bridge = bridge
        self._errors: dict[int, str] = {}
        shell.events.register("post_run_cell", self._remember_error)

    def close(self) -> None:
        """Stop listening to the shell."""
        self._shell.events.unregister("post_run_cell", self._remember_error)

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
        """Return the id of the cell that is running, where the front end tells."""
        return self._bridge.cell_id()

    def namespace(self) -> dict[str, Any]:
        """Return the user's variables, without those that IPython itself put there."""
        hidden = self._shell.user_ns_hidden
        return {
            name: value
            for name, value in self._shell.user_ns.items()
            if not name.startswith("_") and not (name in hidden and hidden[name] is value)
        }

    def set_variable(self, name: str, value: object) -> None:
        """Set a variable of the user's."""
        self._shell.user_ns[name] = value

    def cells(self, *, below: bool = False) -> tuple[list[Cell], str]:
        """Return the cells above the running one, and how their order is known.

        Parameters
        ----------
        below
            Whether to give the cells below as well, where the front end tells them.
        """
        snapshot = self._bridge.cells()
        if snapshot is None:
            return self._executed_cells(), "as they were run"
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

    def text_of(self, expression: str) -> str | None:
        """Return the text for ``{expression}`` in a prompt, or None to leave it as typed.

        ``In[n]`` is a cell's source, ``Out[n]`` its result, ``Err[n]`` its traceback.
        """
        names = {**self._shell.user_ns, "Err": self._errors}
        try:
            value = resolve(expression, names)
        except UnknownNameError:
            return None
        return value if isinstance(value, str) else str(value)

    def _executed_cells(self) -> list[Cell]:
        inputs: list[str] = self._shell.history_manager.input_hist_raw
        # The last one is the cell that is running now.
        return [
            Cell(source=source, execution_count=number)
            for number, source in enumerate(inputs[:-1])
            if number and source.strip()
        ]

    def _remember_error(self, result: ExecutionResult) -> None:
        error = result.error_in_exec or result.error_before_exec
        if error is None or result.execution_count is None:
            return
        self._errors[result.execution_count] = "".join(traceback.format_exception(error))
        while len(self._errors) > ERRORS_KEPT:
            self._errors.pop(next(iter(self._errors)))
