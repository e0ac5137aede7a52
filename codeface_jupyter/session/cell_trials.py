"""Cells in the place of one that is to be changed, each tried on a copy of the kernel."""

from __future__ import annotations

from dataclasses import replace

from codeface_jupyter.generation import (
    NO_MODEL,
    Done,
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
)
from codeface_jupyter.outcome import Outcome
from codeface_jupyter.prompts import fenced
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.trials.choose import Candidate
from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.kept_names import UNRELATED
from codeface_jupyter.trials.outcome import try_code

__all__ = ["CellTrials", "try_for"]


class CellTrials:
    """Tries cells in the place of one that is to be changed.

    Parameters
    ----------
    pending
        A question to repair or to edit a cell.

    Attributes
    ----------
    identity
        Whose answer they are; None for the model that is asked.
    count
        How many were tried.
    cost
        What a model took to fill gaps in them.
    notes
        What was wrong with the cell and is mended: sentences of Markdown.
    """

    def __init__(self, pending: PendingAnswer) -> None:
        self.pending = pending
        self.identity: EngineIdentity | None = NO_MODEL
        self.count = 0
        self.cost = GenerationMetrics()
        self.notes: tuple[str, ...] = ()

    def tried(self, code: str, *, notes: tuple[str, ...] = ()) -> Candidate:
        """Return an answer that is a cell as a whole, with notes of its own, and what it does."""
        answer = self.untried(code)
        answer = replace(answer, notes=(*self.notes, *notes, *answer.notes))
        return Candidate(result=answer, outcome=self.outcome(answer.code))

    def untried(self, code: str) -> GenerationResult:
        """Return an answer that is a cell as a whole."""
        text = code if self.pending.is_bare_code else fenced(code, "python")
        whole = Done(finish_reason="stop", metrics=GenerationMetrics())
        answer = self.pending.checked_result(
            text, whole, sampling=self.pending.sampling, identity=self.identity
        )
        # Of a short cell, two names may be half of it: all else is as it was.
        return replace(answer, notes=tuple(n for n in answer.notes if n != UNRELATED))

    def outcome(self, code: str) -> Outcome | None:
        """Return what a code does on a copy of the kernel; None if it was stopped."""
        self.count += 1
        return try_for(self.pending, code)


def try_for(pending: PendingAnswer, code: str) -> Outcome | None:
    """Return what a code does on a copy of the kernel, for an answer; None if it was stopped."""
    ask = pending.ask
    return try_code(
        code,
        ask.live_namespace or {},
        limits=Limits(seconds=ask.settings.try_timeout_s),
        tested=ask.tested,
        is_cancelled=lambda: pending.job.is_cancelled,
    )
