"""The last exchanges of a session, so that "now sort it" is understood."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codeface_jupyter.context import Cell, is_request
from codeface_jupyter.prompts import Message, extract_code, extract_code_blocks
from codeface_jupyter.threads import new_lock

__all__ = ["Conversation", "Exchange", "count_own_cells"]

EXCHANGES_KEPT = 50


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as text.

    Attributes
    ----------
    request, answer
        What the user asked, and what the model wrote.
    cell_id
        The cell that asked, where that is known.
    code
        The answer's code as it was offered.
    cells_above
        How many cells with code of the notebook's own stood above the asking one.
    is_local
        Whether the model was on this machine: then values of variables may be in it.
    """

    request: str
    answer: str
    cell_id: str | None = None
    code: str = ""
    cells_above: int = 0
    is_local: bool = True


def count_own_cells(cells: Iterable[Cell]) -> int:
    """Return how many of the cells hold code of the notebook's own, and no request to us."""
    return sum(cell.cell_type == "code" and not is_request(cell.source) for cell in cells)


class Conversation:
    """Remembers exchanges, oldest first; safe to use from several threads."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=EXCHANGES_KEPT)
        self._lock = new_lock()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What is remembered, oldest first."""
        with self._lock:
            return tuple(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Remember ``exchange``, in place of what its cell asked before."""
        with self._lock:
            if exchange.cell_id is not None:
                kept = [e for e in self._exchanges if e.cell_id != exchange.cell_id]
                self._exchanges = deque(kept, maxlen=EXCHANGES_KEPT)
            elif self._exchanges and self._exchanges[-1].request == exchange.request:
                self._exchanges.pop()
            self._exchanges.append(exchange)

    def before(
        self, request: str, *, count: int, cells: Sequence[Cell] = (), is_leaving: bool = False
    ) -> tuple[Message, ...]:
        """Return the last ``count`` exchanges before ``request``, as messages.

        A cell that is run again sends the same as the first time, so that its answer
        can come from the response cache. Where cells have ids, only what the cells
        above asked counts, in their order; elsewhere, a repetition of the last request
        does not follow itself.

        Parameters
        ----------
        request
            What is being asked.
        count
            How many exchanges; 0 is none.
        cells
            The cells above, which the model sees as well. An exchange whose code is in
            them is left out: it has become a part of the notebook. So is one that other
            code has followed: the notebook has gone another way.
        is_leaving
            Whether they are for a model elsewhere, which may not see values of variables:
            what a model on this machine was told and answered stays here.
        """
        messages: list[Message] = []
        for exchange in self._open(request, cells, count=count):
            if not (is_leaving and exchange.is_local):
                messages.append({"role": "user", "content": exchange.request})
                messages.append({"role": "assistant", "content": exchange.answer})
        return tuple(messages)

    def code_before(self, request: str, *, cells: Sequence[Cell] = ()) -> str:
        """Return the code that the last of those exchanges offered; empty if there is none."""
        last = self._open(request, cells, count=1)
        return last[0].code if last else ""

    def _open(self, request: str, cells: Sequence[Cell], *, count: int) -> list[Exchange]:
        """Return those of the last exchanges that the notebook has not gone on from."""
        if not count:
            return []
        sources = "\n".join(cell.source for cell in cells)
        own_cells = count_own_cells(cells)
        return [
            exchange
            for exchange in self._asked_above(request, cells)[-count:]
            if own_cells <= exchange.cells_above and not _is_in_cells(exchange, sources)
        ]

    def _asked_above(self, request: str, cells: Sequence[Cell]) -> list[Exchange]:
        order = {cell.cell_id: number for number, cell in enumerate(cells) if cell.cell_id}
        if order:
            found = [e for e in self.exchanges if e.cell_id in order]
            return sorted(found, key=lambda e: order[e.cell_id or ""])
        exchanges = list(self.exchanges)
        if exchanges and exchanges[-1].request == request:
            exchanges.pop()
        return exchanges

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._exchanges.clear()


def _is_in_cells(exchange: Exchange, known: str) -> bool:
    written = extract_code(extract_code_blocks(exchange.answer))
    return any(code and code in known for code in (exchange.code, written))
