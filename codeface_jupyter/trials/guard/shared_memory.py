"""Memory that a forked child would share with its parent, made the child's own.

A fork copies memory on the first write, but not mappings that are shared: shared memory, writable
memory maps of files, the locks of ``multiprocessing``, a device's memory. The child maps
the same file again in the same place, so that what it writes is its own; what has no file any more
is copied if it is small; a device's memory is taken away. Where none of that can be done, nothing
may be tried. Linux only: other systems do not list their mappings.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codeface_jupyter.trials.guard.descriptors import open_descriptors
from codeface_jupyter.trials.guard.kernel_calls import map_memory, protect_memory

__all__ = [
    "Mapping",
    "SharedMemoryError",
    "make_private",
    "shared_mappings",
    "uses_gpu",
    "what_stays_shared",
]

MAPS = Path("/proc/self/maps")
# As much as takes a tenth of a second to copy.
MAX_COPIED_BYTES = 256 << 20
FIXED = 0x10
DELETED = " (deleted)"
# Named as devices, but of plain memory.
MEMORY_DEVICES = ("/dev/shm/", "/dev/zero")  # noqa: S108 - what the kernel calls them
GPU_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")


class SharedMemoryError(OSError):
    """Memory is shared with the parent and cannot be made private."""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A range of memory that is shared, as the kernel lists it.

    Attributes
    ----------
    start, end
        Where it lies.
    protection
        What may be done with it, as for ``mmap``.
    offset
        Where in its file it begins.
    inode
        Its file's number; 0 if it has none.
    path
        Its file; what else the kernel calls it if it has none.
    """

    start: int
    end: int
    protection: int
    offset: int
    inode: int
    path: str

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.end - self.start

    @property
    def is_anonymous(self) -> bool:
        """Whether its name says nothing to a user."""
        return not self.path or self.path.startswith("/dev/zero")

    @property
    def is_device(self) -> bool:
        """Whether something else than memory answers there."""
        is_memory = self.path.startswith(MEMORY_DEVICES)
        return not is_memory and self.path.startswith(("/dev/", "anon_inode:", "socket:"))


def shared_mappings() -> list[Mapping]:
    """Return the mappings of this process that are shared; none where they are not listed."""
    if sys.platform != "linux":
        return []
    return list(_shared(MAPS.read_text(encoding="utf-8", errors="surrogateescape")))


def uses_gpu() -> bool:
    """Whether this process has mapped a GPU's memory."""
    return any(mapping.path.startswith(GPU_DEVICES) for mapping in shared_mappings())


def what_stays_shared() -> list[Mapping]:
    """Return the mappings of this process that a child of it could not make its own."""
    files = _OpenFiles()
    rest = [mapping for mapping in shared_mappings() if not _has_way(mapping, files)]
    rest.sort(key=lambda mapping: mapping.size)
    copied = 0
    for place, mapping in enumerate(rest):
        copied += mapping.size
        if copied > MAX_COPIED_BYTES:
            return rest[place:]
    return []


def make_private() -> None:
    """Make all memory of this process its own; for a child before it runs anything else.

    Raises
    ------
    SharedMemoryError
        If some memory stays shared.
    """
    files, left = _OpenFiles(), MAX_COPIED_BYTES
    for mapping in shared_mappings():
        if mapping.is_device:
            # Whoever touches it ends by a segmentation fault.
            _map(mapping, protection=0, flags=mmap.MAP_ANONYMOUS)
        elif not _map_file_again(mapping, files):
            left -= mapping.size
            if left < 0:
                raise SharedMemoryError("memory is shared with the notebook")
            _copy(mapping)


class _OpenFiles:
    """The open files of this process by device and inode; a deleted file has no other name."""

    def __init__(self) -> None:
        self._by_inode: dict[int, int] = {}
        for fd in open_descriptors():
            # Another thread may close it meanwhile.
            with contextlib.suppress(OSError):
                self._by_inode[os.fstat(fd).st_ino] = fd

    def find(self, mapping: Mapping) -> int | None:
        fd = self._by_inode.get(mapping.inode) if mapping.inode else None
        return fd if fd is not None and _shows(fd, mapping) else None


def _shared(listing: str) -> Iterator[Mapping]:
    # Nothing else ends a line there: paths may hold what Python takes for one.
    for line in listing.split("\n")[:-1]:
        place, permissions, offset, _, inode, *path = line.split(maxsplit=5)
        if permissions[3] != "s":
            continue
        start, _, end = place.partition("-")
        yield Mapping(
            start=int(start, 16),
            end=int(end, 16),
            protection=_protection(permissions),
            offset=int(offset, 16),
            inode=int(inode),
            path=path[0] if path else "",
        )


def _protection(permissions: str) -> int:
    kinds = {"r": mmap.PROT_READ, "w": mmap.PROT_WRITE, "x": mmap.PROT_EXEC}
    return sum(kinds.get(letter, 0) for letter in permissions[:3])


def _has_way(mapping: Mapping, files: _OpenFiles) -> bool:
    return mapping.is_device or _has_name(mapping) or files.find(mapping) is not None


def _has_name(mapping: Mapping) -> bool:
    return not mapping.path.endswith(DELETED) and os.access(mapping.path, os.R_OK)


def _shows(fd: int, mapping: Mapping) -> bool:
    """Whether a file shows what is mapped: inodes of two devices may be equal."""
    if not mapping.protection & mmap.PROT_READ:
        return False
    try:
        seen = os.pread(fd, mmap.PAGESIZE, mapping.offset)
    except OSError:
        return False
    return bool(seen) and seen == ctypes.string_at(mapping.start, len(seen))


def _map_file_again(mapping: Mapping, files: _OpenFiles) -> bool:
    if not _has_name(mapping):
        fd = files.find(mapping)
        if fd is None:
            return False
        _map(mapping, protection=mapping.protection, fd=fd)
        return True
    fd = os.open(mapping.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _map(mapping, protection=mapping.protection, fd=fd)
    finally:
        os.close(fd)
    return True


def _copy(mapping: Mapping) -> None:
    is_readable = mapping.protection & mmap.PROT_READ
    content = ctypes.string_at(mapping.start, mapping.size) if is_readable else b""
    _map(mapping, protection=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_ANONYMOUS)
    ctypes.memmove(mapping.start, content, len(content))
    protect_memory(mapping.start, mapping.size, mapping.protection)


def _map(mapping: Mapping, *, protection: int, flags: int = 0, fd: int = -1) -> None:
    map_memory(
        mapping.start,
        mapping.size,
        protection=protection,
        flags=flags | mmap.MAP_PRIVATE | FIXED,
        fd=fd,
        offset=mapping.offset if fd >= 0 else 0,
    )
