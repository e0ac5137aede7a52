"""An edit that is made without a model, since its words leave nothing open: a variable renamed."""

from __future__ import annotations

import time
from dataclasses import replace

from codeface_jupyter.generation import Chunk, Done, GenerationMetrics
from codeface_jupyter.outcome import Outcome
from codeface_jupyter.prompts import edit_instruction
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.cell_trials import CellTrials
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.trials.rename_request import RenameRequest

__all__ = ["edited_exactly"]


def edited_exactly(pending: PendingAnswer) -> Done | None:
    """Answer a request to change a cell; None if that takes a model, or fails as it is.

    The answer is left in ``pending.tried``, with what the cell does on a copy of the kernel.
    """
    code = _renamed_cell(pending.ask)
    if code is None:
        return None
    begin, trials = time.perf_counter(), CellTrials(pending)
    result = trials.untried(code)
    may_try = copy_support(tries=pending.ask.settings.tries).is_possible
    if may_try:
        pending.job.progress("Trying it on a copy of the kernel")
    outcome = trials.outcome(result.code) if may_try else None
    if outcome is not None and outcome.ending != "ran" and not _failed_before(outcome, trials):
        return None
    pending.job.emit(Chunk(result.text, 0))
    pending.tried = replace(result, outcome=outcome)
    metrics = GenerationMetrics(tries=trials.count, tries_s=time.perf_counter() - begin)
    return Done(finish_reason="stop", metrics=metrics)


def _failed_before(outcome: Outcome, trials: CellTrials) -> bool:
    """Whether a cell fails in the same way as it is, so that no other name is the cause."""
    rewrite = trials.pending.ask.sources.rewrite
    before = trials.outcome(rewrite.shown) if rewrite is not None else None
    return before is not None and _failure(before) == _failure(outcome)


def _failure(outcome: Outcome) -> tuple[str, str, int | None]:
    return outcome.ending, outcome.error_type, outcome.error_line


def _renamed_cell(ask: Ask) -> str | None:
    """Return the cell with another name for one of its variables; None if that is not asked for.

    Nor where a variable of the notebook would be lost, or a secret line may have the name.
    """
    rewrite = ask.sources.rewrite
    # Whoever asks again wants something else.
    is_first = ask.context is None and ask.after is None and ask.settings.tried_answers == 1
    if ask.sources.task != "edit" or not is_first:
        return None
    if rewrite is None or rewrite.language != "python" or rewrite.hidden != ():
        return None
    instruction = edit_instruction(ask.sources.request, rewrite.text)
    wanted = RenameRequest.read(instruction)
    if wanted is None or wanted.new in (ask.live_namespace or {}):
        return None
    return wanted.renamed(rewrite.text)
