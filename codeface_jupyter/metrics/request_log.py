"""Log each request as a structured record, and to a file if one is set."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from filelock import FileLock

from codeface_jupyter.config import Settings
from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.metrics.records import RequestRecord

__all__ = ["RequestLog"]

request_logger = logging.getLogger("codeface.requests")

MAX_FILE_BYTES = 10 * 2**20
OLD_FILES_KEPT = 5
OWNER_ONLY = 0o600
# A line is written in about a millisecond, unless its kernel is suspended meanwhile.
LOCK_TIMEOUT_S = 5.0
LOCK_POLL_S = 0.002


class RequestLog:
    """Writes a line of JSON for each request, to a logger and to the file that is set.

    Lengths and times are written, texts only if the setting ``log_texts`` is on. If
    the file cannot be written, it warns once and stops writing; no request fails.

    Parameters
    ----------
    warn
        Shows the user one sentence.
    """

    def __init__(self, *, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._file: Path | None = None
        self._handler: _FileHandler | None = None

    def write(self, record: RequestRecord, result: GenerationResult, *, settings: Settings) -> None:
        """Log one request."""
        row = record.as_row()
        if settings.log_texts:
            row |= {"prompt": result.prompt, "answer": result.text}
        name, text = request_logger.name, json.dumps(row)
        line = request_logger.makeRecord(
            name, logging.INFO, __file__, 0, text, (), None, extra={"request": row}
        )
        if _is_wanted():
            request_logger.handle(line)
        self._use_file(settings.request_log)
        if self._handler is not None:
            self._handler.handle(line)

    def close(self) -> None:
        """Close the file."""
        # If a full disk rejected the last line, closing fails for the same reason.
        with suppress(OSError):
            if self._handler is not None:
                self._handler.close()
        self._file = self._handler = None

    def _use_file(self, file: Path | None) -> None:
        if file == self._file:
            return
        self.close()
        self._file = file
        if file is None:
            return
        try:
            self._handler = _FileHandler(file.expanduser(), on_failure=self._give_up)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: BaseException | None) -> None:
        file = self._file
        self.close()
        self._file = file  # named again, it is not tried again
        self._warn(f"The request log {file} cannot be written and is switched off: {error}.")


def _is_wanted() -> bool:
    """Whether somebody asked for the records by this logger's name or its parent's.

    A level of the root logger is meant for the user's own messages: a line of JSON under every
    answer is not.
    """
    named = (request_logger, logging.getLogger(request_logger.name.partition(".")[0]))
    is_asked_for = any(logger.level or logger.handlers for logger in named)
    return is_asked_for and request_logger.isEnabledFor(logging.INFO)


class _FileHandler(RotatingFileHandler):
    """A rotated file that only its owner may read, and that reports its failures.

    Several kernels may write to one file: for each line, a kernel takes a lock beside
    it and reopens the file, since another kernel may have rotated it.
    """

    def __init__(self, file: Path, *, on_failure: Callable[[BaseException | None], None]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._on_failure = on_failure
        super().__init__(
            file, maxBytes=MAX_FILE_BYTES, backupCount=OLD_FILES_KEPT, encoding="utf-8"
        )
        self._close_file()
        self._turn = FileLock(
            file.with_name(f".{file.name}.lock"), timeout=LOCK_TIMEOUT_S, mode=OWNER_ONLY
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._turn.acquire(poll_interval=LOCK_POLL_S):
                super().emit(record)
                self._close_file()
        # Older versions of the lock raise the second where the file system has no locks.
        except (OSError, NotImplementedError):
            self.handleError(record)

    def _close_file(self) -> None:
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.close()

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
        # One that was there may be open to others. A device, or another user's file, stays.
        with suppress(OSError):
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                Path(self.baseFilename).chmod(OWNER_ONLY)
        return io.TextIOWrapper(io.FileIO(descriptor, "a"), encoding=self.encoding)

    def handleError(self, _: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        self._on_failure(sys.exc_info()[1])
