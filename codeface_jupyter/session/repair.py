"""Repairs of a failed cell in which a model writes little or nothing.

The faults are mended one after the other, as they show: what is a slip without a model, a name
that does not exist with one that fills the gap. Only a cell that then runs is an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from codeface_jupyter.engines.base import Engine, InfillEngine
from codeface_jupyter.generation import Chunk, Done
from codeface_jupyter.prompts import FIX_REQUEST
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.cell_trials import CellTrials
from codeface_jupyter.session.failing_cell import FailingCell
from codeface_jupyter.session.mending import mended
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.session.renaming import Renaming, misnamed_in
from codeface_jupyter.trials.choose import Candidate

__all__ = ["Repair", "may_be_repaired"]

# Who makes more mistakes in one cell is better served by a cell that is written anew.
MAX_FAULTS = 3
# In that time a model would have written the cell anew.
LONGEST_S = 15.0

Step = Callable[[FailingCell], Candidate | FailingCell | None]


def may_be_repaired(ask: Ask) -> bool:
    """Whether a question may be answered so, by what is asked.

    Whoever says what is wrong, or wants another answer than this one, wants the model's.
    """
    is_first = ask.context is None and ask.after is None and ask.settings.tried_answers == 1
    return is_first and ask.sources.task == "fix" and ask.sources.request == FIX_REQUEST


class Repair:
    """Mends the faults of a cell, for a question that `may_be_repaired`.

    The answer is left in ``pending.tried``.

    Parameters
    ----------
    pending
        The question.
    """

    def __init__(self, pending: PendingAnswer) -> None:
        self._pending = pending
        self._trials = CellTrials(pending)
        self._seconds = 0.0
        self._cell = FailingCell.of(pending.ask) if may_be_repaired(pending.ask) else None
        self._left = MAX_FAULTS

    @property
    def needs_name(self) -> bool:
        """Whether the cell fails at a name that a model may find."""
        has_names = self._pending.ask.live_namespace is not None
        return self._cell is not None and has_names and misnamed_in(self._cell) is not None

    def without_model(self) -> Done | None:
        """Answer with a cell that runs; None if that takes a model."""
        return self._mend([self._without_slip])

    def with_names(self, engine: Engine) -> Done | None:
        """Answer with a cell that runs, with names that an engine finds, whose model is in memory.

        None if none runs, it is not clear which name is meant, or the engine fills no gaps or would
        have others see the error.
        """
        if not (isinstance(engine, InfillEngine) and engine.can_infill and engine.is_local):
            return None
        self._trials.identity = None
        return self._mend([lambda cell: self._renamed(cell, engine), self._without_slip])

    def _mend(self, steps: list[Step]) -> Done | None:
        """Mend one fault after the other, as long as that brings the cell further."""
        while self._cell is not None and self._left and self._seconds < LONGEST_S:
            begin = time.perf_counter()
            tried = (step(self._cell) for step in steps)
            found = next((one for one in tried if one is not None), None)
            self._seconds += time.perf_counter() - begin
            if isinstance(found, Candidate):
                return self._answer(found)
            if found is None:
                return None
            self._cell = found
            self._left -= 1
        return None

    def _without_slip(self, cell: FailingCell) -> Candidate | FailingCell | None:
        return mended(cell, self._trials)

    def _renamed(self, cell: FailingCell, engine: InfillEngine) -> Candidate | FailingCell | None:
        place = misnamed_in(cell)
        if place is None:
            return None
        return Renaming(cell, place, engine=engine, trials=self._trials).run()

    def _answer(self, candidate: Candidate) -> Done:
        result, cost = candidate.result, self._trials.cost
        self._pending.job.emit(Chunk(result.text, cost.generated_tokens))
        self._pending.tried = replace(result, outcome=candidate.outcome)
        trying_s = max(0.0, self._seconds - cost.total_s)
        metrics = replace(cost, tries=self._trials.count, tries_s=trying_s)
        return Done(finish_reason="stop", metrics=metrics)
