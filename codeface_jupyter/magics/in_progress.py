"""The answers and loads that are in progress, for whoever wants to stop them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from codeface_jupyter.threads import new_lock

if TYPE_CHECKING:
    from codeface_jupyter.session.answer import Answer

__all__ = ["InProgress"]


class InProgress:
    """What is in progress; begun, shown and stopped in several threads."""

    def __init__(self) -> None:
        # With the cells that they are shown in, where cells have ids, and with the answers under
        # which they are asked. What failed before it was shown is forgotten by itself.
        self._cells: weakref.WeakKeyDictionary[Answer, str | None] = weakref.WeakKeyDictionary()
        self._asked_under: weakref.WeakKeyDictionary[Answer, str] = weakref.WeakKeyDictionary()
        self._lock = new_lock()

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, work: Answer, *, cell_id: str | None = None, answer_id: str = "") -> None:
        """Remember ``work``, the cell that it is shown in and the answer that it is asked under."""
        with self._lock:
            self._cells[work] = cell_id or self._cells.get(work)
            if answer_id:
                self._asked_under[work] = answer_id

    def discard(self, work: Answer) -> None:
        """Forget ``work``, which has ended."""
        with self._lock:
            self._cells.pop(work, None)
            self._asked_under.pop(work, None)

    def shown_in(self, cell_id: str | None) -> list[Answer]:
        """Return what is in progress in a cell; for None, in any or none."""
        # Others are added meanwhile: the dictionary is not to change while it is read.
        with self._lock:
            return [work for work, shown in self._cells.items() if cell_id in {None, shown}]

    def asked_under(self, answer_id: str) -> list[Answer]:
        """Return what is in progress under an answer."""
        with self._lock:
            return [work for work, shown in self._asked_under.items() if shown == answer_id]
