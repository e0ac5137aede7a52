"""An answer as its worker builds it up: the prompt, the text so far, what becomes of it."""

from __future__ import annotations

from dataclasses import fields

from codeface_jupyter.context import Context
from codeface_jupyter.engines.base import Engine
from codeface_jupyter.generation import (
    Chunk,
    Done,
    EngineIdentity,
    FinishReason,
    GenerationMetrics,
    GenerationRequest,
    GenerationResult,
    SamplingParameters,
    Started,
)
from codeface_jupyter.jobs import Event, Job
from codeface_jupyter.metrics import CacheOutcome
from codeface_jupyter.prompts import COPYING_TASKS, Prompt
from codeface_jupyter.response_cache import CachedResponse, response_key
from codeface_jupyter.session.answer import Ask

__all__ = ["Draft"]

# Small models that decode greedily fall into loops without one: see benchmarks/RESULTS.md.
REPETITION_PENALTY = 1.05


class Draft:
    """An answer as its worker builds it up."""

    def __init__(self, ask: Ask, job: Job) -> None:
        self.ask = ask
        self.job = job.telling(self._take)
        self.sampling = _sampling(ask)
        self.identity = EngineIdentity(engine=ask.settings.engine, model=ask.settings.model)
        self.prompt = ""
        self.prompt_tokens = 0
        self.is_bare_code = False
        self.is_local = True
        self.saved_s = 0.0
        self.cache_outcome: CacheOutcome = "off"
        self._listener = job
        self._prompt: Prompt | None = None
        self._texts: list[str] = []
        self._generated_tokens = 0

    @property
    def is_repeatable(self) -> bool:
        """Whether the same question gives the same answer again."""
        return not self.sampling.do_sample or self.sampling.seed is not None

    @property
    def may_keep(self) -> bool:
        """Whether the answer may be kept: a sampled one without a seed is only if asked for."""
        settings = self.ask.settings
        is_wanted = self.is_repeatable or settings.response_cache_sampled
        return bool(settings.response_cache) and is_wanted

    @property
    def may_replay(self) -> bool:
        """Whether a kept answer may be given."""
        return self.may_keep and self.ask.use_response_cache

    @property
    def metrics(self) -> GenerationMetrics:
        """What is known of an answer that broke off."""
        return GenerationMetrics(
            prompt_tokens=self.prompt_tokens, generated_tokens=self._generated_tokens
        )

    @property
    def key(self) -> str:
        """What the answer is kept under; after `start`."""
        return response_key(self.identity, self.sampling, self.prompt)

    @property
    def request(self) -> GenerationRequest:
        """What the engine is asked; after `start`."""
        assert self._prompt is not None
        return GenerationRequest(
            prompt=self._prompt,
            sampling=self.sampling,
            expects_copying=self._prompt.task in COPYING_TASKS,
        )

    def _take(self, event: Event) -> None:
        """Keep the text that comes, and pass every event on."""
        if isinstance(event, Chunk):
            self._texts.append(event.text)
            self._generated_tokens = event.generated_tokens
        self._listener.emit(event)

    def start(self, engine: Engine, context: Context) -> None:
        """Settle the prompt."""
        self.identity, self._prompt = engine.identity, context.prompt
        self.prompt, self.prompt_tokens = context.text, context.prompt_tokens
        self.is_bare_code = not engine.is_chat
        self.is_local = engine.is_local
        self.job.check()
        self.job.emit(
            Started(
                prompt=self.prompt,
                identity=self.identity,
                is_bare_code=self.is_bare_code,
                is_local=self.is_local,
            )
        )

    def replay(self, cached: CachedResponse) -> Done:
        """Give a kept answer."""
        self.saved_s, self.cache_outcome = cached.total_s, "hit"
        self.job.emit(Chunk(cached.text, cached.generated_tokens))
        metrics = GenerationMetrics(
            prompt_tokens=cached.prompt_tokens,
            generated_tokens=cached.generated_tokens,
            from_response_cache=True,
        )
        return Done(finish_reason=cached.finish_reason, metrics=metrics)

    def to_cache(self, done: Done) -> CachedResponse:
        """Return what the response cache keeps."""
        return CachedResponse(
            text="".join(self._texts),
            finish_reason=done.finish_reason,
            prompt_tokens=done.metrics.prompt_tokens,
            generated_tokens=done.metrics.generated_tokens,
            total_s=done.metrics.total_s,
        )

    def result(self, finish_reason: FinishReason, metrics: GenerationMetrics) -> GenerationResult:
        """Return the answer as far as it came."""
        return GenerationResult(
            text="".join(self._texts),
            finish_reason=finish_reason,
            metrics=metrics,
            identity=self.identity,
            sampling=self.sampling,
            prompt=self.prompt,
            language=self.ask.language,
            is_bare_code=self.is_bare_code,
            is_local=self.is_local,
        )


def _sampling(ask: Ask) -> SamplingParameters:
    values = {f.name: getattr(ask.settings, f.name) for f in fields(SamplingParameters)}
    if values["repetition_penalty"] is None:
        copies = ask.sources.task in COPYING_TASKS
        # A server has a default of its own, and not every server knows the parameter.
        is_server = ask.settings.engine == "openai"
        values["repetition_penalty"] = 1.0 if copies or is_server else REPETITION_PENALTY
    return SamplingParameters(**values)
