"""Run a module of Python's as ``python -m`` does, and end when the process that began it has ended.

A script, for a process of its own. A kernel that is killed cannot end its children itself, and a
download would go on for nobody. On Windows, where an orphan is not told so, it does.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time

__all__: list[str] = []

POLL_S = 0.5


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    # Not `sys.exit`, which would only end this thread.
    os._exit(1)


def _main(parent: int, module: str) -> None:
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # The module is to see its own arguments only.
    sys.argv[:] = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
