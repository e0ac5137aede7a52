"""The one object with state: an engine, a response cache, metrics, and the answers they give."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.context import (
    Context,
    ContextLimits,
    ContextSources,
    TokenCounter,
    build_context,
)
from codeface_jupyter.conversation import Conversation, Exchange
from codeface_jupyter.engines.base import Engine, create_engine
from codeface_jupyter.generation import (
    Cancelled,
    Chunk,
    Done,
    EngineIdentity,
    FinishReason,
    GenerationMetrics,
    GenerationRequest,
    GenerationResult,
    Progress,
    SamplingParameters,
    Started,
    StreamEvent,
)
from codeface_jupyter.metrics import (
    CacheOutcome,
    PrometheusExporter,
    RequestLog,
    SessionMetrics,
)
from codeface_jupyter.models.fetch import ensure_local
from codeface_jupyter.prompts import COPYING_TASKS
from codeface_jupyter.response_cache import (
    CachedResponse,
    ResponseCache,
    open_response_cache,
    response_key,
)
from codeface_jupyter.stream import Stream

__all__ = ["Answer", "Ask", "Session"]

logger = logging.getLogger(__name__)
# The view shows warnings; without a handler Python would print them a second time.
logger.addHandler(logging.NullHandler())

# The settings that decide which engine object answers; the others change from call to call.
ENGINE_SETTINGS = (
    "engine",
    "model",
    "revision",
    "dtype",
    "device_map",
    "attn_implementation",
    "offload_folder",
    "cache_dir",
    "base_url",
    "api_key",
    "remote_api",
    "remote_context_window",
    "request_timeout_s",
    "request_retries",
)
RESPONSE_CACHE_SETTINGS = ("response_cache", "response_cache_ttl_s", "response_cache_bytes")
WAIT_STEP_S = 0.05
MIN_RATE_S = 0.5  # a rate over less time jumps about
WORK_DONE = Done(finish_reason="stop", metrics=GenerationMetrics())


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question to a session.

    Attributes
    ----------
    sources
        What the user typed, and what the notebook offers beside it.
    settings
        The settings for this question, flags applied.
    language
        The language that the answer's code is to be in.
    use_response_cache
        Whether an earlier answer to the very same question may be replayed.
    dry_run
        Settle the prompt and stop there: nothing is fetched, loaded or sent.
    cell_id
        The notebook cell that asks, for the request log.
    """

    sources: ContextSources
    settings: Settings
    language: str = "python"
    use_response_cache: bool = True
    dry_run: bool = False
    cell_id: str | None = None


EmitEvent = Callable[[StreamEvent], None]
AnswerWork = Callable[["Answer", EmitEvent, threading.Event], Done]


