"""A model's chat template, run in a process of its own, so that it can be stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from codeface_jupyter.engines.text.chat_layout import TemplateRefusedError
from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.threads import new_lock

if TYPE_CHECKING:
    from codeface_jupyter.prompts import Message

__all__ = ["ChatTemplate"]

LIMIT_S = 2.0
START_LIMIT_S = 30.0
SCRIPT = Path(__file__).with_name("chat_template_process.py")
# JSON may take six characters for one; the process itself bounds the text.
LONGEST_REPLY_BYTES = 64_000_000
SHOWN_CHARACTERS = 300


class ChatTemplate:
    """Lays conversations out as text, each within two seconds and ten megabytes, or refuses.

    The process is kept, so that a conversation takes hardly longer than it would in this one.
    It ends with this object, and with this process.

    Parameters
    ----------
    source
        Jinja's source of the template.
    special_tokens
        The text of ``bos_token``, ``eos_token`` … where they are known.
    model_name
        The model's name in errors.
    """

    def __init__(self, source: str, *, special_tokens: Mapping[str, str], model_name: str) -> None:
        self._source = source
        self._special_tokens = dict(special_tokens)
        self._model_name = model_name
        self._process: _TemplateProcess | None = None
        self._lock = new_lock()

    def begin(self) -> None:
        """Begin the process, so that the first conversation need not wait for it."""
        # What is wrong is told to those who need it.
        with suppress(OSError), self._lock:
            self._running_process()

    def lay_out(self, messages: Sequence[Message]) -> str:
        """Return ``messages`` as text, up to where the model's answer begins.

        Raises
        ------
        TemplateRefusedError
            If the template is broken or will not have these messages.
        ModelFilesError
            If it takes too long or too much memory, or fails.
        """
        with self._lock:
            reply = self._ask(messages)
        if "refused" in reply:
            raise TemplateRefusedError(reply["refused"][:SHOWN_CHARACTERS])
        if "text" not in reply:
            raise self._error(reply["failed"])
        return reply["text"]

    def _ask(self, messages: Sequence[Message]) -> dict[str, str]:
        try:
            return self._running_process().ask(messages)
        except _LateError as error:
            raise self._error(f"it took longer than {error.limit_s:g} s") from None
        except (OSError, ValueError) as error:
            raise self._error("the process that runs it ended") from error

    def _running_process(self) -> _TemplateProcess:
        if self._process is None or not self._process.is_running:
            self._process = _TemplateProcess(self._source, self._special_tokens)
        return self._process

    def _error(self, reason: str) -> ModelFilesError:
        return ModelFilesError(
            f"The chat template of {self._model_name} cannot be used: "
            f"{reason[:SHOWN_CHARACTERS].rstrip('.')}.",
            hint="It comes with the model's files: fetch the model again, or use another one.",
        )


class _LateError(Exception):
    """The process did not reply in time, and was killed."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(limit_s)
        self.limit_s = limit_s


class _TemplateProcess:
    """The process that runs one template."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        # In a group of its own: an interrupt is for the kernel.
        process = subprocess.Popen(  # noqa: S603 - this interpreter, and a script of our own
            [sys.executable, "-I", str(SCRIPT), *_package_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._process, self._owner = process, os.getpid()
        self._end = weakref.finalize(self, _end, process, self._owner)
        self._setup = {"source": source, "special_tokens": dict(special_tokens)}
        self._is_set_up = False

    @property
    def is_running(self) -> bool:
        """Whether it can be asked, by this process and not by one that was forked from it."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, messages: Sequence[Message]) -> dict[str, str]:
        """Return what the process makes of ``messages``."""
        if not self._is_set_up:
            self._set_up()
        with self._deadline(LIMIT_S):
            self._send(list(messages))
            return self._reply()

    def _set_up(self) -> None:
        with self._deadline(START_LIMIT_S):
            # It is ready, as it says.
            self._reply()
            self._send(self._setup)
        self._is_set_up = True

    @contextmanager
    def _deadline(self, limit_s: float) -> Iterator[None]:
        """End the process if this takes longer than ``limit_s`` seconds, or goes wrong.

        It could still reply, and the next question would take that for its own.
        """
        is_late = threading.Event()

        def kill() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(limit_s, kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except BaseException as error:
            self._end()
            if is_late.is_set() and isinstance(error, (OSError, ValueError)):
                raise _LateError(limit_s) from None
            raise
        finally:
            timer.cancel()

    def _send(self, message: object) -> None:
        stream = _opened(self._process.stdin)
        stream.write(json.dumps(message).encode() + b"\n")
        stream.flush()

    def _reply(self) -> dict[str, str]:
        line = _opened(self._process.stdout).readline(LONGEST_REPLY_BYTES)
        reply: dict[str, str] = json.loads(line)
        return reply


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("The process was begun without pipes.")
    return stream


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    # A forked process has the object, but the process belongs to its parent.
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            # What was left to be written has nobody to read it.
            with suppress(OSError):
                stream.close()


def _package_folders() -> list[str]:
    """Return where Jinja and what it needs are."""
    specs = (find_spec(name) for name in ("jinja2", "markupsafe"))
    return [str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin]
