"""Looking at objects in a copy of the kernel, where their own code may raise anything, or wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from codeface_jupyter.namespace.foreign_code import TimeUpError, attempt

__all__ = ["Looking", "looked_at"]

T = TypeVar("T")

# For each look at what the code gave and changed.
LOOK_S = 2.0
# Of a copy's time, what is left to tell what was seen.
TELLING_SHARE = 0.1


def looked_at(look: Callable[[], T], *, otherwise: T) -> T:
    """Return what ``look`` returns, or ``otherwise`` if an object's own code raises.

    Only for a copy: an interrupt or an exit there is an object's own, too.
    """
    try:
        return look()
    except TimeUpError:
        raise
    except BaseException:  # noqa: BLE001 - foreign code: it may raise anything
        return otherwise


class Looking:
    """Looks that together end before their copy's time does: what has run is said to have run.

    Parameters
    ----------
    seconds
        How long the copy may run, from now.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds * (1 - TELLING_SHARE)

    def at(self, look: Callable[[], T]) -> T | None:
        """Return what ``look`` returns, or None if it fails or takes long."""
        seconds = min(LOOK_S, self._until - time.monotonic())
        if seconds <= 0:
            return None
        # The code may have used up all threads, or put anything in the place of the streams.
        return looked_at(lambda: attempt(look, timeout_s=seconds), otherwise=None)