class Answer:
    """An answer on its way: read its events, cancel it, keep what came of it.

    Attributes
    ----------
    text
        The answer as far as its events have been read.
    progress
        The work going on before the first token, or None.
    started
        The settled prompt, once the model is about to answer.
    generated_tokens
        Tokens generated so far.
    tokens_per_s
        The rate since the first token, once it means something; None before.
    context
        What went into the prompt and what stayed out, once settled.
    result
        The finished or broken-off answer; None until there is one.
    warnings
        What the user is to be told of beside the answer, one sentence each.
    """

    def __init__(self, work: AnswerWork) -> None:
        self.text = ""
        self.progress: Progress | None = None
        self.started: Started | None = None
        self.generated_tokens = 0
        self.tokens_per_s: float | None = None
        self._first_chunk: tuple[float, int] | None = None
        self.context: Context | None = None
        self.result: GenerationResult | None = None
        self.warnings: tuple[str, ...] = ()
        self._stream = Stream(lambda emit, cancel: work(self, emit, cancel))

    def __iter__(self) -> Iterator[StreamEvent]:
        """Yield every event; raise what the engine raised."""
        while not self.is_finished:
            yield from self.read(timeout_s=None)

    @property
    def is_finished(self) -> bool:
        """Whether the last event has been read."""
        return self._stream.is_finished

    @property
    def is_cancelled(self) -> bool:
        """Whether the answer has been asked to stop."""
        return self._stream.is_cancelled

    def read(self, *, timeout_s: float | None) -> list[StreamEvent]:
        """Return the events that have come, waiting at most ``timeout_s`` for the first."""
        events = self._stream.read(timeout_s=timeout_s)
        for event in events:
            self._take(event)
        return events

    def cancel(self) -> None:
        """Stop the answer within one token; what has come is kept."""
        self._stream.cancel()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker thread; return whether it has ended."""
        return self._stream.join(timeout_s)

    def _take(self, event: StreamEvent) -> None:
        match event:
            case Progress():
                self.progress = event
            case Started():
                self.started = event
            case Chunk():
                self.progress = None
                self.text += event.text
                self._count(event.generated_tokens)

    def _count(self, generated_tokens: int) -> None:
        now = time.perf_counter()
        self.generated_tokens = generated_tokens
        if self._first_chunk is None:
            self._first_chunk = now, generated_tokens
        begin, first_tokens = self._first_chunk
        if now - begin >= MIN_RATE_S:
            self.tokens_per_s = (generated_tokens - first_tokens) / (now - begin)


class Session:
    """Answers questions, one at a time, and remembers what they cost.

    Parameters
    ----------
    config
        Settings in layers; read from the environment and the config file unless given.
    engine
        An engine to use whatever the settings say; made from the settings unless given.
    response_cache
        Where answers are kept; in memory, as the settings say, unless given.
    """

    def __init__(
        self,
        *,
        config: Config | None = None,
        engine: Engine | None = None,
        response_cache: ResponseCache | None = None,
    ) -> None:
        self.config = config or Config()
        settings = self.config.settings
        self.metrics = SessionMetrics()
        self.conversation = Conversation()
        self.last_context: Context | None = None
        self.response_cache = response_cache or open_response_cache(settings, warn=self._warn)
        self._given_response_cache = response_cache
        self._response_cache_key = _values(settings, RESPONSE_CACHE_SETTINGS)
        self._request_log = RequestLog(warn=self._warn)
        self._unshown_warnings: list[str] = []
        self._given_engine = engine
        self._engine: Engine | None = engine
        self._engine_key: tuple[object, ...] = ()
        self._counter: tuple[Engine, TokenCounter] | None = None
        # One answer at a time: an engine has one set of weights and one KV cache in hand.
        self._turn = threading.Lock()

    @property
    def engine(self) -> Engine | None:
        """The engine in use, if any answer has needed one."""
        return self._engine

    @cached_property
    def prometheus(self) -> PrometheusExporter:
        """The session's figures for Prometheus, counted from the session's beginning."""
        exporter = PrometheusExporter(cache_failures=lambda: self.response_cache.failures)
        self.metrics.observe(exporter)
        return exporter

    def stream(self, ask: Ask | str) -> Answer:
        """Begin to answer ``ask`` in a worker thread and return the answer on its way."""
        question = self._as_ask(ask)
        return Answer(lambda answer, emit, cancel: self._answer(question, answer, emit, cancel))

    def generate(self, ask: Ask | str) -> GenerationResult:
        """Answer ``ask`` and return the whole result.

        Raises
        ------
        CodeFaceError
            If there is no such model, it does not fit, or the prompt is too long.
        """
        answer = self.stream(ask)
        try:
            for _ in answer:
                continue
        finally:
            if not answer.is_finished:
                answer.cancel()
        assert answer.result is not None  # set before `Done` is sent
        return answer.result

    def load(self, settings: Settings | None = None) -> Answer:
        """Load the model in a worker thread, so that the first answer need not wait for it."""

        def work(_: Answer, emit: EmitEvent, cancel: threading.Event) -> Done:
            with self._its_turn(emit, cancel):
                engine = self._engine_for(settings or self.config.settings)
                engine.prepare(emit)
                begin = time.perf_counter()
                engine.load(emit)
                self.metrics.add_load(time.perf_counter() - begin)
            return WORK_DONE

        return Answer(work)

    def pull(self, model: str) -> Answer:
        """Fetch ``model``'s files in a worker thread, unless they are here."""
        cache_dir = self.config.settings.cache_dir

        def work(_: Answer, emit: EmitEvent, cancel: threading.Event) -> Done:
            ensure_local(model, cache_dir=cache_dir, emit=emit, cancel=cancel)
            return WORK_DONE

        return Answer(work)

    def may_see_values(self, settings: Settings) -> bool:
        """Whether the model that ``settings`` name may be told the values of variables."""
        return _may_see_values(self._given_engine or create_engine(settings), settings)

    def unload(self) -> None:
        """Give the model's memory back; the next question loads it again."""
        with self._turn:
            if self._engine is not None:
                self._engine.unload()

    def close(self) -> None:
        """Give everything back."""
        self.unload()
        self.response_cache.close()
        self._request_log.close()
        if "prometheus" in self.__dict__:
            self.prometheus.close()

    def _as_ask(self, ask: Ask | str) -> Ask:
        if isinstance(ask, Ask):
            return ask
        return Ask(sources=ContextSources(request=ask), settings=self.config.settings)

    def _engine_for(self, settings: Settings) -> Engine:
        if self._given_engine is not None:
            return self._given_engine
        key = _values(settings, ENGINE_SETTINGS)
        if self._engine is None or key != self._engine_key:
            engine = create_engine(settings)
            if self._engine is not None:
                self._engine.unload()
            self._engine, self._engine_key = engine, key
        return self._engine

    def use_response_cache(self, settings: Settings) -> ResponseCache:
        """Keep answers where ``settings`` say from now on; switched off, what is kept stays."""
        key = _values(settings, RESPONSE_CACHE_SETTINGS)
        is_changed = key != self._response_cache_key and bool(settings.response_cache)
        if is_changed and self._given_response_cache is None:
            self.response_cache.close()
            self.response_cache = open_response_cache(settings, warn=self._warn)
            self._response_cache_key = key
        return self.response_cache

    def _warn(self, message: str) -> None:
        logger.warning(message)
        self._unshown_warnings.append(message)

    @contextmanager
    def _its_turn(self, emit: EmitEvent, cancel: threading.Event) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            emit(Progress("Waiting for the answer before this one"))
            while not self._turn.acquire(timeout=WAIT_STEP_S):
                if cancel.is_set():
                    raise Cancelled
        try:
            yield
        finally:
            self._turn.release()

    def _answer(self, ask: Ask, answer: Answer, emit: EmitEvent, cancel: threading.Event) -> Done:
        """Answer in the worker thread; leave the result on ``answer`` however it ends."""
        draft = _Draft(ask, emit, cancel)
        try:
            with self._its_turn(emit, cancel):
                done = self._run(draft, answer)
        except Cancelled:
            done = Done(finish_reason="cancelled", metrics=draft.metrics)
        except BaseException as error:
            answer.result = draft.result("error", draft.metrics)
            self._enter(draft, answer, answer.result, error)
            raise
        answer.result = draft.result(done.finish_reason, done.metrics)
        if answer.result.text:
            exchange = Exchange(ask.sources.request, answer.result.text, ask.cell_id)
            self.conversation.add(exchange)
        self._enter(draft, answer, answer.result)
        return done

    def _enter(
        self,
        draft: _Draft,
        answer: Answer,
        result: GenerationResult,
        error: BaseException | None = None,
    ) -> None:
        """Enter an answer in the books, and hand over what the user is to be warned of."""
        if not draft.ask.dry_run:
            record = self.metrics.add_result(
                result,
                error=error,
                response_cache=draft.cache_outcome,
                saved_s=draft.saved_s,
                cell_id=draft.ask.cell_id,
            )
            self._request_log.write(record, result, settings=draft.ask.settings)
        answer.warnings, self._unshown_warnings = tuple(self._unshown_warnings), []

    def _run(self, draft: _Draft, answer: Answer) -> Done:
        engine = self._engine_for(draft.ask.settings)
        engine.prepare(draft.emit)
        answer.context = self.last_context = context = self._build_context(draft.ask, engine)
        draft.start(engine, context)
        if draft.ask.dry_run:
            return Done(finish_reason="stop", metrics=draft.metrics)
        key = response_key(draft.identity, draft.sampling, draft.prompt)
        response_cache = self.use_response_cache(draft.ask.settings)
        cached = response_cache.get(key) if draft.may_replay else None
        if cached is not None:
            return draft.replay(cached)
        draft.cache_outcome = "miss" if draft.may_replay else "off"
        begin = time.perf_counter()
        engine.load(draft.emit)
        load_s = time.perf_counter() - begin
        draft.emit(Progress("Reading the prompt"))
        request = GenerationRequest(
            prompt=context.prompt,
            sampling=draft.sampling,
            expects_copying=context.prompt.task in COPYING_TASKS,
        )
        done = engine.generate(request, emit=draft.emit, cancel=draft.cancel)
        done = replace(done, metrics=replace(done.metrics, load_s=load_s))
        if draft.may_keep and done.finish_reason in {"stop", "length"}:
            response_cache.put(key, draft.to_cache(done))
        return done

    def _build_context(self, ask: Ask, engine: Engine) -> Context:
        return build_context(
            ask.sources,
            limits=ContextLimits.from_settings(ask.settings, context_window=engine.context_window),
            count_tokens=self._token_counter(engine),
            format_prompt=engine.format_prompt,
            allow_values=_may_see_values(engine, ask.settings),
            language=ask.language,
        )

    def _token_counter(self, engine: Engine) -> TokenCounter:
        """Return the counter of ``engine``, which remembers what it has counted."""
        if self._counter is None or self._counter[0] is not engine:
            self._counter = engine, TokenCounter(engine.count_tokens)
        return self._counter[1]


