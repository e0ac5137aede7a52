"""Run code that is not ours: quietly, or in a process of its own with a time limit."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping

__all__ = ["check_call", "passes", "quiet"]

TIMEOUT_S = 20


def check_call(task: Mapping[str, str]) -> str:
    """Return the call of a task's test: of a function, or of what the code has left behind."""
    if "def check():" in task["test"]:
        return "check()"
    candidate = task["entry_point"]
    return "check(None)" if candidate == "none" else f"check({candidate})"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what is printed and warned of meanwhile."""
    nowhere = io.StringIO()
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def passes(program: str) -> bool:
    """Whether ``program`` runs to its end without an error, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program],
                cwd=folder,
                env={"MPLBACKEND": "agg", "PATH": ""},
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0
