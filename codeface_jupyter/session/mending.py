"""A failed cell with the nearest names that exist, which asks no model."""

from __future__ import annotations

from dataclasses import replace

from codeface_jupyter.generation import (
    NO_MODEL,
    Chunk,
    Done,
    GenerationMetrics,
)
from codeface_jupyter.outcome import Outcome
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.trials.checks import with_names_that_exist
from codeface_jupyter.trials.choose import Candidate
from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.trials.outcome import try_code

__all__ = ["MENDED", "mended", "mended_at_once", "try_for"]

MENDED = "the cell with names that exist"


def mended_at_once(pending: PendingAnswer) -> Done | None:
    """Answer a request to repair a cell without a model; None if that takes one.

    The answer is left in ``pending.tried``. Whoever says what is wrong, or wants another answer
    than this one, wants the model's.
    """
    ask = pending.ask
    is_first = ask.context is None and ask.after is None
    if not is_first or ask.sources.request != FIX_REQUEST:
        return None
    if not copy_support(tries=ask.settings.tries).is_possible:
        return None
    pending.job.progress("Trying the nearest names that exist")
    found = mended(pending)
    if found is None:
        return None
    pending.job.emit(Chunk(found.result.text, 0))
    pending.tried = replace(found.result, outcome=found.outcome)
    return Done(finish_reason="stop", metrics=GenerationMetrics(tries=1))


def mended(pending: PendingAnswer) -> Candidate | None:
    """Return the cell that is to be repaired with the nearest names, if it runs so on a copy.

    None as well if other names are near, or what is wrong is no name.
    """
    ask = pending.ask
    rewrite = ask.sources.rewrite
    if ask.sources.task != "fix" or rewrite is None or ask.settings.tried_answers > 1:
        return None
    # What goes on from an answer is not put aside for another one.
    if pending.is_continued:
        return None
    code = with_names_that_exist(rewrite.text, ask.live_namespace or {})
    if code is None:
        return None
    text = fenced(code, rewrite.language)
    whole = Done(finish_reason="stop", metrics=GenerationMetrics())
    result = pending.checked_result(text, whole, sampling=pending.sampling, identity=NO_MODEL)
    candidate = Candidate(result=result, outcome=try_for(pending, result.code))
    return candidate if candidate.is_an_answer else None


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
