"""One notebook on one page, as the kernel sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.connection import Connection, Handlers
from codeface_jupyter.frontend.protocol import Cell, CellsWanted, NotebookCells
from codeface_jupyter.frontend.subshells import BusyStatus, is_on_subshell, shield

if TYPE_CHECKING:
    from comm.base_comm import BaseComm

__all__ = ["FrontEnd", "NotebookSnapshot"]


@dataclass(frozen=True, kw_only=True)
class NotebookSnapshot:
    """The notebook's cells in document order, markdown cells included.

    Attributes
    ----------
    path
        The notebook's path on the server.
    asking
        The id of the cell that asked; always one of ``cells``.
    cells
        Every cell, also those below the asking one and those never run.
    executed
        The ids of the cells that this kernel has run with their present source.
    source
        ``"pulled"`` is the notebook as it is now, ``"pushed"`` as it was when
        the asking cell was sent off.
    is_run_all
        Whether the asking cell was run with others that nobody selected, as Run All does.
    ask_in_run_all
        What the notebook says of the setting of that name, if it does.
    answers
        Likewise.
    """

    path: str
    asking: str
    cells: tuple[Cell, ...]
    executed: frozenset[str]
    source: Literal["pulled", "pushed"]
    is_run_all: bool = False
    ask_in_run_all: bool | None = None
    answers: Literal["code", "hints"] | None = None

    @property
    def above(self) -> tuple[Cell, ...]:
        """The cells above the asking one."""
        return self.cells[: self._position]

    @property
    def below(self) -> tuple[Cell, ...]:
        """The cells below the asking one."""
        return self.cells[self._position + 1 :]

    @property
    def _position(self) -> int:
        return next(i for i, cell in enumerate(self.cells) if cell["id"] == self.asking)


class FrontEnd:
    """A notebook that talks to the kernel over its own comm.

    Parameters
    ----------
    comm
        Opened by the front end.
    opening
        The message that opened it.
    handlers
        Take the methods that do not concern a single notebook.
    busy
        Tells front ends after each message whether a cell still runs.

    Attributes
    ----------
    connection
        What goes over the comm.
    is_on_subshell
        Whether its messages are handled while a cell runs.
    pushed
        The cells that it sent last, before one of them ran.
    """

    def __init__(
        self, comm: BaseComm, opening: dict[str, Any], *, handlers: Handlers, busy: BusyStatus
    ) -> None:
        self.is_on_subshell = is_on_subshell(opening)
        self.pushed: NotebookCells | None = None
        self._comm = comm
        # It did not answer the last request, and has sent nothing since.
        self._is_silent = False
        own = Handlers(handlers)
        own.on(protocol.CELLS, self._keep)
        self.connection = Connection(comm.send, own)
        shield(comm, self._receive, busy=busy)
        self._receive(opening)

    def close(self) -> None:
        """Close the comm and end what is in progress on it."""
        self.connection.close()
        self._comm.close()

    def pull(self, asking: str, *, timeout_s: float) -> NotebookCells | None:
        """Return the cells as they are now, or None if they do not arrive in time."""
        if not self.is_on_subshell or self._is_silent:
            return None
        try:
            return self.connection.request(
                protocol.GET_CELLS, CellsWanted(asking=asking), timeout_s=timeout_s
            )
        except TimeoutError:
            self._is_silent = True
        except CodeFaceError:
            # The pushed cells will do; a page that sent a bad message has got an error.
            pass
        return None

    def _receive(self, message: dict[str, Any]) -> None:
        self._is_silent = False
        self.connection.receive(message["content"]["data"])

    def _keep(self, cells: NotebookCells) -> None:
        self.pushed = cells
