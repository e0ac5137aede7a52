"""A failed cell without a slip in it, such as a mistyped name, which asks no model."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from codeface_jupyter.context import Rewrite
from codeface_jupyter.context.cells import defined_names
from codeface_jupyter.generation import (
    NO_MODEL,
    Chunk,
    Done,
    EngineIdentity,
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
from codeface_jupyter.trials.slips import Mended, without_slip

__all__ = ["cell_result", "may_be_mended", "mended_at_once", "try_for"]

WORD = re.compile(r"\w+")
# Each takes as long as the cell.
MAX_TRIES = 4
LONGEST_S = 4.0


def mended_at_once(pending: PendingAnswer) -> Done | None:
    """Answer a request to repair a cell without a model; None if that takes one.

    The answer is left in ``pending.tried``. Whoever says what is wrong, or wants another answer
    than this one, wants the model's.
    """
    ask = pending.ask
    if not may_be_mended(ask):
        return None
    if not copy_support(tries=ask.settings.tries).is_possible:
        return None
    begin = time.perf_counter()
    for tries, mended in enumerate(islice(_mended(ask), MAX_TRIES), 1):
        pending.job.progress("Trying the cell without the slip in it")
        candidate = _candidate(pending, mended)
        if candidate is not None and candidate.is_an_answer and not candidate.obstacle:
            result = candidate.result
            pending.job.emit(Chunk(result.text, 0))
            pending.tried = replace(result, outcome=candidate.outcome)
            cost = GenerationMetrics(tries=tries, tries_s=time.perf_counter() - begin)
            return Done(finish_reason="stop", metrics=cost)
        if time.perf_counter() - begin > LONGEST_S:
            break
    return None


def _candidate(pending: PendingAnswer, mended: Mended) -> Candidate | None:
    """Try a cell; None if there was no such slip in it."""
    if mended.proof:
        proven = try_for(pending, mended.proof)
        if proven is None or not proven.has_run:
            return None
    result = cell_result(pending, mended.code, identity=NO_MODEL)
    return Candidate(result=result, outcome=try_for(pending, result.code))


def may_be_mended(ask: Ask) -> bool:
    """Whether a question may be answered without a model, by what is asked."""
    is_first = ask.context is None and ask.after is None and ask.settings.tried_answers == 1
    return is_first and ask.sources.task == "fix" and ask.sources.request == FIX_REQUEST


def _mended(ask: Ask) -> Iterator[Mended]:
    """Yield the cell that is to be repaired without what may be a slip in it."""
    rewrite, error = ask.sources.rewrite, ask.sources.error
    # What hidden lines define is not seen.
    if rewrite is None or rewrite.language != "python" or rewrite.hidden != ():
        return
    named = _with_names_that_exist(ask, rewrite)
    if named is not None:
        yield Mended(named)
    elif error is not None:
        yield from without_slip(rewrite.text, error)


def _with_names_that_exist(ask: Ask, rewrite: Rewrite) -> str | None:
    """Return the cell with names that exist; None if that is not all, or not certain."""
    namespace = ask.live_namespace
    if namespace is None:
        return None
    # A name that seems to be missing may be one that a cell makes once it is run.
    waiting = [cell.source for cell in ask.sources.cells if not cell.was_run]
    names = set(WORD.findall(rewrite.text))
    if any(not names.isdisjoint(defined_names(source)) for source in waiting):
        return None
    # A copy: the user's cells may go on meanwhile.
    return with_names_that_exist(rewrite.text, dict(namespace))


def cell_result(
    pending: PendingAnswer, code: str, *, identity: EngineIdentity | None = None
) -> GenerationResult:
    """Return an answer that is a cell as a whole; by the model that was asked, unless named."""
    text = code if pending.is_bare_code else fenced(code, "python")
    whole = Done(finish_reason="stop", metrics=GenerationMetrics())
    return pending.checked_result(text, whole, sampling=pending.sampling, identity=identity)


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
