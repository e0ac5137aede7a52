"""The one object with state: an engine, a response cache, metrics, and the answers they give."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.context import (
    Context,
    ContextLimits,
    ContextSources,
    TokenCounter,
    build_context,
)
from codeface_jupyter.engines.base import Engine
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.registry import engine_choice
from codeface_jupyter.generation import (
    Done,
    GenerationMetrics,
    GenerationResult,
)
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.metrics import (
    PrometheusExporter,
    RequestLog,
    SessionMetrics,
)
from codeface_jupyter.models.fetch import ensure_local
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.response_cache import (
    ResponseCache,
    open_response_cache,
)
from codeface_jupyter.session.answer import Answer, Ask
from codeface_jupyter.session.batch import Batch, BatchAnswer, BatchItem
from codeface_jupyter.session.conversation import Conversation, Exchange
from codeface_jupyter.session.memory_watch import MemoryReport, MemoryWatch
from codeface_jupyter.session.pending_answer import Draft

__all__ = ["Session"]

logger = logging.getLogger(__name__)
# The view shows warnings; without a handler Python would print them a second time.
logger.addHandler(logging.NullHandler())

WAIT_STEP_S = 0.05
WORK_DONE = Done(finish_reason="stop", metrics=GenerationMetrics())


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
        self._response_cache_key = _response_cache_key(settings)
        self._request_log = RequestLog(warn=self._warn)
        self._unshown_warnings: list[str] = []
        self._current = CurrentEngine(engine)
        self._memory_watch = MemoryWatch()
        self._counter: tuple[Engine, TokenCounter] | None = None
        # One answer at a time: an engine has one set of weights and one KV cache in hand.
        self._turn = threading.Lock()

    @property
    def engine(self) -> Engine | None:
        """The engine in use, if any answer has needed one."""
        return self._current.engine

    @cached_property
    def prometheus(self) -> PrometheusExporter:
        """The session's figures for Prometheus, counted from the session's beginning."""
        exporter = PrometheusExporter(cache_failures=lambda: self.response_cache.failures)
        self.metrics.observe(exporter)
        return exporter

    def stream(self, ask: Ask | str) -> Answer:
        """Begin to answer ``ask`` in a worker thread and return the answer on its way."""
        question = self._as_ask(ask)
        return Answer(lambda answer, job: self._answer(question, answer, job))

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

    def stream_batch(self, asks: Sequence[Ask | str]) -> BatchAnswer:
        """Begin to answer all ``asks`` in a worker thread and return the batch on its way."""
        if isinstance(asks, Ask | str):
            raise TypeError("A batch is a list of questions, not a single one.")
        return BatchAnswer([self._as_ask(ask) for ask in asks], self._answer_batch)

    def generate_batch(
        self,
        asks: Sequence[Ask | str],
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> list[BatchItem]:
        """Answer all ``asks``, side by side where the engine can, and return what became of each.

        A question that fails, or does not fit the model's window, has its error in its own
        item and does not stop the others. An interrupt keeps what is finished and marks the
        rest ``cancelled``; a second one is raised.

        Parameters
        ----------
        asks
            The questions; what is asked twice is answered once.
        on_progress
            Told of a load, and of how many questions have been answered.

        Raises
        ------
        CodeFaceError
            If the model cannot be had at all.
        """
        answer = self.stream_batch(asks)
        try:
            for event in answer:
                if on_progress is not None and isinstance(event, Progress):
                    on_progress(event)
        except KeyboardInterrupt:
            answer.cancel()
            answer.join()
        finally:
            if not answer.is_finished:
                answer.cancel()
        return answer.items

    def load(self, settings: Settings | None = None) -> Answer:
        """Load the model in a worker thread, so that the first answer need not wait for it."""

        def work(_: Answer, job: Job) -> Done:
            with self._its_turn(job):
                engine = self._current.take(settings or self.config.settings, job)
                engine.prepare(job)
                begin = time.perf_counter()
                engine.load(job)
                self.metrics.add_load(time.perf_counter() - begin)
            return WORK_DONE

        return Answer(work)

    def pull(self, model: str, *, permissions: Permissions = NOTHING_MORE) -> Answer:
        """Fetch ``model``'s files in a worker thread, unless they are here."""
        settings = self.config.with_overrides({"model": model})
        is_configured = settings.model == self.config.settings.model

        request = ModelRequest(
            settings.model,
            settings.cache_dir,
            revision=settings.revision if is_configured else None,
            permissions=permissions,
        )

        def work(_: Answer, job: Job) -> Done:
            ensure_local(request, job)
            return WORK_DONE

        return Answer(work)

    def may_see_values(self, settings: Settings) -> bool:
        """Whether the model that ``settings`` name may be told the values of variables."""
        return _may_see_values(self._current.peek(settings), settings)

    def memory(self) -> MemoryReport:
        """Return who holds how much memory."""
        return self._memory_watch.report(
            threshold=self.config.settings.memory_threshold,
            engine=self.engine,
            response_cache=self.response_cache,
        )

    def unload(self) -> None:
        """Give the model's memory back; the next question loads it again."""
        with self._turn:
            self._current.unload()

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

    def use_response_cache(self, settings: Settings) -> ResponseCache:
        """Keep answers where ``settings`` say from now on; switched off, what is kept stays."""
        key = _response_cache_key(settings)
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
    def _its_turn(self, job: Job) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            job.progress("Waiting for the answer before this one")
            while not self._turn.acquire(timeout=WAIT_STEP_S):
                job.check()
        try:
            yield
        finally:
            self._turn.release()

    def _answer(self, ask: Ask, answer: Answer, job: Job) -> Done:
        """Answer in the worker thread; leave the result on ``answer`` however it ends."""
        draft = Draft(ask, job)
        try:
            with self._its_turn(job):
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
        draft: Draft,
        answer: Answer,
        result: GenerationResult,
        error: BaseException | None = None,
    ) -> None:
        """Enter an answer in the books, and hand over what the user is to be warned of."""
        self._record(draft, result, error)
        answer.warnings, self._unshown_warnings = tuple(self._unshown_warnings), []

    def _record(self, draft: Draft, result: GenerationResult, error: BaseException | None) -> None:
        if draft.ask.dry_run:
            return
        record = self.metrics.add_result(
            result,
            error=error,
            response_cache=draft.cache_outcome,
            saved_s=draft.saved_s,
            cell_id=draft.ask.cell_id,
        )
        self._request_log.write(record, result, settings=draft.ask.settings)

    def _run(self, draft: Draft, answer: Answer) -> Done:
        engine = self._prepared_engine(draft.ask.settings, draft.job)
        answer.context = self.last_context = context = self._build_context(draft.ask, engine)
        draft.start(engine, context)
        if draft.ask.dry_run:
            return Done(finish_reason="stop", metrics=draft.metrics)
        response_cache = self.use_response_cache(draft.ask.settings)
        cached = response_cache.get(draft.key) if draft.may_replay else None
        if cached is not None:
            return draft.replay(cached)
        draft.cache_outcome = "miss" if draft.may_replay else "off"
        self._memory_watch.make_room(
            threshold=draft.ask.settings.memory_threshold,
            engine=engine,
            response_cache=response_cache,
        )
        done = self._generate(draft, engine)
        if draft.may_keep and done.finish_reason in {"stop", "length"}:
            response_cache.put(draft.key, draft.to_cache(done))
        return done

    def _prepared_engine(self, settings: Settings, job: Job) -> Engine:
        engine = self._current.take(settings, job)
        if not engine.is_loaded:
            choice = engine_choice(settings)
            if choice.is_fallback:
                job.progress(f"Taking {choice.name}: {choice.reason}")
        engine.prepare(job)
        return engine

    def _answer_batch(self, answer: BatchAnswer, job: Job) -> Done:
        """Answer a batch in the worker thread; leave what became of it on ``answer``."""
        batch = Batch(answer.asks, job=job, record=self._record, warn=self._warn)
        try:
            with self._its_turn(batch.job):
                for drafts in batch.groups():
                    with batch.failing(drafts, together=True):
                        self._run_group(batch, drafts)
        except Cancelled:
            logger.debug("A batch was cancelled.")
        finally:
            answer.items = batch.finish()
            answer.warnings, self._unshown_warnings = tuple(self._unshown_warnings), []
        batch.raise_if_all_failed_together()
        return batch.done()

    def _run_group(self, batch: Batch, drafts: Sequence[Draft]) -> None:
        """Answer the questions of a batch that one engine is for."""
        settings = drafts[0].ask.settings
        engine = self._prepared_engine(settings, batch.job)
        for draft in drafts:
            with batch.failing([draft]):
                self.last_context = self._build_context(draft.ask, engine)
                draft.start(engine, self.last_context)
        batch.preview(drafts)
        response_cache = self.use_response_cache(settings)
        batch.replay(drafts, response_cache)
        if not batch.open(drafts):
            return
        self._memory_watch.make_room(
            threshold=settings.memory_threshold, engine=engine, response_cache=response_cache
        )
        begin = time.perf_counter()
        engine.load(batch.job)
        self.metrics.add_load(time.perf_counter() - begin)
        batch.generate(engine, drafts, response_cache)

    def _generate(self, draft: Draft, engine: Engine) -> Done:
        begin = time.perf_counter()
        engine.load(draft.job)
        load_s = time.perf_counter() - begin
        draft.job.progress("Reading the prompt")
        done = engine.generate(draft.request, draft.job)
        for warning in done.warnings:
            self._warn(warning)
        return replace(done, metrics=replace(done.metrics, load_s=load_s))

    def _build_context(self, ask: Ask, engine: Engine) -> Context:
        if ask.context is not None:
            return ask.context
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


def _may_see_values(engine: Engine, settings: Settings) -> bool:
    return engine.is_local or settings.send_values_to_remote


def _response_cache_key(settings: Settings) -> tuple[object, ...]:
    return (settings.response_cache, settings.response_cache_ttl_s, settings.response_cache_bytes)
