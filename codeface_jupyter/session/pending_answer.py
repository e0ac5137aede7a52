"""An answer as its worker builds it up: the prompt, the text so far, the result."""

from __future__ import annotations

import time
from dataclasses import fields, replace

from codeface_jupyter.context import Context
from codeface_jupyter.engines.base import BatchEngine, Engine, GoesOn
from codeface_jupyter.generation import (
    NO_MODEL,
    Chunk,
    Done,
    EngineIdentity,
    GenerationMetrics,
    GenerationRequest,
    GenerationResult,
    Revised,
    SamplingParameters,
    Warned,
)
from codeface_jupyter.jobs import Event, Job
from codeface_jupyter.metrics import CacheOutcome
from codeface_jupyter.outcome import Agreement
from codeface_jupyter.prompts import (
    COPYING_TASKS,
    HintText,
    ends_sentence,
    without_repeated_code,
    without_repetition,
)
from codeface_jupyter.response_cache import CachedResponse, ResponseCache, response_key
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.answer_state import AnswerState
from codeface_jupyter.session.checking import checked
from codeface_jupyter.session.events import Started
from codeface_jupyter.trials.kept_beginning import repair_beginning
from codeface_jupyter.well_formed import well_formed

__all__ = ["PendingAnswer"]

FENCE = "```"
# Tokenizers take more than that together, of code.
LEAST_BYTES_PER_TOKEN = 2
REPEATED_ITSELF = "ended where it began to repeat itself"


