"""Whether something may be run in a copy of the kernel now, and if not, why."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codeface_jupyter.config import Settings
from codeface_jupyter.models.storage import format_bytes
from codeface_jupyter.trials.forking import is_child_left
from codeface_jupyter.trials.guard.shared_memory import Mapping, uses_gpu, what_stays_shared
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.trials.guard.threads import is_debugged, were_other_threads
from codeface_jupyter.trials.hanging import hanging_libraries

__all__ = ["CopySupport", "Tries", "asks_second", "copy_support", "hanging_reason"]

Tries = Literal["auto", "on", "off"]


@dataclass(frozen=True, kw_only=True)
class CopySupport:
    """Whether a copy may be made now.

    Attributes
    ----------
    is_possible
        Whether it may.
    why
        Why not, in one sentence for the user; of what guards it if it may.
    """

    is_possible: bool
    why: str


def copy_support(*, tries: Tries) -> CopySupport:
    """Say whether a copy of this process may be made now.

    Parameters
    ----------
    tries
        ``"auto"``: only where the operating system keeps the copy from doing harm. ``"on"``:
        also where only the weaker guard is there. ``"off"``: never.
    """
    reason = _guard_reason(tries) or _library_reason() or _memory_reason()
    if reason:
        return CopySupport(is_possible=False, why=reason)
    return CopySupport(is_possible=True, why=guard_support().why)


def hanging_reason(*, tries: Tries) -> str:
    """Return what keeps a copy from being made where one could be; empty if nothing does.

    Libraries, or a debugger: they may have come into use in the middle of a session, which
    nobody would think of.

    Parameters
    ----------
    tries
        As in `copy_support`.
    """
    if tries == "off":
        return ""
    return _threads_reason() or ("" if _guard_reason(tries) else _hanging_reason())


def asks_second(settings: Settings) -> bool:
    """Whether a better model may be asked where an answer fails, which is seen on a copy."""
    return settings.better_model == "auto" and not _guard_reason(settings.tries)


def _guard_reason(tries: Tries) -> str:
    if tries == "off":
        return "Tries are turned off."
    # Before the guard is tried: a debugger would take part in that, too.
    reason = _threads_reason()
    if reason:
        return reason
    support = guard_support()
    is_enough = support.level == "strong" or (support.level == "weak" and tries == "on")
    return "" if is_enough else support.why


def _threads_reason() -> str:
    if is_debugged():
        return "A debugger is attached, which starts threads in a copy of the kernel."
    if were_other_threads():
        return "Something starts threads in every copy of the kernel, and no guard holds those."
    return ""


def _library_reason() -> str:
    # What a GPU's driver keeps of a process does not come along, and may break in both.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "torch uses a GPU, which a copy of the kernel cannot share."
    return _hanging_reason()


def _hanging_reason() -> str:
    if is_child_left():
        return "A copy of the kernel cannot be ended: what it reads from does not answer."
    libraries = hanging_libraries()
    if libraries:
        return f"{' and '.join(libraries)} would not answer in a copy of the kernel."
    return ""


def _memory_reason() -> str:
    if uses_gpu():
        return "A GPU is in use, which a copy of the kernel cannot share."
    shared = what_stays_shared()
    return (
        f"The notebook shares memory that a copy could change: {_named(shared)}." if shared else ""
    )


def _named(shared: list[Mapping]) -> str:
    largest = max(shared, key=lambda mapping: mapping.size)
    name = "shared memory" if largest.is_anonymous else Path(largest.path).name
    more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
    return f"{name} ({format_bytes(largest.size)}){more}"
