"""A seccomp filter: the kernel refuses every system call that is not listed.

Files are Landlock's to judge; this filter refuses what Landlock does not see (modes, owners,
times, attributes of files, truncating without opening for writing), sockets, programs, other
processes, namespaces, limits, keys, kernel modules, and anything unknown. It holds for this
process and its threads and cannot be taken back. Bytes are those of the kernel's
``include/uapi/linux/{filter,seccomp}.h``; arguments lie in memory with their low half first.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from codeface_jupyter.trials.guard.kernel_calls import system_call
from codeface_jupyter.trials.guard.system_calls import (
    ARCHITECTURE,
    NEWEST,
    number_of,
    numbers_of_allowed,
)

__all__ = ["can_filter", "restrict_calls"]

SET_MODE_FILTER, GET_ACTION_AVAIL = 1, 2
LOAD, AND, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
WORD = 0xFFFFFFFF
# Numbers from here on belong to another way of calling (x32), whose meanings differ.
OTHER_NUMBERS = 0x40000000

CLONE_THREAD, NEW_NAMESPACES = 0x00010000, 0x7E020080
# fcntl: what concerns the descriptor itself (DUPFD to SETFL), locks (GETLK to SETLKW, and those of
# an open file), sizes of pipes. Not whom it sends signals, nor leases.
DESCRIPTOR_COMMANDS = (*range(8), 36, 37, 38, 1030, 1031, 1032)
# ioctl: whether it is a terminal (and how wide), what can be read at once, blocking, closing.
QUESTIONS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C542A)
# prctl: names of threads and of memory.
NAMES = (15, 16, 0x53564D41)
# futex, but for its bit for the clock: waiting and waking; what moves those who wait or writes to
# memory only where its bit says that it is the process's own. In memory that is mapped of a file,
# also one to read, it would move threads of the notebook to where nobody wakes them.
FUTEX_PRIVATE, FUTEX_CLOCK = 128, 256
WAIT_AND_WAKE = (0, 1, 9, 10)
FUTEX_COMMANDS = (*WAIT_AND_WAKE, *(FUTEX_PRIVATE | command for command in range(14)))
# How a file is opened, in these bits; and the ways that are not for writing (one is for neither
# reading nor writing) and truncate all the same, which the first versions of Landlock let pass.
ACCESS_AND_TRUNCATE, TRUNCATE = 0o1003, 0o1000
TRUNCATING = frozenset({TRUNCATE, TRUNCATE | 3})
AF_UNIX, SOCK_STREAM, TYPE_OF_SOCKET = 1, 1, 0xF


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """A condition: an argument, masked, is one of some values.

    Attributes
    ----------
    argument
        Which argument, from 0.
    values
        What its low 32 bits, masked, may be.
    mask
        What is looked at.
    is_wide
        Whether its high 32 bits must be zero, too, as those of a null pointer are.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = WORD
    is_wide: bool = False


def _conditions(pid: int) -> dict[str, tuple[OneOf, ...]]:
    """Return the calls that are allowed under conditions, all of which must hold."""
    ways = {access | truncate for access in range(4) for truncate in (0, TRUNCATE)}
    harmless = tuple(ways - TRUNCATING)
    own = OneOf(argument=0, values=(pid,))
    return {
        "open": (OneOf(argument=1, values=harmless, mask=ACCESS_AND_TRUNCATE),),
        "openat": (OneOf(argument=2, values=harmless, mask=ACCESS_AND_TRUNCATE),),
        # As if it were written; other ways take space beyond the size that a file may have.
        "fallocate": (OneOf(argument=1, values=(0,)),),
        "fcntl": (OneOf(argument=1, values=DESCRIPTOR_COMMANDS),),
        "futex": (OneOf(argument=1, values=FUTEX_COMMANDS, mask=WORD ^ FUTEX_CLOCK),),
        "ioctl": (OneOf(argument=1, values=QUESTIONS),),
        "prctl": (OneOf(argument=0, values=NAMES),),
        # Asking for a limit, not setting one.
        "prlimit64": (OneOf(argument=2, values=(0,), is_wide=True),),
        "kill": (own,),
        "tgkill": (own,),
        # Threads, no processes.
        "clone": (OneOf(argument=0, values=(CLONE_THREAD,), mask=CLONE_THREAD | NEW_NAMESPACES),),
        # Over a pair of its own: connected already, so an address would lead elsewhere.
        "sendto": (OneOf(argument=4, values=(0,), is_wide=True),),
        "socketpair": (
            OneOf(argument=0, values=(AF_UNIX,)),
            OneOf(argument=1, values=(SOCK_STREAM,), mask=TYPE_OF_SOCKET),
        ),
    }