class PendingAnswer:
    """An answer as its worker builds it up; its text is a fold over the events that it emits.

    Parameters
    ----------
    ask
        The question.
    job
        Gets every event.

    Attributes
    ----------
    job
        What the engine is given.
    sampling
        How tokens are chosen; settled by `start`.
    cache_outcome, saved_s
        Whether the response cache had the answer, and the seconds that this saved.
    tried
        The answer that was chosen after its code was tried; None if none was.
    kept_agreement
        What a replayed answer was chosen from when it was generated.
    in_vain
        Whether something spoke against every answer that was asked for, when it was generated.
    """

    def __init__(self, ask: Ask, job: Job) -> None:
        self.ask = ask
        self._hint = HintText() if ask.is_for_hint else None
        # What the model goes on from, and what of that is to come with its first token.
        self._begin = self._begin_to_come = ""
        self._is_repeating = False
        # An answer can end before the model does.
        self.job = Job(self._tell, whole=job)
        self.sampling = _sampling(ask)
        self.saved_s = 0.0
        self.cache_outcome: CacheOutcome = "off"
        self.tried: GenerationResult | None = None
        self.kept_agreement: Agreement | None = None
        self.in_vain = False
        self._replayed_of: EngineIdentity | None = None
        self._listener = job
        self._state = AnswerState()
        self._asked_at = time.perf_counter() if ask.asked_at is None else ask.asked_at
        self._wait_s = 0.0
        self._is_streamed = True

    @property
    def identity(self) -> EngineIdentity:
        """Which model answers: until that is settled, the one that the settings name."""
        if self._state.started is not None:
            return self._state.started.identity
        return EngineIdentity(engine=self.ask.settings.engine, model=self.ask.settings.model)

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._state.text

    @property
    def prompt(self) -> str:
        """The exact text that the model is given; empty before `start`."""
        context = self._state.context
        return context.text if context else ""

    @property
    def is_bare_code(self) -> bool:
        """Whether the model's text is code and nothing else, without a fence; after `start`."""
        return self._state.started is not None and self._state.started.is_bare_code

    @property
    def is_repeatable(self) -> bool:
        """Whether the same question gives the same answer again."""
        return not self.sampling.do_sample or self.sampling.seed is not None

    @property
    def metrics(self) -> GenerationMetrics:
        """What is known of an answer that broke off."""
        context, started = self._state.context, self._state.started
        begun = started.begun_tokens if started else 0
        return GenerationMetrics(
            prompt_tokens=context.prompt_tokens if context else 0,
            generated_tokens=self._state.generated_tokens - begun,
        )

    @property
    def is_stopped(self) -> bool:
        """Whether the user has stopped it."""
        return self._listener.is_cancelled

    @property
    def is_continued(self) -> bool:
        """Whether the answer begins with a text that was there before."""
        return self.ask.after is not None and self.ask.after.question is None

    @property
    def key(self) -> str:
        """What the answer is kept under; after `start`. A hint is not all of an answer."""
        return self._key(is_for_hint=self.ask.is_for_hint)

    def _key(self, *, is_for_hint: bool) -> str:
        settings = self.ask.settings
        tries = "" if settings.tries == "off" else f"{settings.tries} {settings.tried_answers}"
        if self.ask.second is not None:
            tries = f"{tries} {self.ask.second.model}"
        choosing = f"{tries} hint" if is_for_hint else tries
        return response_key(self.identity, self.sampling, self.prompt, choosing=choosing)

    @property
    def request(self) -> GenerationRequest:
        """What the engine is asked; after `start`."""
        context = self._state.context
        if context is None:
            raise RuntimeError("The prompt is not settled; `start` settles it.")
        prompt = context.prompt
        if self._begin:
            prompt = replace(prompt, answer_begin=self._begin)
        return GenerationRequest(
            prompt=prompt,
            sampling=self.sampling,
            expects_copying=prompt.task in COPYING_TASKS,
        )

    @property
    def may_replay(self) -> bool:
        """Whether a kept answer may be given."""
        return self._may_keep and self.ask.use_response_cache

    @property
    def _may_keep(self) -> bool:
        """Whether the answer may be kept; a sample without a seed only if the settings say so."""
        settings = self.ask.settings
        is_wanted = self.is_repeatable or settings.response_cache_sampled
        return bool(settings.response_cache) and is_wanted and not self.is_continued

    def start(self, engine: Engine, context: Context, *, identity: EngineIdentity) -> None:
        """Settle the prompt and the sampling."""
        # Only now is the engine known, and with it the default repetition penalty.
        self.sampling = _sampling(self.ask, default_penalty=engine.default_repetition_penalty)
        self.job.check()
        after = self.ask.after
        self.job.emit(
            Started(
                context=context,
                identity=identity,
                is_bare_code=not (engine.is_chat or self.ask.is_for_hint),
                is_local=engine.is_local,
                begun_tokens=after.begun_tokens if after else 0,
            )
        )
        self._begin = self.begun_with(repair_beginning(self.ask.sources), engine)
        for note in context.notes:
            self.job.emit(Warned(note))
        if after is not None and after.begun:
            self.job.emit(Chunk(after.begun, 0))

    def generate(self, engine: Engine, job: Job) -> Done:
        """Have an engine answer; after `start`."""
        self._begin_to_come = self._begin
        return self.ended(engine.generate(self.request, job))

    def begun_with(self, code: str, engine: Engine | BatchEngine) -> str:
        """Return what an answer is made to begin with, so that its code begins with ``code``.

        Empty for a server, which begins anew, for a base model, for an answer that follows
        another or is words alone, and for a cell that was not sent whole; after `start`.
        """
        goes_on = isinstance(engine, GoesOn) and engine.goes_on and not self.is_bare_code
        is_first = self.ask.after is None and not self.ask.is_for_hint
        may_begin = goes_on and is_first and code in self.prompt and FENCE not in code
        return f"{FENCE}python\n{code}" if code and may_begin and self._fits(code, engine) else ""

    def _fits(self, begin: str, engine: Engine | BatchEngine) -> bool:
        """Whether there is room for a beginning between the prompt and the answer."""
        window: int | None = getattr(engine, "context_window", None)
        context = self._state.context
        if window is None or context is None:
            return True
        tokens = len(begin.encode()) // LEAST_BYTES_PER_TOKEN + 1
        return context.prompt_tokens + tokens + self.sampling.max_new_tokens <= window

    def look_up(self, response_cache: ResponseCache) -> CachedResponse | None:
        """Return the answer that ``response_cache`` keeps, if it may be given; after `start`."""
        self.cache_outcome = "miss" if self.may_replay else "off"
        if not self.may_replay:
            return None
        kept = response_cache.get(self.key)
        if kept is None and self.ask.is_for_hint:
            # Of a whole answer the words are a hint.
            return response_cache.get(self._key(is_for_hint=False))
        return kept

    def replay(self, cached: CachedResponse) -> Done:
        """Give a kept answer, or that of an equal question, which is shared whatever is kept."""
        if self.may_replay:
            self.saved_s, self.cache_outcome = cached.total_s, "hit"
        self._replayed_of, self.in_vain = cached.answered_by, cached.in_vain
        if cached.agreement is not None:
            self.kept_agreement = replace(cached.agreement, is_first=True)
        self.job.emit(Chunk(cached.text, cached.generated_tokens))
        metrics = GenerationMetrics(
            prompt_tokens=cached.prompt_tokens,
            generated_tokens=cached.generated_tokens,
            from_response_cache=True,
            is_shared=not self.may_replay,
        )
        return self.ended(Done(finish_reason=cached.finish_reason, metrics=metrics))

    def ended(self, done: Done) -> Done:
        """Take the model's end of the answer, which may have had an end of its own before."""
        if done.error is not None:
            return done
        rest = self._hint.finish() if self._hint is not None else ""
        if rest and not self._is_repeating:
            self._add(Chunk(rest, self._state.generated_tokens))
        has_own_end = self.job.is_cancelled and not self.is_stopped
        # What comes after is not stopped by that end.
        self.job = Job(self._tell, whole=self._listener)
        return replace(done, finish_reason="stop") if has_own_end else done

    def keep(self, done: Done, response_cache: ResponseCache) -> CachedResponse:
        """Keep the answer in ``response_cache`` if it is whole and may be; return its entry."""
        entry = CachedResponse(
            text=well_formed(self._state.text),
            finish_reason=done.finish_reason,
            prompt_tokens=done.metrics.prompt_tokens,
            generated_tokens=self._shown_cost(done).generated_tokens,
            total_s=done.metrics.total_s,
            agreement=None if self.tried is None else self.tried.agreement,
            answered_by=self.other_identity,
            in_vain=self.in_vain,
        )
        # A cancelled answer would be replayed as if it were whole, and one that was stopped
        # before it was chosen as if it had been.
        is_settled = done.finish_reason in {"stop", "length"} and not self.is_stopped
        if self._may_keep and is_settled:
            response_cache.put(self.key, entry)
        return entry

    @property
    def other_identity(self) -> EngineIdentity | None:
        """Which model gave the answer that is shown, if another one was asked first."""
        shown = self._replayed_of if self.tried is None else self.tried.identity
        return None if shown == self.identity else shown

    def result(self, done: Done) -> GenerationResult:
        """Return the answer as far as it came; a whole one is checked against the notebook."""
        if self.tried is None:
            return self.untried_result(done)
        metrics = self._shown_cost(done)
        return replace(self.tried, metrics=metrics, finish_reason=done.finish_reason)

    def _shown_cost(self, done: Done) -> GenerationMetrics:
        """Return what is said beside an answer: its own figures, and those of its model."""
        metrics = self._cost(done.metrics)
        if self.tried is None or metrics.from_response_cache:
            return metrics
        own = self.tried.metrics
        if self.tried.is_revised and self.other_identity is None:
            # Side by side with others it took longer than the model takes for one.
            return replace(metrics, generated_tokens=own.generated_tokens, decode_s=0.0)
        if self.other_identity is None:
            return metrics
        return replace(
            metrics,
            prompt_tokens=own.prompt_tokens,
            reused_prompt_tokens=own.reused_prompt_tokens,
            generated_tokens=own.generated_tokens,
            decode_s=own.decode_s,
        )

    def recorded(self, result: GenerationResult, done: Done) -> GenerationResult:
        """Return a result as it is recorded: with what the model cost that was asked first."""
        identity = NO_MODEL if result.identity == NO_MODEL else self.identity
        return replace(result, metrics=done.metrics, identity=identity)

    def untried_result(self, done: Done) -> GenerationResult:
        """Return the answer that has streamed as far as it came."""
        return self.checked_result(
            self._state.text, done, sampling=self.sampling, identity=self._replayed_of
        )

    def checked_result(
        self,
        text: str,
        done: Done,
        *,
        sampling: SamplingParameters,
        identity: EngineIdentity | None = None,
    ) -> GenerationResult:
        """Return an answer to the question, checked against the notebook if it is whole.

        Parameters
        ----------
        text
            What the model wrote.
        done
            How it ended.
        sampling
            How its tokens were chosen.
        identity
            Which model wrote it, if not the one that was asked first.
        """
        started = self._state.started
        by_model = identity != NO_MODEL
        result = GenerationResult(
            text=well_formed(text),
            finish_reason=done.finish_reason,
            metrics=self._cost(done.metrics),
            identity=identity or self.identity,
            sampling=sampling,
            prompt=self.prompt if by_model else "",
            language=self.ask.language,
            is_bare_code=self.is_bare_code,
            is_local=started is None or started.is_local or not by_model,
        )
        return checked(result, self.ask)

    def _cost(self, metrics: GenerationMetrics) -> GenerationMetrics:
        metrics = replace(metrics, wait_s=self._wait_s)
        return self.ask.after.whole(metrics) if self.ask.after else metrics

    def release(self) -> None:
        """Release the user's objects, which are no longer needed."""
        self.ask = self.ask.as_text()

    def take_whole(self, text: str, *, tokens: int) -> None:
        """Take an answer that comes in one piece: that does not tell when it began."""
        self._is_streamed = False
        self.job.emit(Chunk(f"{self._begin}{text}", tokens))

    def _tell(self, event: Event) -> None:
        if self.ask.after is not None:
            event = self.ask.after.after_beginning(event)
        if isinstance(event, Chunk):
            self._take(event)
        else:
            self._pass_on(event)

    def _take(self, chunk: Chunk) -> None:
        if self._is_streamed and not self._wait_s:
            self._wait_s = time.perf_counter() - self._asked_at
        if self._begin_to_come:
            chunk = replace(chunk, text=f"{self._begin_to_come}{chunk.text}")
            self._begin_to_come = ""
        if self._hint is not None:
            chunk = replace(chunk, text=self._hint.add(chunk.text))
            if self._hint.is_over:
                self.job.cancel()
        # Until it stops, the model may say more.
        if not self._is_repeating:
            self._add(chunk)

    def _add(self, chunk: Chunk) -> None:
        self._pass_on(chunk)
        if ends_sentence(chunk.text):
            self._end_repetition(seen=len(self._state.text) - len(chunk.text))

    def _end_repetition(self, *, seen: int) -> None:
        """End an answer that says again what it has just said, where it begins to."""
        is_bare = self.is_bare_code
        text = None if is_bare else without_repetition(self._state.text, seen=seen)
        # What a cell has several times over, the cell that takes its place may have as well.
        may_be_cut = self.ask.sources.task not in COPYING_TASKS
        is_python = not is_bare or self.ask.language == "python"
        if text is None and may_be_cut and is_python:
            text = without_repeated_code(self._state.text, seen=seen, is_bare=is_bare)
        if text is not None:
            self._is_repeating = True
            self.job.cancel()
            self._pass_on(Revised(text, self._state.generated_tokens, REPEATED_ITSELF))

    def _pass_on(self, event: Event) -> None:
        self._state.take(event)
        self._listener.emit(event)


def _sampling(ask: Ask, *, default_penalty: float = 1.0) -> SamplingParameters:
    values = {f.name: getattr(ask.settings, f.name) for f in fields(SamplingParameters)}
    if values["repetition_penalty"] is None:
        # A rewritten cell mostly repeats the old one.
        copies = ask.sources.task in COPYING_TASKS
        values["repetition_penalty"] = 1.0 if copies else default_penalty
    return SamplingParameters(**values)
