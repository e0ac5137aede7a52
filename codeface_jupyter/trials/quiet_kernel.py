"""What code in a copy of the kernel meets of IPython, Matplotlib and thread pools.

All of it changes the copy only, which nobody sees: displays are collected, messages to the page are
dropped, magics are run if they are harmless, figures are drawn off screen, libraries use one
thread, since those they had did not come along.
"""

from __future__ import annotations

import builtins
import contextlib
import getpass
import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from codeface_jupyter.trials.collected import CollectedDisplays, CollectedText
from codeface_jupyter.trials.guard.audit import RefusedOnCopyError

__all__ = [
    "NotOnCopyError",
    "collect_displays",
    "draw_offscreen",
    "find_shell",
    "refuse_questions",
    "replace_streams",
    "restrict_magics",
    "use_one_thread",
    "work_alone",
]

BACKEND = "module://codeface_jupyter.trials.offscreen"
# Magics that only look, measure or display.
HARMLESS = frozenset(
    {"capture", "cd", "env", "html", "javascript", "latex", "markdown", "pdef", "pdoc", "pinfo"}
    | {"pinfo2", "pprint", "precision", "psource", "pwd", "svg", "time", "timeit"}
    | {"who", "who_ls", "whos"}
)
# Magics without an effect on what code computes.
WITHOUT_EFFECT = frozenset(
    {"autoreload", "colors", "config", "load_ext", "matplotlib", "reload_ext", "xmode"}
)
ONCE = "-n 1 -r 1"
THREADS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class NotOnCopyError(Exception):
    """A magic or a command that is not run in a copy of the kernel."""


def find_shell() -> Any | None:
    """Return IPython's shell; None outside it."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def collect_displays(shell: Any) -> CollectedDisplays:
    """Collect what ``display`` is given from now on."""
    displays = CollectedDisplays()
    shell.display_pub.publish = displays.publish
    shell.display_pub.clear_output = displays.clear_output
    _drop_messages()
    return displays


def replace_streams(*, out: CollectedText, err: CollectedText) -> None:
    """Collect what is printed from now on, also by who has kept one of the streams."""
    for old, new in ((sys.stdout, out), (sys.stderr, err)):
        # Python's own streams refuse that, and end in a closed descriptor.
        with contextlib.suppress(AttributeError):
            old.write, old.flush = new.write, new.flush  # type: ignore[method-assign]
    sys.stdout, sys.stderr = out, err


def restrict_magics(shell: Any) -> None:
    """Let only harmless magics be run, and no commands."""
    shell.run_line_magic = _line_magics(shell.run_line_magic)
    shell.run_cell_magic = _cell_magics(shell.run_cell_magic)
    for name in ("system", "system_piped", "system_raw", "getoutput"):
        setattr(shell, name, _refuse_command)


def refuse_questions() -> None:
    """Let nothing be asked of the user."""
    builtins.input = _refuse_question
    getpass.getpass = _refuse_question


def draw_offscreen() -> None:
    """Have Matplotlib draw into memory, whether it is loaded or yet to be."""
    os.environ["MPLBACKEND"] = BACKEND
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is not None:
        matplotlib.use(BACKEND)


def use_one_thread() -> None:
    """Have libraries use one thread, also those that are yet to be loaded."""
    for name in THREADS_VARIABLES:
        os.environ[name] = "1"
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    if THREAD_POOLS is not None:
        THREAD_POOLS.threadpool_limits(1)


def work_alone() -> None:
    """Have joblib, and with it scikit-learn, do what it would give to other processes itself.

    It cannot start any, nor make the locks that its threads use.
    """
    os.environ["JOBLIB_MULTIPROCESSING"] = "0"
    for name in ("joblib.parallel", "joblib._parallel_backends"):
        module: Any = sys.modules.get(name)
        if module is not None:
            module.mp = None


def _load_thread_pools() -> ModuleType | None:
    """Load threadpoolctl, before any fork; scikit-learn, whose pools it knows, brings it."""
    try:
        return importlib.import_module("threadpoolctl")
    except ImportError:
        return None


THREAD_POOLS: Any = _load_thread_pools()


def _drop_messages() -> None:
    """Drop what the kernel would send: the thread that sends, and its sockets, are not here."""
    stream = sys.modules.get("ipykernel.iostream")
    if stream is not None:
        stream.IOPubThread.send_multipart = _drop
        stream.IOPubThread.schedule = _drop


def _drop(*_: object, **__: object) -> None:
    return


def _line_magics(run: Callable[..., object]) -> Callable[..., object]:
    def run_line_magic(magic_name: str, line: str, *rest: Any, **options: Any) -> object:
        if not _is_run(f"%{magic_name}"):
            return None
        depth = options.pop("_stack_depth", 1)
        return run(magic_name, _once(magic_name, line), *rest, _stack_depth=depth + 1, **options)

    return run_line_magic


def _cell_magics(run: Callable[..., object]) -> Callable[..., object]:
    def run_cell_magic(magic_name: str, line: str, cell: str) -> object:
        if not _is_run(f"%%{magic_name}"):
            return None
        return run(magic_name, _once(magic_name, line), cell)

    return run_cell_magic


def _is_run(magic: str) -> bool:
    name = magic.lstrip("%")
    if name not in HARMLESS | WITHOUT_EFFECT:
        raise NotOnCopyError(f"{magic} is not run in a copy of the kernel")
    return name in HARMLESS


def _once(name: str, line: str) -> str:
    """Return a magic's line, with `%timeit` measuring once instead of for seconds."""
    is_free = name == "timeit" and not {"-n", "-r"} & {word[:2] for word in line.split()}
    return f"{ONCE} {line}" if is_free else line


def _refuse_command(command: object = "", *_: object, **__: object) -> NoReturn:
    raise NotOnCopyError(f"!{str(command).strip()} is not run in a copy of the kernel")


def _refuse_question(*_: object, **__: object) -> NoReturn:
    raise RefusedOnCopyError("would ask you for input")
