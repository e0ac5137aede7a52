"""A forked child made a process of its own: no signals of the parent, no privileges, no heirs."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
import sys
from pathlib import Path

from codeface_jupyter.trials.guard.kernel_calls import HAS_SYSTEM_CALLS, system_call
from codeface_jupyter.trials.guard.system_calls import number_of

__all__ = ["give_up_privileges", "stand_alone"]

SET_PARENT_DEATH_SIGNAL, SET_DUMPABLE, SET_NO_NEW_PRIVILEGES = 1, 4, 38
CAPABILITY_VERSION = 0x20080522
# Effective, permitted and inheritable ones, first 32 and last 32.
CAPABILITY_SETS = struct.Struct("=6I")
# To read what the user can read, who may be root.
READ_ANYTHING = 1 << 2
FIRST_TO_GO = "1000"


def stand_alone(parent: int) -> None:
    """Leave the parent's session, its handlers of signals, and life itself when it ends."""
    os.setsid()
    _forget_handlers()
    if HAS_SYSTEM_CALLS:
        _control(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        # If memory runs out all the same, this process goes, not the notebook's.
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
    if os.getppid() != parent:
        # It ended before the signal for that was set.
        os._exit(1)


def give_up_privileges() -> None:
    """Take no privileges from programs, keep none of root's but to read, and be nobody's to trace.

    Raises
    ------
    OSError
        If the kernel refuses.
    """
    if not HAS_SYSTEM_CALLS:
        return
    _control(SET_NO_NEW_PRIVILEGES, 1)
    _control(SET_DUMPABLE, 0)
    _drop_capabilities()


def _forget_handlers() -> None:
    # A handler of the notebook's could save, delete or send something.
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            # Ignored first: one that waits, as of an interrupt of the notebook, is dropped so.
            signal.signal(number, signal.SIG_IGN)
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _control(what: int, value: int) -> None:
    number = number_of("prctl")
    if number is None:
        raise OSError(errno.ENOSYS, f"no process controls on {sys.platform}")
    system_call(number, what, value, 0, 0, 0)


def _drop_capabilities() -> None:
    ask, give = number_of("capget"), number_of("capset")
    if ask is None or give is None:
        return
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    has = ctypes.create_string_buffer(CAPABILITY_SETS.size)
    system_call(ask, header, ctypes.addressof(has))
    effective, permitted = CAPABILITY_SETS.unpack(has.raw)[:2]
    kept = (effective & READ_ANYTHING, permitted & READ_ANYTHING, 0, 0, 0, 0)
    system_call(give, header, CAPABILITY_SETS.pack(*kept))
