"""How much a process may take: memory, processor time, the size of files."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import resource

__all__ = ["Amounts", "resident_bytes", "restrict_amounts"]

STATM = Path("/proc/self/statm")
# Address space that is reserved and never used: arenas of allocators, stacks of threads.
RESERVED_BYTES = 1 << 30
SPARE_CPU_SECONDS = 2


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What a process may take beyond what it has.

    Attributes
    ----------
    cpu_seconds
        Processor time, of all threads together.
    memory_bytes
        Memory that it allocates.
    file_bytes
        The size of a file that it writes.
    """

    cpu_seconds: float
    memory_bytes: int
    file_bytes: int


def restrict_amounts(amounts: Amounts) -> None:
    """Bound what this process can take, for good; a core dump of it is none."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, amounts.file_bytes)
    _lower(resource.RLIMIT_CPU, math.ceil(amounts.cpu_seconds) + SPARE_CPU_SECONDS)
    if sys.platform == "linux":
        # Elsewhere neither is kept.
        has, _, _, _, _, data, _ = _pages()
        _lower(resource.RLIMIT_DATA, data + amounts.memory_bytes)
        _lower(resource.RLIMIT_AS, has + amounts.memory_bytes + RESERVED_BYTES)


def resident_bytes() -> int:
    """Return the memory of this process that is in use now; 0 where that is not known."""
    return _pages()[1] if sys.platform == "linux" else 0


def _pages() -> tuple[int, ...]:
    """Return the sizes that the kernel tells of this process, in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    return tuple(int(count) * page for count in STATM.read_text(encoding="ascii").split())


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))