# A library goes on with an older call whose arguments can be seen here.
UNKNOWN_TO_THE_KERNEL = ("clone3", "openat2")


def can_filter() -> bool:
    """Whether the kernel has filters, and this machine's calls are listed."""
    number = number_of("seccomp")
    if not ARCHITECTURE or number is None:
        return False
    try:
        system_call(number, GET_ACTION_AVAIL, 0, struct.pack("=I", FAIL))
    except OSError:
        return False
    return True


def restrict_calls() -> None:
    """Refuse this process every system call that is not listed, for good.

    It must have given up new privileges before, and must have one thread.

    Raises
    ------
    OSError
        If the kernel has no filters or refuses.
    """
    number = number_of("seccomp")
    if number is None:
        raise OSError(errno.ENOSYS, "system calls of this machine are not listed")
    code = ctypes.create_string_buffer(_program(os.getpid()))
    size = (len(code) - 1) // struct.calcsize("=HBBI")
    system_call(number, SET_MODE_FILTER, 0, struct.pack("@HP", size, ctypes.addressof(code)))


def _program(pid: int) -> bytes:
    parts = [
        _step(LOAD, ARCHITECTURE_AT),
        _step(IF_EQUAL, ARCHITECTURE, otherwise=0, then=1),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER_AT),
        _unless_at_least(OTHER_NUMBERS, _fail(errno.ENOSYS)),
        *(_if_number(number, _step(RETURN, ALLOW)) for number in numbers_of_allowed()),
        *(_if_call(name, _checked(tests)) for name, tests in _conditions(pid).items()),
        *(_if_call(name, _fail(errno.ENOSYS)) for name in UNKNOWN_TO_THE_KERNEL),
        _unless_at_least(NEWEST + 1, _fail(errno.ENOSYS)),
        _fail(errno.EPERM),
    ]
    return b"".join(parts)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one instruction; ``then`` and ``otherwise`` are how many steps it leaves out."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def _fail(number: int) -> bytes:
    return _step(RETURN, FAIL | number)


def _length(steps: bytes) -> int:
    return len(steps) // len(_step(RETURN, 0))


def _if_number(number: int, steps: bytes) -> bytes:
    return _step(IF_EQUAL, number, otherwise=_length(steps)) + steps


def _if_call(name: str, steps: bytes) -> bytes:
    number = number_of(name)
    return b"" if number is None else _if_number(number, steps)


def _unless_at_least(number: int, steps: bytes) -> bytes:
    """Return ``steps`` for calls with that number and higher ones."""
    return _step(IF_AT_LEAST, number, otherwise=_length(steps)) + steps


def _checked(tests: Iterable[OneOf]) -> bytes:
    return b"".join(map(_test, tests)) + _step(RETURN, ALLOW)


def _test(test: OneOf) -> bytes:
    """Return steps that go on with the next ones if the test holds, and fail if not."""
    at = ARGUMENTS_AT + 8 * test.argument
    steps = _is_one_of(at, test.mask, test.values)
    return steps + _is_one_of(at + 4, WORD, (0,)) if test.is_wide else steps


def _is_one_of(at: int, mask: int, values: tuple[int, ...]) -> bytes:
    count = len(values)
    jumps = (
        _step(IF_EQUAL, value & WORD, then=count - index) for index, value in enumerate(values)
    )
    return _step(LOAD, at) + _step(AND, mask) + b"".join(jumps) + _fail(errno.EPERM)