class _Draft:
    """An answer as its worker builds it up."""

    def __init__(self, ask: Ask, emit: EmitEvent, cancel: threading.Event) -> None:
        self.ask = ask
        self.cancel = cancel
        self.sampling = SamplingParameters(
            **{f.name: getattr(ask.settings, f.name) for f in fields(SamplingParameters)}
        )
        self.identity = EngineIdentity(engine=ask.settings.engine, model=ask.settings.model)
        self.prompt = ""
        self.prompt_tokens = 0
        self.is_bare_code = False
        self.is_local = True
        self.saved_s = 0.0
        self.cache_outcome: CacheOutcome = "off"
        self._emit = emit
        self._texts: list[str] = []
        self._generated_tokens = 0

    @property
    def may_keep(self) -> bool:
        """Whether the answer may be kept: a sampled one without a seed is only if asked for."""
        settings = self.ask.settings
        is_repeatable = not self.sampling.do_sample or self.sampling.seed is not None
        return bool(settings.response_cache) and (is_repeatable or settings.response_cache_sampled)

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

    def emit(self, event: StreamEvent) -> None:
        """Pass an event on; leave work that only reports progress when asked to stop."""
        if isinstance(event, Chunk):
            self._texts.append(event.text)
            self._generated_tokens = event.generated_tokens
        elif self.cancel.is_set():
            raise Cancelled
        self._emit(event)

    def start(self, engine: Engine, context: Context) -> None:
        """Settle the prompt."""
        self.identity = engine.identity
        self.prompt, self.prompt_tokens = context.text, context.prompt_tokens
        self.is_bare_code = not engine.is_chat
        self.is_local = engine.is_local
        self.emit(
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
        self.emit(Chunk(cached.text, cached.generated_tokens))
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


def _values(settings: Settings, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(getattr(settings, name) for name in names)


def _may_see_values(engine: Engine, settings: Settings) -> bool:
    return engine.is_local or settings.send_values_to_remote
