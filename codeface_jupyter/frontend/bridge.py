"""The kernel's end of the comm to JupyterLab: the notebook's cells, Stop, status, insertion."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from comm import create_comm, get_comm_manager

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.protocol import PROTOCOL_VERSION, Cell, NotebookSnapshot
from codeface_jupyter.frontend.subshells import BusyStatus, is_on_subshell, shield
from codeface_jupyter.version import __version__

if TYPE_CHECKING:
    from comm.base_comm import BaseComm

__all__ = ["Bridge"]

logger = logging.getLogger(__name__)

PULL_TIMEOUT_S = 0.3  # an answer takes 5 to 25 ms
STATUS_INTERVAL_S = 0.5
# Reloaded pages leave their comms behind; the oldest go first.
MAX_FRONT_ENDS = 8


@dataclass(eq=False)
class _FrontEnd:
    """One notebook on one page.

    Attributes
    ----------
    is_on_subshell
        Whether its messages are handled while a cell runs.
    is_silent
        It did not answer the last question, and has said nothing since.
    """

    comm: BaseComm
    is_on_subshell: bool
    pushed: protocol.NotebookMessage | None = None
    is_silent: bool = False


class Bridge:
    """Talks to every notebook that JupyterLab has open on this kernel.

    Without a kernel, without the labextension or in another front end it does
    nothing, and says that it knows nothing.

    Parameters
    ----------
    shell
        The shell that the magics live in.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kernel = getattr(shell, "kernel", None)
        self._busy = BusyStatus(shell)
        self._hello: BaseComm | None = None
        self._status: protocol.StatusMessage | None = None
        self._status_sent_at = 0.0
        # Newest last. Written in a subshell's thread, read in the main one.
        self._front_ends: list[_FrontEnd] = []
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[protocol.CellsMessage]] = {}
        self._stop: Callable[[], None] | None = None
        self._ask_again: Callable[[str], None] | None = None
        self._stats: Callable[[], str] | None = None
        self._apply_settings: Callable[[protocol.FrontEndSettings], None] | None = None

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
            comms = [self._hello, *(front_end.comm for front_end in self._front_ends)]
            self._front_ends.clear()
        self._hello = None
        for comm in comms:
            comm.close()
        self._busy.close()

    @property
    def is_connected(self) -> bool:
        """Whether a notebook with the labextension is open on this kernel."""
        return bool(self._front_ends)

    @property
    def shows_cell(self) -> bool:
        """Whether the cell that runs is in a notebook with the labextension."""
        return self._front_end_of(self.cell_id()) is not None

    @property
    def is_heard_while_busy(self) -> bool | None:
        """Whether a click reaches the kernel while a cell runs; None when nothing tells."""
        front_end = self._front_end_of(self.cell_id())
        return None if front_end is None else front_end.is_on_subshell

    def on_stop(self, callback: Callable[[], None] | None) -> None:
        """Have ``callback`` called, maybe in another thread, when the front end says stop."""
        self._stop = callback

    def on_ask_again(self, callback: Callable[[str], None] | None) -> None:
        """Have ``callback`` called, maybe in another thread, with the id of an answer.

        The user wants its question asked once more. What it raises is told to the front end.
        """
        self._ask_again = callback

    def on_stats(self, callback: Callable[[], str] | None) -> None:
        """Have ``callback`` give the text of the session's figures when they are asked for."""
        self._stats = callback

    def on_settings(self, callback: Callable[[protocol.FrontEndSettings], None] | None) -> None:
        """Have ``callback`` called with the front end's settings, at first and when they change."""
        self._apply_settings = callback

    def cell_id(self) -> str | None:
        """Return the id of the cell that runs, or None where cells have none."""
        if self._kernel is None:
            return None
        found = self._kernel.get_parent().get("metadata", {}).get("cellId")
        return found if isinstance(found, str) else None

    def cells(self, *, timeout_s: float = PULL_TIMEOUT_S) -> NotebookSnapshot | None:
        """Return the notebook of the cell that runs, or None if no front end knows it.

        Parameters
        ----------
        timeout_s
            How long the front end may take to send the cells as they are now.
            After that, those that it sent before the cell ran are taken.
        """
        cell_id = self.cell_id()
        front_end = self._front_end_of(cell_id)
        if cell_id is None or front_end is None:
            return None
        pulled = self._pull(front_end, asking=cell_id, timeout_s=timeout_s)
        return self._snapshot(pulled, cell_id, source="pulled") or self._snapshot(
            front_end.pushed, cell_id, source="pushed"
        )

    def insert(
        self,
        source: str,
        *,
        cell_type: Literal["code", "markdown"] = "code",
        mode: Literal["below", "replace"] = "below",
    ) -> bool:
        """Have a cell put below the one that runs, or in its place; it is not run.

        Returns
        -------
        bool
            Whether there is a front end to do it.
        """
        cell_id = self.cell_id()
        front_end = self._front_end_of(cell_id)
        if cell_id is None or front_end is None:
            return False
        message: protocol.InsertMessage = {
            "version": PROTOCOL_VERSION,
            "type": "insert",
            "cell_id": cell_id,
            "mode": mode,
            "cell_type": cell_type,
            "source": source,
        }
        _send(front_end, message)
        return True

    def publish_status(
        self,
        *,
        model: str,
        engine: str,
        state: Literal["idle", "loading", "generating"],
        tokens_per_s: float | None = None,
    ) -> None:
        """Show the session's state in the status bar; cheap enough to call at each painting."""
        status: protocol.StatusMessage = {
            "version": PROTOCOL_VERSION,
            "type": "status",
            "model": model,
            "engine": engine,
            "state": state,
            "tokens_per_s": tokens_per_s,
        }
        same_state = self._status is not None and self._status["state"] == state
        self._status = status
        if same_state and time.monotonic() - self._status_sent_at < STATUS_INTERVAL_S:
            return
        self._status_sent_at = time.monotonic()
        for front_end in list(self._front_ends):
            _send(front_end, status)
        # The widgets that show an answer talk to the kernel as well, by comms of their own.
        if self._hello is not None:
            self._busy.restore()

    def _front_end_of(self, cell_id: str | None) -> _FrontEnd | None:
        """Return the front end that holds the cell; the newest, if none has said so yet."""
        if cell_id is None:
            return None
        with self._lock:
            newest_first = self._front_ends[::-1]
        for front_end in newest_first:
            if front_end.pushed is not None and front_end.pushed["asking"] == cell_id:
                return front_end
        return next((f for f in newest_first if f.pushed is None), None)

    def _pull(
        self, front_end: _FrontEnd, *, asking: str, timeout_s: float
    ) -> protocol.CellsMessage | None:
        if not front_end.is_on_subshell or front_end.is_silent:
            return None
        request: protocol.CellsRequest = {
            "version": PROTOCOL_VERSION,
            "type": "get_cells",
            "request_id": uuid.uuid4().hex,
            "asking": asking,
        }
        answer: Future[protocol.CellsMessage] = Future()
        self._waiting[request["request_id"]] = answer
        _send(front_end, request)
        try:
            return answer.result(timeout=timeout_s)
        except TimeoutError:
            front_end.is_silent = True
            return None
        finally:
            self._waiting.pop(request["request_id"], None)

    def _snapshot(
        self,
        message: protocol.CellsMessage | protocol.NotebookMessage | None,
        cell_id: str,
        *,
        source: Literal["pulled", "pushed"],
    ) -> NotebookSnapshot | None:
        if message is None or all(cell["id"] != cell_id for cell in message["cells"]):
            return None
        return NotebookSnapshot(
            path=message["path"],
            asking=cell_id,
            cells=tuple(message["cells"]),
            executed=self._executed(message["cells"]),
            source=source,
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
        front_end = _FrontEnd(comm, is_on_subshell=is_on_subshell(message))
        shield(comm, partial(self._received, front_end), busy=self._busy)
        comm.on_close(lambda _message: self._forget(front_end))
        with self._lock:
            self._front_ends.append(front_end)
            surplus = self._front_ends[:-MAX_FRONT_ENDS]
        for old in surplus:
            self._forget(old)
            old.comm.close()
        self._received(front_end, message)
        if self._status is not None:
            _send(front_end, self._status)
        if is_on_subshell(message):
            self._busy.restore_soon()

    def _forget(self, front_end: _FrontEnd) -> None:
        with self._lock:
            if front_end in self._front_ends:
                self._front_ends.remove(front_end)

    def _received(self, front_end: _FrontEnd, message: dict[str, Any]) -> None:
        front_end.is_silent = False
        try:
            self._handle(front_end, protocol.parse_front_end_message(message["content"]["data"]))
        except CodeFaceError as error:
            _send_error(front_end, str(error))
        except Exception as error:
            # The comm boundary: the sender is told, and the kernel's log keeps the traceback.
            logger.warning("A message of the front end failed", exc_info=True)
            _send_error(front_end, f"{type(error).__name__}: {error}")

    def _handle(self, front_end: _FrontEnd, message: protocol.FrontEndMessage) -> None:
        if message["type"] == "notebook":
            front_end.pushed = message
        elif message["type"] == "cells":
            answer = self._waiting.pop(message["request_id"], None)
            if answer is not None:
                answer.set_result(message)
        elif message["type"] == "stop":
            if self._stop is not None:
                self._stop()
        elif message["type"] == "ask_again":
            if self._ask_again is not None:
                self._ask_again(message["answer_id"])
        elif message["type"] == "get_stats":
            _send_stats(front_end, message["request_id"], self._stats() if self._stats else "")
        elif self._apply_settings is not None:
            self._apply_settings(message["settings"])


def _send(front_end: _FrontEnd, message: protocol.KernelMessage) -> None:
    front_end.comm.send(dict(message))


def _send_stats(front_end: _FrontEnd, request_id: str, text: str) -> None:
    stats: protocol.StatsMessage = {
        "version": PROTOCOL_VERSION,
        "type": "stats",
        "request_id": request_id,
        "text": text,
    }
    _send(front_end, stats)


def _send_error(front_end: _FrontEnd, text: str) -> None:
    error: protocol.ErrorMessage = {
        "version": PROTOCOL_VERSION,
        "type": "error",
        "message": text,
    }
    _send(front_end, error)
