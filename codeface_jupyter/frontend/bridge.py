"""The kernel's end of the comms to JupyterLab: handlers, the notebook's cells, status."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from comm import create_comm, get_comm_manager

from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.connection import Handlers
from codeface_jupyter.frontend.front_end import FrontEnd, NotebookSnapshot
from codeface_jupyter.frontend.protocol import (
    PROTOCOL_VERSION,
    Cell,
    NotebookCells,
    Notification,
    Request,
)
from codeface_jupyter.frontend.subshells import BusyStatus, is_on_subshell
from codeface_jupyter.jobs import Job
from codeface_jupyter.threads import new_lock
from codeface_jupyter.version import __version__

if TYPE_CHECKING:
    from comm.base_comm import BaseComm

__all__ = ["Bridge"]

PULL_TIMEOUT_S = 0.3  # an answer takes 5 to 25 ms
STATUS_INTERVAL_S = 0.5
# Reloaded pages leave their comms behind; the oldest go first.
MAX_FRONT_ENDS = 8

P = TypeVar("P", bound=Mapping[str, object])
R = TypeVar("R", bound=Mapping[str, object])


class Bridge:
    """Talks to every notebook that JupyterLab has open on this kernel.

    Without a kernel, without the labextension or in another front end it does
    nothing and has no cells to give.

    Parameters
    ----------
    shell
        The shell that the magics live in.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kernel = getattr(shell, "kernel", None)
        self._busy = BusyStatus(shell)
        self._handlers = Handlers()
        self._hello: BaseComm | None = None
        self._status: protocol.Status | None = None
        self._status_sent_at = 0.0
        self._answers: protocol.KnownAnswers = {"answer_ids": []}
        # Newest last. Written in a subshell's thread, read in the main one.
        self._front_ends: list[FrontEnd] = []
        self._lock = new_lock()
        # Which answers are known is told in one order.
        self._answers_lock = new_lock()

    def open(self) -> None:
        """Announce the extension to the front ends of this kernel; harmless when repeated."""
        if self._kernel is None or self._hello is not None:
            return
        self._busy.open()
        get_comm_manager().register_target(protocol.NOTEBOOK_TARGET, self._opened)
        hello: protocol.HelloMessage = {
            "version": PROTOCOL_VERSION,
            "type": "hello",
            "package_version": __version__,
        }
        self._hello = create_comm(target_name=protocol.HELLO_TARGET, data=dict(hello))

    def close(self) -> None:
        """Close every comm and forget the front ends; `open` may follow."""
        if self._hello is None:
            return
        get_comm_manager().unregister_target(protocol.NOTEBOOK_TARGET, self._opened)
        with self._lock:
            front_ends, self._front_ends = self._front_ends, []
        self._hello.close()
        self._hello = None
        for front_end in front_ends:
            front_end.close()
        self._busy.close()

    def on(self, notification: Notification[P], handler: Callable[[P], None]) -> None:
        """Call ``handler`` with the payload of each ``notification`` of a front end.

        It may be called in a subshell's thread, and must neither display anything nor take
        long. What it raises is sent to the front end. Of several handlers the last one counts.
        """
        self._handlers.on(notification, handler)

    def handle(
        self,
        request: Request[P, R],
        handler: Callable[[P, Job], R],
        *,
        in_thread: bool = False,
    ) -> None:
        """Let ``handler`` answer each ``request`` of a front end.

        It is called with the payload and a job, which says when the result is no longer
        wanted, and under the same terms as a handler of `on`. What it raises is sent back as
        the request's error.

        Parameters
        ----------
        in_thread
            Call it in its own thread: it may take long, and can be cancelled. A handler that
            touches the session needs it: the first touch makes the session.
        """
        self._handlers.handle(request, handler, in_thread=in_thread)

    @property
    def shows_cell(self) -> bool:
        """Whether the cell that runs is in a notebook with the labextension."""
        return self._front_end_of(self.cell_id()) is not None

    @property
    def is_heard_while_busy(self) -> bool | None:
        """Whether a click reaches the kernel while a cell runs; None when nothing tells."""
        front_end = self._front_end_of(self.cell_id())
        return None if front_end is None else front_end.is_on_subshell

    def on_cell_start(self, handler: Callable[[str], None]) -> None:
        """Call ``handler`` with the source of a cell that begins to run; it must take no time."""
        self._busy.on_cell_start.append(handler)

    @property
    def is_cell_running(self) -> bool:
        """Whether a cell runs; asked from any thread."""
        return self._busy.is_running

    def cell_id(self) -> str | None:
        """Return the id of the cell that runs, or None where cells have none."""
        if self._kernel is None:
            return None
        found = self._kernel.get_parent().get("metadata", {}).get("cellId")
        return found if isinstance(found, str) else None

    def shows(self, cell_id: str | None) -> bool:
        """Whether a cell may be in a notebook with the labextension; None is in no notebook."""
        return self._front_end_of(cell_id) is not None

    def cells(
        self, cell_id: str | None = None, *, timeout_s: float = PULL_TIMEOUT_S
    ) -> NotebookSnapshot | None:
        """Return the notebook of a cell, or None if no front end knows it.

        Parameters
        ----------
        cell_id
            The cell; the one that runs unless given.
        timeout_s
            How long the front end may take to send the cells as they are now.
            After that, those that it sent before the cell ran are taken.
        """
        cell_id = cell_id or self.cell_id()
        if cell_id is None:
            return None
        found = self._front_end_of(cell_id)
        # A subshell may hear of the cell only after it has begun to run: any page may hold it.
        for front_end in [found] if found is not None else self._understood():
            pulled = front_end.pull(cell_id, timeout_s=timeout_s)
            snapshot = self._snapshot(pulled, cell_id, source="pulled")
            if snapshot is not None:
                return snapshot
        found = found or self._front_end_of(cell_id)
        return self._snapshot(found.pushed, cell_id, source="pushed") if found else None

    def snapshot(self, cells: NotebookCells) -> NotebookSnapshot | None:
        """Return the notebook that a page has sent; None if no cell of it asks."""
        asking = cells["asking"]
        return None if asking is None else self._snapshot(cells, asking, source="pulled")

    def publish_status(
        self,
        *,
        model: str,
        engine: str,
        state: Literal["idle", "loading", "generating"],
        tokens_per_s: float | None = None,
    ) -> None:
        """Show the session's state in the status bar; cheap enough to call at each painting."""
        before = self._status
        self._status = {
            "model": model,
            "engine": engine,
            "state": state,
            "tokens_per_s": tokens_per_s,
        }
        is_same = before is not None and {**before, "tokens_per_s": tokens_per_s} == self._status
        if is_same and time.monotonic() - self._status_sent_at < STATUS_INTERVAL_S:
            return
        self._status_sent_at = time.monotonic()
        for front_end in list(self._front_ends):
            front_end.connection.notify(protocol.STATUS, self._status)
        # The widgets that show an answer talk to the kernel as well, by comms of their own.
        if self._hello is not None:
            self._busy.restore()

    def publish_answers(self, answer_ids: list[str]) -> None:
        """Tell the pages which answers can be asked about."""
        with self._answers_lock:
            self._answers = {"answer_ids": answer_ids}
            for front_end in list(self._front_ends):
                front_end.connection.notify(protocol.ANSWERS, self._answers)

    def _front_end_of(self, cell_id: str | None) -> FrontEnd | None:
        """Return the front end that holds the cell; the newest, if none has said so yet."""
        if cell_id is None:
            return None
        newest_first = self._newest_first()
        for is_of in (_asks, _holds):
            for front_end in newest_first:
                if front_end.pushed is not None and is_of(front_end.pushed, cell_id):
                    return front_end
        # A page of another release is none that could show anything.
        return next((f for f in self._understood() if f.pushed is None), None)

    def _newest_first(self) -> list[FrontEnd]:
        with self._lock:
            return self._front_ends[::-1]

    def _understood(self) -> list[FrontEnd]:
        return [
            front_end for front_end in self._newest_first() if front_end.connection.is_understood
        ]

    def _snapshot(
        self, cells: NotebookCells | None, cell_id: str, *, source: Literal["pulled", "pushed"]
    ) -> NotebookSnapshot | None:
        if cells is None or all(cell["id"] != cell_id for cell in cells["cells"]):
            return None
        return NotebookSnapshot(
            path=cells["path"],
            asking=cell_id,
            cells=tuple(cells["cells"]),
            executed=self._executed(cells["cells"]),
            source=source,
            is_run_all=_asks(cells, cell_id) and cells.get("is_run_all", False),
            ask_in_run_all=cells.get("ask_in_run_all"),
            answers=cells.get("answers"),
        )

    def _executed(self, cells: list[Cell]) -> frozenset[str]:
        # A saved notebook keeps the counts of earlier kernels, so they prove nothing.
        history = {source.strip() for source in self._shell.history_manager.input_hist_raw}
        return frozenset(
            cell["id"]
            for cell in cells
            if cell["type"] == "code"
            and (
                cell["source"].strip() in history if not cell["is_cut"] else cell["execution_count"]
            )
        )

    def _opened(self, comm: BaseComm, message: dict[str, Any]) -> None:
        front_end = FrontEnd(comm, message, handlers=self._handlers, busy=self._busy)
        comm.on_close(lambda _message: self._closed(front_end))
        with self._lock:
            self._front_ends.append(front_end)
            surplus = self._front_ends[:-MAX_FRONT_ENDS]
            self._front_ends = self._front_ends[-MAX_FRONT_ENDS:]
        for old in surplus:
            old.close()
        with self._answers_lock:
            front_end.connection.notify(protocol.ANSWERS, self._answers)
        if self._status is not None:
            front_end.connection.notify(protocol.STATUS, self._status)
        if is_on_subshell(message):
            self._busy.restore_soon()

    def _closed(self, front_end: FrontEnd) -> None:
        front_end.connection.close()
        with self._lock:
            if front_end in self._front_ends:
                self._front_ends.remove(front_end)


def _asks(notebook: NotebookCells, cell_id: str) -> bool:
    return notebook["asking"] == cell_id


def _holds(notebook: NotebookCells, cell_id: str) -> bool:
    """Whether a cell is in a notebook: in Run All, the last cell is the one that was sent last."""
    return any(cell["id"] == cell_id for cell in notebook["cells"])
