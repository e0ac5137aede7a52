"""An answer tried before it is shown for good: on a copy of the kernel, beside others if it fails.

The likeliest answer streams first. If its code runs on the copy, it stays. If it raises, names
what does not exist, only repeats the notebook, is about something else or does without what the
request names, a better model is asked, if there is one. Without one, or where it fails as well,
other answers are sampled side by side and tried too, and what most of those that run do is what
is shown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import combinations

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import BatchEngine, Engine
from codeface_jupyter.generation import (
    Done,
    GenerationResult,
    Revised,
    SamplingParameters,
)
from codeface_jupyter.jobs import Cancelled
from codeface_jupyter.outcome import Agreement
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.session.second_answer import PATIENCE_S, second_answer
from codeface_jupyter.session.second_model import SecondModel
from codeface_jupyter.session.tried_answers import TriedAnswers
from codeface_jupyter.trials.choose import Candidate, Choice, choose, is_decided
from codeface_jupyter.trials.copy_support import copy_support, hanging_reason
from codeface_jupyter.trials.kept_beginning import kept_beginning

__all__ = ["STOPPED", "Trying", "tried"]

logger = logging.getLogger(__name__)

TRIED_TASKS = frozenset({"write", "fix", "edit", "test"})
PYTHON = "python"
OTHER_ANSWERS = 8
# Chosen by measurement: benchmarks/RESULTS.md.
TEMPERATURE = 0.7
TOP_P = 0.95
MIN_TOKENS = 160
TIMES_AS_LONG = 2
# On the tokens of the cell and the notebook, which models write down again in place of a repair.
REPAIR_PENALTY = 1.2
# Of samples as long as the first answer, and as this, few were right.
MIN_LONG_TOKENS = 40
TOO_SLOW = (
    f"Other answers were given up after {PATIENCE_S:.0f} s; "
    f"--tries {1 + OTHER_ANSWERS} waits for them."
)

STOPPED = "Stopped before other answers were tried: this is the first one."


def tried(pending: PendingAnswer, done: Done, engine: Engine, *, second: SecondModel) -> Done:
    """Try an answer that has come to its end, and choose; return the end with what that cost.

    The choice is left in ``pending.tried``. Stopping keeps the first answer.

    Parameters
    ----------
    pending
        The answer, and what it was asked.
    done
        Its end.
    engine
        What gave it, and gives others.
    second
        The model that is asked where it fails.
    """
    trying = Trying(pending, done, engine, second=second)
    trying.try_first()
    trying.try_others()
    return trying.end()


def _is_to_be_tried(pending: PendingAnswer, result: GenerationResult) -> bool:
    ask = pending.ask
    if ask.settings.tries == "off" or ask.live_namespace is None or ask.language != PYTHON:
        return False
    is_python = any(block.language == PYTHON for block in result.code_blocks)
    return result.finish_reason == "stop" and ask.sources.task in TRIED_TASKS and is_python


class Trying:
    """Tries an answer, and others where it fails.

    Its steps are those of `tried`. Each can be stopped, and keeps what it has found by then.

    Parameters
    ----------
    pending, done, engine, second
        As in `tried`.

    Attributes
    ----------
    is_wanted
        Whether there is something to try.
    """

    def __init__(
        self, pending: PendingAnswer, done: Done, engine: Engine, *, second: SecondModel
    ) -> None:
        self._pending = pending
        self._done = done
        self._engine = engine if isinstance(engine, BatchEngine) else None
        self._is_local = engine.is_local
        self._second = second
        self._first = pending.untried_result(done)
        is_to_be_tried, tries = _is_to_be_tried(pending, self._first), pending.ask.settings.tries
        self.is_wanted = is_to_be_tried and copy_support(tries=tries).is_possible
        is_untried = is_to_be_tried and not self.is_wanted
        self._why_not = hanging_reason(tries=tries) if is_untried else ""
        self._tried = TriedAnswers(pending)
        self._is_complete = False
        self._was_stopped = False
        self._was_too_slow = False
        # What takes the place of the first answer without being compared with others, and why.
        self._found: tuple[Candidate, str] | None = None
        self._seconds = 0.0

    def try_first(self) -> None:
        """Try the answer itself."""
        if self.is_wanted:
            with self._step():
                self._pending.job.progress("Trying it on a copy of the kernel")
                self._tried.add(0, self._first)

    @property
    def needs_others(self) -> bool:
        """Whether `try_others` has something to do; after `try_first`."""
        return self._second_wanted is not None or self._others_wanted() > 0

    def try_others(self) -> None:
        """Ask for other answers if that is called for, and try them; after `try_first`."""
        are_needed = self.needs_others
        with self._step():
            if (settings := self._second_wanted) is not None:
                self._found = self._by_second(settings)
            count = self._others_wanted()
            if count and self._engine is not None:
                self._try_others(self._engine, count)
            self._pending.job.check()
            self._is_complete = True
        self._was_stopped = are_needed and not self._is_complete

    def end(self) -> Done:
        """Choose, leave the choice in ``pending.tried``, and return the end with the cost."""
        self._pending.tried = self._choose()
        if not self.is_wanted:
            return self._done
        spent = replace(self._done.metrics, tries=self._tried.tries, tries_s=self._seconds)
        return replace(self._done, metrics=spent)

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Measure a step, and end it where it is stopped."""
        begin = time.perf_counter()
        try:
            with suppress(Cancelled):
                yield
        finally:
            self._seconds += time.perf_counter() - begin

    def _choose(self) -> GenerationResult:
        """Return the answer that is shown, and say so if it is not the first."""
        first = self._tried.first
        if first is None:
            return _not_tried(self._first, self._why_not)
        choice, reason = self._choice_among(first)
        if not self._is_replayed:
            is_unknown = self._tried.awaits_user() or choice.chosen.fails_after_itself
            is_in_vain = self._is_complete and not (self._was_too_slow or is_unknown)
            self._pending.in_vain = is_in_vain and not choice.chosen.is_good
        result = choice.chosen.result
        if choice.chosen is not first:
            tokens = result.metrics.generated_tokens
            self._pending.job.emit(Revised(result.text, tokens, reason))
        notes = (*result.notes, *self._tried.notes(choice.chosen), self._how_ended(choice.chosen))
        return replace(
            result,
            notes=tuple(filter(None, notes)),
            findings=self._tried.findings(choice.chosen),
            outcome=choice.chosen.outcome,
            agreement=choice.agreement or self._kept_agreement(choice.chosen),
            alternatives=choice.alternatives,
            is_revised=choice.chosen is not first,
        )

    def _how_ended(self, chosen: Candidate) -> str:
        """Return a note if the search for others ended early; empty if nothing is missing."""
        if self._was_stopped:
            return STOPPED if self._found is None else ""
        if chosen.is_good:
            return ""
        return TOO_SLOW if self._was_too_slow else self._tried.in_vain(chosen)

    def _choice_among(self, first: Candidate) -> tuple[Choice, str]:
        """Return what is chosen, and why if it is not the first."""
        if self._found is not None:
            found, reason = self._found
            return Choice(chosen=found), reason
        choice = choose(self._to_choose_from(first) if self._is_complete else [first])
        agreed = "" if choice.agreement is None else choice.agreement.in_words
        # How many agree stands beside what the code did.
        return choice, self._tried.fault(shown=choice.chosen) or agreed

    def _kept_agreement(self, chosen: Candidate) -> Agreement | None:
        """Return how many agreed with a replayed answer, if it still does anything here."""
        is_as_kept = chosen is self._tried.first and chosen.is_an_answer
        return self._pending.kept_agreement if is_as_kept else None

    def _is_doubtful(self, first: Candidate) -> bool:
        """Whether something speaks against the first answer that others may not share."""
        if self._tried.awaits_user() or (self._is_replayed and self._pending.in_vain):
            return False
        # Others that run would be those that leave out what can be done only once.
        if first.fails_after_itself:
            return False
        # What the copy may not do is no fault of the code, and what takes long takes long again.
        has_failed = first.outcome is not None and first.outcome.ending == "raised"
        # A replayed answer is what was shown when there were others to choose from.
        leaves_out = not self._is_replayed and first.is_an_answer and first.is_wanting
        return has_failed or first.names_what_is_not_there or first.is_another_thing or leaves_out

    def _others_wanted(self) -> int:
        """Return how many answers to ask for beside the first."""
        first, settings = self._tried.first, self._pending.ask.settings
        if first is None or self._engine is None or self._is_settled:
            return 0
        # A replayed answer has been chosen already.
        if self._are_asked_for and not self._is_replayed:
            return settings.tried_answers - 1
        return OTHER_ANSWERS if self._is_local and self._is_doubtful(first) else 0

    @property
    def _is_replayed(self) -> bool:
        """Whether the first answer comes from the response cache."""
        return self._first.metrics.from_response_cache

    @property
    def _is_settled(self) -> bool:
        """Whether the answer stays as it is, or another one has taken its place."""
        return self._found is not None or self._pending.is_continued

    @property
    def _second_wanted(self) -> Settings | None:
        """The better model to ask; several answers at once are to agree instead."""
        first, ask = self._tried.first, self._pending.ask
        if first is None or self._is_settled or self._are_asked_for:
            return None
        # It would say the same again.
        is_its_own = self._pending.other_identity is not None
        return None if is_its_own or not self._is_doubtful(first) else ask.second

    def _by_second(self, settings: Settings) -> tuple[Candidate, str] | None:
        """Ask the better model; return its answer if that can take the place of the first.

        Otherwise it is one of those that are compared.
        """
        longest = self._longest
        result = second_answer(self._pending, self._second, settings, max_new_tokens=longest)
        if result is None or not result.code:
            return None
        candidate = self._tried.candidate(result)
        if not _has_nothing_against(candidate):
            self._tried.add_second(candidate)
            return None
        asked = f"{result.identity.model} was asked"
        fault = self._tried.fault(shown=candidate)
        return candidate, f"{asked}, {fault}" if fault else asked

    @property
    def _longest(self) -> int:
        """How many tokens another answer may have: much longer ones go round in circles."""
        longest = max(MIN_TOKENS, TIMES_AS_LONG * self._first.metrics.generated_tokens)
        return min(self._pending.sampling.max_new_tokens, longest)

    def _to_choose_from(self, first: Candidate) -> list[Candidate]:
        """Return what is compared: what ran is replaced unasked only by what says more."""
        # One that was cut off has no vote.
        candidates = [
            one
            for one in self._tried.in_order
            if one is first or one.result.finish_reason == "stop"
        ]
        if not first.is_good or self._are_asked_for:
            return candidates
        others = [one for one in candidates if one.is_an_answer and not one.gives_nothing]
        misses_less = any(one.misses < first.misses for one in others)
        return candidates if misses_less or _show_more(others, first) else [first]

    @property
    def _are_asked_for(self) -> bool:
        """Whether the user wants several answers to be compared."""
        return self._pending.ask.settings.tried_answers > 1

    def _is_enough(self, tokens: int, *, remaining: int) -> bool:
        """Whether to go on after an answer of so many tokens would hardly change the choice."""
        candidates = self._tried.in_order
        if is_decided(candidates, remaining=remaining):
            return True
        if self._are_asked_for:
            return False
        is_long = tokens >= max(MIN_LONG_TOKENS, self._first.metrics.generated_tokens)
        return is_long and any(map(_has_nothing_against, candidates[1:]))

    def _try_others(self, engine: BatchEngine, count: int) -> None:
        """Ask for more answers side by side, and try each as it comes, until it is decided."""
        batch = self._pending.job.part(within_s=None if self._are_asked_for else PATIENCE_S)
        total = count + len(self._tried)
        begin = self._pending.begun_with(kept_beginning(self._pending.ask.sources), engine)
        samplings = _samplings(self._pending, count, longest=self._longest, is_repair=bool(begin))
        is_enough = False

        def on_result(index: int, text: str, done: Done) -> None:
            nonlocal is_enough
            if done.finish_reason == "cancelled" or done.error is not None:
                return
            whole = f"{begin}{text}"
            result = self._pending.checked_result(whole, done, sampling=samplings[index])
            self._tried.add(index + 1, result)
            tried = len(self._tried)
            self._tell(tried, total)
            if self._is_enough(done.metrics.generated_tokens, remaining=total - tried):
                is_enough = True
                batch.cancel()

        self._tell(len(self._tried), total)
        request = self._pending.request
        prompt = replace(request.prompt, answer_begin=begin)
        requests = [replace(request, prompt=prompt, sampling=sampling) for sampling in samplings]
        try:
            with suppress(Cancelled):
                engine.generate_batch(requests, on_result=on_result, job=batch)
        except Exception:
            # Whatever an engine raises: the first answer is there, and others may have come.
            logger.debug("Other answers could not be asked for.", exc_info=True)
        # The user's stop ends all of it; that of this batch alone keeps what has come.
        self._pending.job.check()
        self._was_too_slow = batch.is_cancelled and not is_enough and len(self._tried) < total

    def _tell(self, tried: int, total: int) -> None:
        self._pending.job.progress("Trying other answers", tried, total, "samples")


