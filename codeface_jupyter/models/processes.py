"""What a process of our own prints, line by line, while a job may still be stopped."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterator

from codeface_jupyter.jobs import Job

__all__ = ["lines"]

POLL_S = 0.1


def lines(process: subprocess.Popen[str], job: Job) -> Iterator[str]:
    """Yield the lines that the process prints, checking ``job`` while it prints none.

    Raises
    ------
    Cancelled
        If ``job`` was stopped; the process still runs then.
    """
    said: queue.SimpleQueue[str | _End] = queue.SimpleQueue()

    def read() -> None:
        try:
            for line in process.stdout or ():
                said.put(line)
        except ValueError:
            # Who ends the process closes its output, perhaps between two lines that it has said.
            if process.stdout is None or not process.stdout.closed:
                raise
        finally:
            said.put(_End())

    reader = threading.Thread(target=read, name="codeface-process", daemon=True)
    reader.start()
    while True:
        job.check()
        try:
            line = said.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if isinstance(line, _End):
            reader.join()
            return
        yield line


class _End:
    """The process has closed its output."""
