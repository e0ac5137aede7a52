"""Landlock: the kernel lets this process read files, and write beneath one folder only.

The rules hold for this process and its threads, cannot be taken back, and do not ask who the user
is. They see files as they are opened; what was open before stays open, and what changes a file
without opening it (its mode, owner, times) they do not see: `seccomp` refuses that.

Numbers are those of the kernel's ``include/uapi/linux/landlock.h``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from codeface_jupyter.trials.guard.kernel_calls import HAS_SYSTEM_CALLS, system_call

__all__ = ["landlock_version", "restrict_files"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RETURN_VERSION, PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
# Of those, what can be said of a file; the others are for folders.
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
# Everything beneath the folder of its own but links, sockets, pipes and devices.
WORK = WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG
WORK |= REFER | TRUNCATE

# The first version knew the first thirteen rights; each of these versions brought another.
FIRST_RIGHTS = (1 << 13) - 1
LATER_RIGHTS = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
# Also refused where the kernel can: binding and connecting (from 4 on), signals to and abstract
# sockets of other processes (from 6 on).
NETWORK_SINCE, BIND_AND_CONNECT = 4, 0b11
SCOPES_SINCE, SOCKETS_AND_SIGNALS = 6, 0b11

# Devices that may be read; reading another can take from it what was meant for somebody else.
READABLE_DEVICES = ("full", "null", "random", "shm", "urandom", "zero")


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; 0 if none, or if it is turned off."""
    if not HAS_SYSTEM_CALLS:
        return 0
    try:
        return system_call(CREATE_RULESET, None, 0, RETURN_VERSION)
    except OSError:
        return 0


def restrict_files(*, writable: str) -> None:
    """Let this process write beneath ``writable`` only, for good; reading stays as it is.

    Its other threads, had it any, would not be restricted.

    Raises
    ------
    OSError
        If the kernel has no Landlock or refuses.
    """
    version = landlock_version()
    handled = _rights(version)
    rules = _new_rules(version, handled)
    try:
        for path, rights in _allowed(writable):
            _allow(rules, path, rights & handled)
        system_call(RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _rights(version: int) -> int:
    later = (right for since, right in LATER_RIGHTS.items() if version >= since)
    return FIRST_RIGHTS | sum(later)


def _new_rules(version: int, handled: int) -> int:
    network = BIND_AND_CONNECT if version >= NETWORK_SINCE else 0
    scopes = SOCKETS_AND_SIGNALS if version >= SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", handled, network, scopes)
    return system_call(CREATE_RULESET, attributes, len(attributes), 0)


def _allowed(writable: str) -> Iterator[tuple[str, int]]:
    """Yield what is allowed beneath which paths.

    A rule holds for all that is beneath its path and cannot be taken back further down, so files
    are readable in every folder at the root but ``/dev``, and folders can be listed everywhere.
    """
    yield "/", READ_DIR
    for entry in os.scandir("/"):
        if entry.name != "dev":
            yield entry.path, READ_FILE
    for name in READABLE_DEVICES:
        yield f"/dev/{name}", READ_FILE
    yield os.devnull, WRITE_FILE | TRUNCATE
    yield writable, WORK


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # Not there, or not to be entered: then nothing beneath it can be opened either.
        return
    try:
        if not Path(path).is_dir():
            rights &= OF_FILES
        if rights:
            system_call(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)