def _not_tried(result: GenerationResult, why_not: str) -> GenerationResult:
    """Return an answer with a note why it was not tried, where others were."""
    notes = (f"Not tried on a copy: {why_not}",) if why_not else ()
    return replace(result, notes=(*result.notes, *notes))


def _samplings(
    pending: PendingAnswer, count: int, *, longest: int, is_repair: bool
) -> list[SamplingParameters]:
    """Return how other answers are drawn: each with a seed of its own, repeatable as a whole."""
    given = pending.sampling
    drawn = replace(given, max_new_tokens=longest)
    if is_repair and pending.ask.settings.repetition_penalty is None:
        drawn = replace(drawn, repetition_penalty=REPAIR_PENALTY)
    if not given.do_sample:
        drawn = replace(drawn, temperature=TEMPERATURE, top_p=TOP_P)
    return [replace(drawn, seed=(given.seed or 0) + number) for number in range(1, count + 1)]


def _show_more(others: Sequence[Candidate], first: Candidate) -> bool:
    """Whether two answers agree that take a step of which the first shows no sign."""
    may_be = [one for one in others if one.misses <= first.misses and not one.missed_steps]
    pairs = combinations(may_be if first.missed_steps else (), 2)
    return any(one.agrees_with(other) for one, other in pairs)


def _has_nothing_against(candidate: Candidate) -> bool:
    """Whether an answer may take the place of a first one that something speaks against."""
    is_whole = candidate.is_good and not candidate.is_wanting and not candidate.obstacle
    return is_whole and not candidate.gives_nothing
