"""llama.cpp's process: started, watched, and ended with the kernel at the latest."""

from __future__ import annotations

import json
import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from codeface_jupyter.jobs import Job

__all__ = ["ChildDiedError", "ServerProcess"]

SCRIPT = Path(__file__).with_name("server_process.py")
SOCKET_NAME = "llama.sock"
# What the address of a Unix socket may take, on every system that has them.
MAX_SOCKET_PATH = 100
LOOPBACK = "127.0.0.1"
# These would configure llama.cpp's server, or are none of its business.
UNWANTED_VARIABLES = ("AIP_", "CODEFACE_", "LLAMA_")

POLL_S = 0.1
DEATH_S = 5.0
# A load reads, copies and computes; one that does none of it does not end.
STALLED_S = 20.0
# Beyond twice what it should take, in case the estimate is wrong.
UNEXPECTED_BYTES = 2**31
KEPT_LINES, LINE_BYTES = 60, 400
# What llama.cpp says of the cause, the best first; the lines after it only say that it failed.
CAUSES = (
    re.compile(r"error loading model: (?P<said>.+)"),
    re.compile(r"(?P<said>GGML_ASSERT.+)|what\(\): +(?P<what>.+)"),
    re.compile(r"^[\d.]+ E (?:\w+ +)?\w+: (?P<said>.+)"),
    re.compile(r"^(?P<said>\w*(?:Error|Exception): .+)"),
)


class ChildDiedError(Exception):
    """llama.cpp's process has ended, or was ended because it did not get on.

    Attributes
    ----------
    returncode
        As `subprocess.Popen` has it; None if it was ended here.
    said
        What it said of the cause; empty if it said nothing.
    """

    def __init__(self, *, returncode: int | None, said: str) -> None:
        super().__init__(said)
        self.returncode = returncode
        self.said = said

    @property
    def signal_name(self) -> str:
        """The signal that ended it, such as SIGILL; empty if none did."""
        if self.returncode is None or self.returncode >= 0:
            return ""
        with suppress(ValueError):
            return signal.Signals(-self.returncode).name
        return f"signal {-self.returncode}"


