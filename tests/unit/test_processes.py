"""Lines of a process, read while it may be ended."""

import subprocess
import sys
import threading

import pytest

from codeface_jupyter.jobs import Job
from codeface_jupyter.models.processes import lines


class Closing:
    """An output that is closed while it is read."""

    def __init__(self, error, *, closed):
        self.closed = closed
        self._error = error

    def __iter__(self):
        yield "one\n"
        raise self._error


class Process:
    def __init__(self, stdout):
        self.stdout = stdout


def test_what_a_process_prints_comes_line_by_line():
    command = [sys.executable, "-c", "print('one'); print('two')"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert list(lines(process, Job())) == ["one\n", "two\n"]


def test_an_output_that_is_closed_meanwhile_ends_the_lines():
    error = ValueError("I/O operation on closed file")
    assert list(lines(Process(Closing(error, closed=True)), Job())) == ["one\n"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_any_other_error_of_the_output_is_not_hidden(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_value))
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    assert list(lines(Process(Closing(error, closed=False)), Job())) == ["one\n"]
    assert seen == [error]
