"""End a process when the one that began it has ended.

Also a script, which runs a module of Python's as ``python -m`` does, and ends so. A kernel that
is killed cannot end its children itself, and a download or a conversion would go on for nobody.
On Windows, where an orphan is not told so, it does.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time

__all__ = ["end_with"]

POLL_S = 0.5


def end_with(parent: int) -> None:
    """End this process soon after the process ``parent``, which began it."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    # Not `sys.exit`, which would only end this thread.
    os._exit(1)


def _main(parent: int, module: str) -> None:
    end_with(parent)
    # The module is to see its own arguments only.
    sys.argv[:] = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