class ServerProcess:
    """A running llama.cpp server that nobody but this process can ask.

    Parameters
    ----------
    asked
        What to load, and how: see ``server_process.py``.
    expected_bytes
        About how much memory it takes once it is loaded, for the progress; at far more it is
        given up.
    job
        Gets the `Progress` of the load; stopped, it ends the process.

    Attributes
    ----------
    address
        Where it listens: the path of a Unix socket, or ``host:port``.
    api_key
        What every request must carry.

    Raises
    ------
    ChildDiedError
        If it ends, or gets stuck, before it listens.
    Cancelled
        If ``job`` was stopped.
    """

    def __init__(self, asked: Mapping[str, Any], *, expected_bytes: int, job: Job) -> None:
        self.api_key = secrets.token_urlsafe(32)
        self._folder = Path(tempfile.mkdtemp(prefix="codeface-"))
        self._process = _start()
        # Also at exit, and when this object is collected.
        self._end = weakref.finalize(self, _end, self._process, self._folder, os.getpid())
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        _read_in_thread(self._process, self._lines, self._replies)
        try:
            self._send(asked)
            self.address = self._wait(expected_bytes, job)
        except BaseException:
            self.end()
            raise

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def held_bytes(self) -> int:
        """Return the physical memory that it holds; 0 once it has ended."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def death(self) -> ChildDiedError:
        """Return how it died; it is ended if it has not."""
        with suppress(subprocess.TimeoutExpired):
            # Its connections are closed before it is gone.
            self._process.wait(DEATH_S)
        returncode = self._process.poll()
        self.end()
        return ChildDiedError(returncode=returncode, said=_cause(self._lines))

    def end(self) -> None:
        """End the process; the system takes its memory back."""
        self._end()

    def _send(self, asked: Mapping[str, Any]) -> None:
        """Tell it what to load; the key goes this way, since arguments can be read by others."""
        package = find_spec("xllamacpp")
        folder = Path(package.origin).parents[1] if package and package.origin else Path()
        whole = {
            **asked,
            "host": _host(self._folder),
            "folder": str(self._folder),
            "api_key": self.api_key,
            "package_folder": str(folder),
        }
        stdin = self._process.stdin
        if stdin is not None:
            # A process that has died already is noticed by `_wait`.
            with suppress(OSError):
                stdin.write(json.dumps(whole).encode() + b"\n")
                stdin.flush()

    def _wait(self, expected_bytes: int, job: Job) -> str:
        """Wait until it listens; return where."""
        watch = _Watch(expected_bytes)
        while True:
            held = self.held_bytes()
            job.progress("Loading the weights", min(held, expected_bytes), expected_bytes, "B")
            with suppress(queue.Empty):
                reply = self._replies.get(timeout=POLL_S)
                if not reply:
                    raise self.death()
                return _address(reply)
            if watch.is_stuck(held):
                self.end()
                raise ChildDiedError(returncode=None, said=_cause(self._lines))


class _Watch:
    """Notices a load that does not get on: a hostile file can keep llama.cpp busy for ever."""

    def __init__(self, expected_bytes: int) -> None:
        self._most_bytes = 2 * expected_bytes + UNEXPECTED_BYTES
        self._held = 0
        self._grew = time.monotonic()

    def is_stuck(self, held: int) -> bool:
        """Whether a process that holds ``held`` bytes now will not come to an end."""
        now = time.monotonic()
        if held != self._held:
            self._held, self._grew = held, now
        return held > self._most_bytes or now - self._grew > STALLED_S


def _start() -> subprocess.Popen[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(UNWANTED_VARIABLES)
    }
    # Otherwise a failed assertion of llama.cpp would start a debugger.
    environment["GGML_NO_BACKTRACE"] = "1"
    # Threads that wait must not spin for long: beside a busy cell an answer would take many times
    # as long. See decision 17 for the figures.
    environment.setdefault("GOMP_SPINCOUNT", "1000")
    return subprocess.Popen(  # noqa: S603 - this interpreter, and a script of our own
        [sys.executable, "-I", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        **_apart(),
    )


def _apart() -> dict[str, Any]:
    """Return the options that keep an interrupt of the kernel from the process."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def _end(process: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    # A copy of the kernel, made by a fork, has this object too.
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    if process.stdin is not None:
        # What was not taken any more cannot be flushed.
        with suppress(OSError):
            process.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)


def _read_in_thread(
    process: subprocess.Popen[bytes], lines: deque[str], replies: queue.SimpleQueue[bytes]
) -> None:
    """Keep the last lines of stderr, and put the reply on stdout into ``replies``."""
    stdout, stderr = process.stdout, process.stderr
    if stdout is None or stderr is None:
        raise RuntimeError("The process was started without pipes.")

    def read_lines() -> None:
        with stderr:
            for line in iter(lambda: stderr.readline(LINE_BYTES), b""):
                lines.append(line.decode(errors="replace").rstrip())

    def read_reply() -> None:
        with stdout:
            replies.put(stdout.readline(LINE_BYTES))

    for target in (read_lines, read_reply):
        threading.Thread(target=target, name="codeface-llamacpp", daemon=True).start()


def _address(reply: bytes) -> str:
    address = str(json.loads(reply)["address"])
    return address.removeprefix("unix://").removeprefix("http://")


def _cause(lines: Iterable[str]) -> str:
    """Return what the process said of why it ended, shortened."""
    kept = list(lines)
    for cause in CAUSES:
        for line in kept:
            if (match := cause.search(line)) is not None:
                return next(filter(None, match.groups()), "").strip().rstrip(".")
    return ""


def _host(folder: Path) -> str:
    """Return where the server is to listen: a socket in a private folder, where that can be."""
    path = folder / SOCKET_NAME
    has_sockets = sys.platform != "win32" and len(os.fsencode(path)) <= MAX_SOCKET_PATH
    return str(path) if has_sockets else LOOPBACK
