"""Work between the user's cells, which ends as soon as one begins to run."""

from __future__ import annotations

from collections.abc import Iterator
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
    """

    def __init__(self, bridge: Bridge) -> None:
        self._under_way: set[Job] = set()
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

    def _end_all(self) -> None:
        for part in tuple(self._under_way):
            part.cancel()
