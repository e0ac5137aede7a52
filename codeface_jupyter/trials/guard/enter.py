"""The order in which a forked child gives up what it could do; after it, anything may be run."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from codeface_jupyter.trials.guard.audit import refuse_in_words
from codeface_jupyter.trials.guard.descriptors import drop_inherited
from codeface_jupyter.trials.guard.landlock import restrict_files
from codeface_jupyter.trials.guard.limits import Amounts, restrict_amounts
from codeface_jupyter.trials.guard.process import give_up_privileges, stand_alone
from codeface_jupyter.trials.guard.seccomp import restrict_calls
from codeface_jupyter.trials.guard.shared_memory import make_private
from codeface_jupyter.trials.guard.threads import refuse_other_threads

__all__ = ["Confinement", "enter_guard"]


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a child is left.

    Attributes
    ----------
    parent
        The process that forked it.
    folder
        Beneath which it may write.
    keep
        Descriptors that stay open.
    amounts
        How much it may take.
    is_strong
        Whether the operating system is to keep it so; if not, only the audit hook and the
        limits do.
    """

    parent: int
    folder: str
    keep: Collection[int]
    amounts: Amounts
    is_strong: bool


def enter_guard(confinement: Confinement, *, tell: Callable[[str], None]) -> None:
    """Give up, in a forked child with one thread, all that ``confinement`` does not leave it.

    Parameters
    ----------
    confinement
        What is left.
    tell
        Called with each refusal in words, later, while code runs.

    Raises
    ------
    OtherThreadsError
        If the child has another thread, which nothing of this would hold.
    OSError
        If the system does not take something away; nothing may be run then.
    """
    refuse_other_threads()
    _leave_the_notebook_alone()
    stand_alone(confinement.parent)
    # Before descriptors go: some of them are the only names of shared memory.
    make_private()
    drop_inherited(keep=confinement.keep)
    restrict_amounts(confinement.amounts)
    _move_in(confinement.folder)
    give_up_privileges()
    if confinement.is_strong:
        restrict_files(writable=confinement.folder)
        restrict_calls()
    # None may have come meanwhile either: what was asked above is true of that moment.
    refuse_other_threads()
    refuse_in_words(folder=confinement.folder, tell=tell)


def _leave_the_notebook_alone() -> None:
    # The notebook's garbage stays uncollected: its finalizers are the notebook's to run. What
    # traces the notebook is not to see this, and compiled modules could not be kept.
    gc.freeze()
    sys.settrace(None)
    sys.setprofile(None)
    threading.settrace(None)
    sys.dont_write_bytecode = True


def _move_in(folder: str) -> None:
    os.umask(0o077)
    tempfile.tempdir = folder
    for name in ("TMPDIR", "TEMP", "TMP"):
        os.environ[name] = folder
