"""What ``%%time`` prints, which is another text each time and no output of the code."""

from __future__ import annotations

import re

__all__ = ["without_timings"]

TIMING = re.compile(r"^(?:CPU times|Wall time): .*(?:\n|\Z)", re.MULTILINE)


def without_timings(printed: str) -> str:
    """Return what a cell printed without the lines of ``%time`` and ``%%time``."""
    return TIMING.sub("", printed)
