"""A real kernel that is spoken to as JupyterLab does, for the benchmarks that need one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from jupyter_client.manager import start_new_kernel

__all__ = ["Kernel"]

TIMEOUT_S = 600


class Kernel:
    """A kernel in a process of its own."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(startup_timeout=60)

    def messages(self, code: str) -> Iterator[tuple[float, dict[str, Any]]]:
        """Run a cell with an id, so that widgets are used; yield its messages as they come.

        Yields
        ------
        tuple
            Seconds since the cell was sent, and the message.
        """
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": "cell"})
        begin = time.perf_counter()
        self.client.shell_channel.send(message)
        while True:
            reply = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if reply["msg_type"] == "error":
                raise RuntimeError("\n".join(reply["content"]["traceback"]))
            yield time.perf_counter() - begin, reply
            if reply["content"].get("execution_state") == "idle":
                return

    def run(self, code: str) -> str:
        """Run a cell; return what it printed."""
        return "".join(
            message["content"]["text"]
            for _, message in self.messages(code)
            if message["msg_type"] == "stream"
        )

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
