"""What every benchmark prints with its numbers: hardware, versions, commit, n and spread."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

__all__ = ["describe_machine", "spread"]


def describe_machine(*packages: str) -> str:
    """Return hardware, commit and versions, in a few lines."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return (
        f"{_processor()}, {os.cpu_count()} CPUs, {memory_gb:.0f} GB\n"
        f"Python {platform.python_version()}, {versions}\n"
        f"commit {commit or 'unknown'}, command: {command}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if "model name" in line), "unknown CPU")


def spread(values: Sequence[float], *, digits: int = 2) -> str:
    """Return median, minimum and maximum, and n."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}, n = {len(values)})"
