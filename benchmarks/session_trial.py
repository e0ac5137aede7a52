"""Run a cell in a copy of the process, as it stands, and send back what came of it.

The copy is a fork: it has the notebook's whole state at once, and whatever the cell does
to it is gone afterwards. It may neither write into the notebook's folder, start programs by
name nor outlive its limits of time and memory.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from codeface_jupyter.namespace import own_variables

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Observed", "Trial", "observe", "run_in_copy", "user_variables"]

MEMORY_BYTES = 6 * 2**30
# On a busy machine a second of work takes longer; what only waits is stopped all the same.
WALL_PER_CPU_S = 4
CHUNK_BYTES = 2**20
LENGTH_BYTES = 8


@dataclass(frozen=True)
class Trial:
    """How a copy ended, and the bytes it sent if it ran to its end."""

    ending: Literal["done", "time limit", "died"]
    payload: bytes = b""


@dataclass
class Observed:
    """What a cell did.

    Attributes
    ----------
    namespace
        The variables afterwards.
    value
        The value of its last expression.
    error
        What it raised, or why it does not parse.
    does_parse
        Whether it could be run at all.
    calls
        The arguments of every call of ``print`` and ``display``.
    text
        All that was written, warnings aside.
    has_figure
        Whether it drew one.
    """

    namespace: dict[str, Any]
    value: Any = None
    error: BaseException | None = None
    does_parse: bool = True
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    text: str = ""
    has_figure: bool = False


def run_in_copy(work: Callable[[], bytes], *, cpu_s: float, folder: Path) -> Trial:
    """Return what ``work`` gives in a fork of this process, in a copy of ``folder``.

    Parameters
    ----------
    work
        Runs in the copy; its error is a mistake of this program and is raised here.
    cpu_s
        Seconds of processor time that it may take.
    folder
        Its working directory, of which it gets a copy.

    Raises
    ------
    RuntimeError
        If ``work`` raised.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "notebook"
        shutil.copytree(folder, copy)
        read_end, write_end = os.pipe()
        pid = _fork()
        if pid == 0:
            os.close(read_end)
            _be_the_copy(work, write_end=write_end, cpu_s=cpu_s, folder=copy)
        os.close(write_end)
        try:
            message = _read(read_end, until_s=time.monotonic() + WALL_PER_CPU_S * cpu_s)
        finally:
            os.close(read_end)
            status = _end(pid)
    return _trial(message, status)


def _fork() -> int:
    # Newer Pythons warn where other threads are: the copy needs none of them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _be_the_copy(work: Callable[[], bytes], *, write_end: int, cpu_s: float, folder: Path) -> None:
    """Do the work and leave, whatever happens: nothing of the parent's may run to its end here."""
    try:
        os.setsid()
        os.chdir(folder)
        _limit(cpu_s)
        message = b"+" + work()
    except BaseException:  # noqa: BLE001 - the process boundary: the parent is told
        message = b"-" + traceback.format_exc().encode()
    try:
        view = memoryview(len(message).to_bytes(LENGTH_BYTES, "big") + message)
        while view:
            view = view[os.write(write_end, view) :]
    finally:
        os._exit(0)


def _limit(cpu_s: float) -> None:
    os.environ["PATH"] = ""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    seconds = max(1, round(cpu_s))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read(read_end: int, *, until_s: float) -> bytes | None:
    """Return the message, what is there of it when its sender is gone, or None if time is up."""
    got = bytearray()
    # Processes that the sender left behind may keep the pipe open, so its length comes first.
    while len(got) < LENGTH_BYTES + int.from_bytes(got[:LENGTH_BYTES], "big"):
        ready, _, _ = select.select([read_end], [], [], max(0.0, until_s - time.monotonic()))
        if not ready:
            return None
        part = os.read(read_end, CHUNK_BYTES)
        if not part:
            break
        got += part
    return bytes(got[LENGTH_BYTES:])


def _end(pid: int) -> int:
    """End the copy and all that it started; return its status."""
    done, status = os.waitpid(pid, os.WNOHANG)
    # Where the last of them has gone by itself, there is nobody to end.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return status if done else os.waitpid(pid, 0)[1]


def _trial(message: bytes | None, status: int) -> Trial:
    if message is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return Trial("time limit")
    if message[:1] == b"-":
        raise RuntimeError(message[1:].decode())
    return Trial("done", message[1:]) if message else Trial("died")


def observe(shell: InteractiveShell, code: str, *, forbidden: Sequence[str] = ()) -> Observed:
    """Run ``code`` as the notebook's next cell and return what it did.

    It changes the shell, and what prints: only a copy should call it.
    """
    hidden = {name: shell.user_ns.pop(name) for name in forbidden if name in shell.user_ns}
    calls = _record_calls()
    figures = _figures()
    sys.stdout, sys.stderr = written, _ = io.StringIO(), io.StringIO()
    result = shell.run_cell(code, store_history=True)
    return Observed(
        namespace=hidden | user_variables(shell),
        value=result.result,
        error=result.error_before_exec or result.error_in_exec,
        does_parse=not isinstance(result.error_before_exec, SyntaxError),
        calls=calls,
        text=written.getvalue(),
        has_figure=bool(_figures() - figures),
    )


def user_variables(shell: InteractiveShell) -> dict[str, Any]:
    """Return the notebook's own variables, without IPython's."""
    return own_variables(shell.user_ns, hidden=shell.user_ns_hidden)


def _record_calls() -> list[tuple[Any, ...]]:
    """Have ``print`` and ``display`` remember what they are given; return where."""
    calls: list[tuple[Any, ...]] = []
    for name in ("print", "display"):
        setattr(builtins, name, _recording(getattr(builtins, name), calls))
    return calls


def _recording(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> Callable[..., Any]:
    def record(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return function(*args, **options)

    return record


def _figures() -> set[int]:
    """Return the numbers of the open figures on which something is drawn."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return set()
    return {number for number in pyplot.get_fignums() if pyplot.figure(number).axes}
