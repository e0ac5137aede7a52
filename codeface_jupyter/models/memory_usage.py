"""The memory that is in use now, and how to give some of it back."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from codeface_jupyter.errors import first_line
from codeface_jupyter.models.memory import main_memory

__all__ = [
    "DeviceMemory",
    "device_memory",
    "forget_frames",
    "give_back",
    "process_bytes",
    "says_memory_ran_out",
    "shortage_in",
    "torch_cuda_bytes",
]

MAIN_MEMORY = "main memory"
# Where main memory runs out, torch, OpenVINO and llama.cpp tell it in an error's text only, each
# in several ways, by the system; 1455 is what Windows calls it, in its own language.
SHORTAGES = re.compile(
    r"can't allocate memory|cannot allocate memory|unable to allocate|not enough memory"
    r"|failed to allocate|insufficient memory|attempted to allocate|out of memory|bad_alloc"
    r"|bad allocation|os error 1455|error code: <1455>",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class DeviceMemory:
    """The memory of one device, as it is now.

    Attributes
    ----------
    name
        ``"main memory"``, or a device such as ``"cuda:0"``.
    total_bytes, free_bytes
        In a container those of the control group, if its limit is reached first.
    """

    name: str
    total_bytes: int
    free_bytes: int

    @property
    def used_share(self) -> float:
        """The share of it that is in use, by any process, from 0 to 1."""
        return 1 - self.free_bytes / self.total_bytes if self.total_bytes else 0.0


def device_memory() -> list[DeviceMemory]:
    """Measure main memory and each CUDA device that torch has been using."""
    total, free = main_memory()
    found = [DeviceMemory(name=MAIN_MEMORY, total_bytes=total, free_bytes=free)]
    # Asking a device that nobody uses would take memory on it.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        for index in range(torch.cuda.device_count()):
            free, total = (int(count) for count in torch.cuda.mem_get_info(index))
            # What torch's allocator keeps for itself is free to us.
            free += torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)
            found.append(
                DeviceMemory(name=f"cuda:{index}", total_bytes=total, free_bytes=min(free, total))
            )
    return found


def process_bytes() -> int:
    """Return the physical memory that this process holds, in bytes."""
    return int(psutil.Process().memory_info().rss)


def torch_cuda_bytes() -> int:
    """Return the bytes of all tensors on CUDA devices, the user's own among them."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(int(torch.cuda.memory_allocated(i)) for i in range(torch.cuda.device_count()))


def give_back() -> None:
    """Collect garbage, and hand free memory back to the system.

    Nothing that is still referred to is touched, the user's tensors least of all.
    """
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        # glibc keeps small freed pieces for itself; other C libraries have no such call.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def shortage_in(work: Callable[[], object]) -> str:
    """Do ``work``; return the message of an out-of-memory error, empty if there was none.

    What the failed work held is released: its frames would keep their tensors alive for as
    long as the exception is kept.
    """
    try:
        work()
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        forget_frames(error)
        return first_line(error)
    return ""


def _is_shortage(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return says_memory_ran_out(str(error))


def says_memory_ran_out(text: str) -> bool:
    """Whether an error's text, or what a process said last, tells of a shortage of memory."""
    return SHORTAGES.search(text) is not None


def forget_frames(error: BaseException) -> None:
    """Drop the local variables of all frames that ``error`` and its causes went through.

    They would live for as long as the exception is kept, and IPython keeps the last one.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
