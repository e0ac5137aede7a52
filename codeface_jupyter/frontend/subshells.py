"""Comm messages that are handled while a cell runs.

JupyterLab sends comm messages to a *subshell*, a second thread of the kernel,
so that they do not wait for the running cell. ipykernel undoes this in two
ways, and shows a third side effect; this module is the one place that knows them.

1. ipykernel 7.4 routes a reply to the shell that last *sent* on its comm. While
   a cell runs, that is the busy one.
2. The ``comm`` package wraps a handler in IPython's ``pre_execute`` and
   ``post_execute``. On a subshell matplotlib then takes the running cell's
   figures for the comm's own, and they are lost (ipykernel#1564).
3. A handled message ends with the status ``idle``, although the cell still runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from comm.base_comm import BaseComm

from codeface_jupyter.threads import new_lock

__all__ = ["BusyStatus", "is_click", "is_on_subshell", "shield"]

Message = dict[str, Any]
Handler = Callable[[Message], None]


def shield(comm: BaseComm, handler: Handler, *, busy: BusyStatus | None = None) -> None:
    """Have ``comm``'s messages go to ``handler`` at once, even while a cell runs.

    The handler may be called in a subshell's thread. It must neither display
    anything nor take long. It replaces the comm's own handling, a widget's too.

    Parameters
    ----------
    comm
        Either side may have opened it.
    handler
        Called with each whole message, as ipykernel gives it.
    busy
        Tells front ends after each message whether a cell still runs.
    """
    # ipykernel 7.4 and later; elsewhere the front end's own choice already stands.
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _as_sent  # noqa: SLF001 - there is no public switch

    def handle(message: Message) -> None:
        try:
            handler(message)
        finally:
            if busy is not None and is_on_subshell(message):
                busy.restore_soon()

    comm.handle_msg = handle  # type: ignore[method-assign, assignment]


def _as_sent(_data: object, subshell_id: str | None) -> str | None:
    """Route a message to the subshell that the front end put into its header."""
    return subshell_id


def is_on_subshell(message: Message) -> bool:
    """Whether ``message`` came by a subshell, so that it did not wait for a running cell."""
    return message.get("header", {}).get("subshell_id") is not None


def is_click(message: Message) -> bool:
    """Whether ``message`` is an ipywidgets button's click."""
    data = message.get("content", {}).get("data", {})
    content = data.get("content") if isinstance(data, dict) else None
    return isinstance(content, dict) and content.get("event") == "click"


class BusyStatus:
    """Keeps the kernel's busy indicator true while a cell runs.

    Parameters
    ----------
    shell
        A kernel's shell.

    Attributes
    ----------
    on_cell_start
        Called, in the main thread, with the source of a cell that begins to run.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._running: Message | None = None
        self.on_cell_start: list[Callable[[str], None]] = []
        # Held while `busy` is sent, so that it can never follow the cell's own last `idle`.
        self._lock = new_lock()

    def open(self) -> None:
        """Begin to watch the shell; may be called inside a running cell."""
        self._started(None)
        self._shell.events.register("pre_run_cell", self._started)
        self._shell.events.register("post_run_cell", self._ended)

    def close(self) -> None:
        """Stop watching the shell."""
        self._shell.events.unregister("pre_run_cell", self._started)
        self._shell.events.unregister("post_run_cell", self._ended)
        self._running = None

    @property
    def is_running(self) -> bool:
        """Whether a cell runs."""
        return self._running is not None

    def restore_soon(self) -> None:
        """Say ``busy`` again, once the message being handled has been reported as done."""
        # The loop takes this up after ipykernel has finished with the present message.
        asyncio.get_running_loop().call_soon(self.restore)

    def restore(self) -> None:
        """Say ``busy`` again if a cell runs; may be called in any thread."""
        with self._lock:
            if self._running is not None:
                kernel = self._shell.kernel
                kernel.session.send(
                    kernel.iopub_socket,
                    "status",
                    {"execution_state": "busy"},
                    parent=self._running,
                    ident=b"kernel.status",
                )

    def _started(self, info: object) -> None:
        parent = self._shell.kernel.get_parent()
        header = parent.get("header", {})
        # A cell on a subshell has a status of its own; of a silent one the end is not told.
        is_told = not parent.get("content", {}).get("silent", False)
        is_cell = header.get("msg_type") == "execute_request" and is_told
        if is_cell and not is_on_subshell(parent):
            with self._lock:
                self._running = parent
            source = str(getattr(info, "raw_cell", ""))
            for handler in self.on_cell_start:
                handler(source)

    def _ended(self, _result: object) -> None:
        if not is_on_subshell(self._shell.kernel.get_parent()):
            with self._lock:
                self._running = None
