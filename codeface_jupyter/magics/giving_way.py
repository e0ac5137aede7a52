"""Work between the user's cells, which ends as soon as one begins to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codeface_jupyter.jobs import Cancelled

if TYPE_CHECKING:
    from codeface_jupyter.frontend.bridge import Bridge
    from codeface_jupyter.jobs import Job

__all__ = ["GivingWay"]


class GivingWay:
    """Ends work when a cell begins to run: the user's own code goes first.

    Parameters
    ----------
    bridge
        Tells when one does.
    is_own
        Whether a cell, given by its source, is none of the user's code, and ends nothing.
    """

    def __init__(self, bridge: Bridge, *, is_own: Callable[[str], bool] = lambda _: False) -> None:
        self._under_way: set[Job] = set()
        self._is_own = is_own
        bridge.on_cell_start(self._end_all)

    @contextmanager
    def part(self, job: Job, *, while_busy: bool = False) -> Iterator[Job]:
        """Yield a part of ``job`` that a cell ends; the block then ends without a result.

        So it does if something else than ``job`` stopped its work.

        Parameters
        ----------
        while_busy
            Whether it may go on beside the user's cells.
        """
        part = job.part()
        # Before it is asked whether a cell runs: the next one then finds what it is to end.
        if not while_busy:
            self._under_way.add(part)
        try:
            yield part
        except Cancelled:
            if job.is_cancelled:
                raise
        finally:
            self._under_way.discard(part)

    def _end_all(self, source: str) -> None:
        if self._under_way and not self._is_own(source):
            for part in tuple(self._under_way):
                part.cancel()
