"""Run generated code in a process of its own, with a time limit."""

from __future__ import annotations

import subprocess
import sys
import tempfile

__all__ = ["passes"]

TIMEOUT_S = 20


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
