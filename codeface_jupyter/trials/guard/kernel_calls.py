"""System calls for which Python has no function of its own; Linux only."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["HAS_SYSTEM_CALLS", "map_memory", "protect_memory", "system_call"]

# A 32-bit Python on a 64-bit kernel would make other calls than the tables here know.
HAS_SYSTEM_CALLS = sys.platform == "linux" and sys.maxsize > 2**32

Word = int | bytes | None


def _load_libc() -> ctypes.CDLL | None:
    if not HAS_SYSTEM_CALLS:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    )
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return libc


# Loaded before any fork: the dynamic linker's lock may be held by another thread.
_LIBC = _load_libc()
MAP_FAILED = ctypes.c_void_p(-1).value


def system_call(number: int, *arguments: Word) -> int:
    """Make a system call and return what it returns.

    Raises
    ------
    OSError
        If the kernel refuses it, or this is not a system whose calls are known.
    """
    words = (
        ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_char_p(argument)
        for argument in arguments
    )
    result = _libc().syscall(ctypes.c_long(number), *words)
    if result == -1:
        raise _last_error()
    return int(result)


def map_memory(
    address: int, size: int, *, protection: int, flags: int, fd: int = -1, offset: int = 0
) -> None:
    """Map memory at an address, in place of what is there.

    Raises
    ------
    OSError
        If the kernel refuses it.
    """
    if _libc().mmap(address, size, protection, flags, fd, offset) == MAP_FAILED:
        raise _last_error()


def protect_memory(address: int, size: int, protection: int) -> None:
    """Say what may be done with mapped memory.

    Raises
    ------
    OSError
        If the kernel refuses it.
    """
    if _libc().mprotect(address, size, protection) != 0:
        raise _last_error()


def _libc() -> ctypes.CDLL:
    if _LIBC is None:
        raise OSError("system calls are made on 64-bit Linux only")
    return _LIBC


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
