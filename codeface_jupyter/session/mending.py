"""A failed cell with names that exist in the place of mistyped ones, which asks no model."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from codeface_jupyter.context.cells import defined_names
from codeface_jupyter.generation import (
    NO_MODEL,
    Chunk,
    Done,
    GenerationMetrics,
    GenerationResult,
)
from codeface_jupyter.outcome import Outcome
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.trials.checks import with_names_that_exist
from codeface_jupyter.trials.choose import Candidate
from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.trials.outcome import try_code

__all__ = ["may_be_mended", "mended_at_once", "try_for"]

WORD = re.compile(r"\w+")


def mended_at_once(pending: PendingAnswer) -> Done | None:
    """Answer a request to repair a cell without a model; None if that takes one.

    The answer is left in ``pending.tried``. Whoever says what is wrong, or wants another answer
    than this one, wants the model's.
    """
    ask = pending.ask
    if not may_be_mended(ask):
        return None
    code = _mended_code(ask)
    if code is None or not copy_support(tries=ask.settings.tries).is_possible:
        return None
    pending.job.progress("Trying the cell with names that exist")
    begin = time.perf_counter()
    result = _result(pending, code)
    candidate = Candidate(result=result, outcome=try_for(pending, result.code))
    if not candidate.is_an_answer or candidate.obstacle:
        return None
    pending.job.emit(Chunk(result.text, 0))
    pending.tried = replace(result, outcome=candidate.outcome)
    seconds = time.perf_counter() - begin
    return Done(finish_reason="stop", metrics=GenerationMetrics(tries=1, tries_s=seconds))


def may_be_mended(ask: Ask) -> bool:
    """Whether a question may be answered without a model, by what is asked."""
    is_first = ask.context is None and ask.after is None and ask.settings.tried_answers == 1
    return is_first and ask.sources.task == "fix" and ask.sources.request == FIX_REQUEST


def _mended_code(ask: Ask) -> str | None:
    """Return the text of the cell that is to be repaired with names that exist.

    None if that is not all that is wrong, or not certain.
    """
    rewrite, namespace = ask.sources.rewrite, ask.live_namespace
    if rewrite is None or namespace is None:
        return None
    # What hidden lines define is not seen.
    if rewrite.language != "python" or rewrite.hidden != ():
        return None
    # A name that seems to be missing may be one that a cell makes once it is run.
    waiting = [cell.source for cell in ask.sources.cells if not cell.was_run]
    names = set(WORD.findall(rewrite.text))
    if any(not names.isdisjoint(defined_names(source)) for source in waiting):
        return None
    # A copy: the user's cells may go on meanwhile.
    return with_names_that_exist(rewrite.text, dict(namespace))


def _result(pending: PendingAnswer, code: str) -> GenerationResult:
    text = code if pending.is_bare_code else fenced(code, "python")
    whole = Done(finish_reason="stop", metrics=GenerationMetrics())
    return pending.checked_result(text, whole, sampling=pending.sampling, identity=NO_MODEL)


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
