"""A session: the engine, the response cache and the metrics that its answers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from codeface_jupyter.config import AUTO_MODEL, Config, Settings
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.context import Context, ContextSources
from codeface_jupyter.engines.auto_model import with_model
from codeface_jupyter.engines.base import Engine
from codeface_jupyter.engines.pull import pull_model
from codeface_jupyter.generation import Done, GenerationMetrics, GenerationResult
from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.metrics import PrometheusExporter, SessionMetrics
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.model_choice import ModelChoice
from codeface_jupyter.response_cache import ResponseCache
from codeface_jupyter.session.answer import Answer, Ask, BatchAnswer
from codeface_jupyter.session.answering import Answering
from codeface_jupyter.session.batch_answering import BatchAnswering
from codeface_jupyter.session.completion import Completions
from codeface_jupyter.session.conversation import Conversation
from codeface_jupyter.session.events import BatchItem
from codeface_jupyter.session.memory_watch import MemoryReport
from codeface_jupyter.session.prompt_reader import PromptReader
from codeface_jupyter.session.resources import Resources, may_see_values

__all__ = ["Session"]

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
    has_reading_page
        Tells whether a page has questions read while they are typed: where one does, auto may
        take a model that reads more slowly. Unless given, none does.
    """

    def __init__(
        self,
        *,
        config: Config | None = None,
        engine: Engine | None = None,
        response_cache: ResponseCache | None = None,
        has_reading_page: Callable[[], bool] = bool,
    ) -> None:
        self.config = config or Config()
        self._resources = Resources(
            self.config.settings,
            engine=engine,
            response_cache=response_cache,
            has_reading_page=has_reading_page,
        )

    @property
    def engine(self) -> Engine | None:
        """The engine in use; None until an answer or a load has needed one."""
        return self._resources.engines.engine

    @property
    def response_cache(self) -> ResponseCache:
        """Where answers are kept now."""
        return self._resources.responses.cache

    @property
    def metrics(self) -> SessionMetrics:
        """What the answers cost."""
        return self._resources.metrics

    @property
    def conversation(self) -> Conversation:
        """The last questions and their answers."""
        return self._resources.conversation

    @property
    def last_context(self) -> Context | None:
        """The context of the last question that was asked; None before the first."""
        return self._resources.last_context

    @cached_property
    def completions(self) -> Completions:
        """What completes code while it is typed, with the model that is in memory."""
        return Completions(self._resources, settings=lambda: self.config.settings)

    @cached_property
    def prompt_reader(self) -> PromptReader:
        """What reads a question's prompt before it is asked."""
        return PromptReader(self._resources)

    @cached_property
    def prometheus(self) -> PrometheusExporter:
        """The session's figures for Prometheus, counted from the session's beginning."""
        exporter = PrometheusExporter(cache_failures=lambda: self.response_cache.failures)
        self.metrics.observe(exporter)
        return exporter

    def stream(self, ask: Ask | str) -> Answer:
        """Begin to answer ``ask`` in a worker thread and return the answer on its way."""
        return Answer(Answering(self._as_ask(ask), self._resources).run)

    def generate(self, ask: Ask | str) -> GenerationResult:
        """Answer ``ask`` and return the whole result.

        Raises
        ------
        CodeFaceError
            If there is no such model, it does not fit, or the prompt is too long.
        """
        answer = self.stream(ask)
        answer.read_to_end()
        if answer.result is None:
            raise RuntimeError("The answer came to its end without a result.")
        return answer.result

    def stream_batch(self, asks: Sequence[Ask | str]) -> BatchAnswer:
        """Begin to answer all ``asks`` in a worker thread and return the batch on its way."""
        if isinstance(asks, Ask | str):
            raise TypeError("A batch is a list of questions, not a single one.")
        questions = [self._as_ask(ask) for ask in asks]
        return BatchAnswer(BatchAnswering(questions, self._resources).run)

    def generate_batch(
        self,
        asks: Sequence[Ask | str],
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> list[BatchItem]:
        """Answer all ``asks``, side by side where the engine can, and return an item for each.

        A question that fails, or does not fit the model's window, has its error in its own
        item and does not stop the others. An interrupt keeps what is finished and marks the
        rest ``cancelled``; a second one is raised.

        Parameters
        ----------
        asks
            The questions; what is asked twice is answered once.
        on_progress
            Called while the model loads, and with how many questions have been answered.

        Raises
        ------
        CodeFaceError
            If the model is not available at all.
        """

        def tell(event: Event) -> None:
            if on_progress is not None and isinstance(event, Progress):
                on_progress(event)

        answer = self.stream_batch(asks)
        try:
            answer.read_to_end(tell)
        except KeyboardInterrupt:
            # It is cancelled; what is finished is among the events that are left.
            answer.read_to_end()
        return answer.items

    def load(self, settings: Settings | None = None) -> Answer:
        """Load the model in a worker thread, so that the first answer need not wait for it."""
        wanted, resources = settings or self.config.settings, self._resources

        def work(job: Job) -> Done:
            with resources.turns.take(job):
                engine = resources.engines.take(resources.settled(wanted), job)
                engine.prepare(job)
                resources.metrics.add_load(resources.load(engine, job))
            return WORK_DONE

        return Answer(work)

    def pull(self, model: str | None = None, *, permissions: Permissions = NOTHING_MORE) -> Answer:
        """Fetch a model in a worker thread, and make of it what its engine reads.

        It is the one that is set unless ``model`` names another; for ``auto`` the best that
        runs well here.
        """
        config, resources = self.config, self._resources
        request = ModelRequest.named(model, config=config, permissions=permissions)

        def work(job: Job) -> Done:
            wanted = self._best(request) if request.model == AUTO_MODEL else request
            pull_model(wanted, settings=config.settings, job=job)
            resources.auto.forget()
            return WORK_DONE

        return Answer(work)

    def _best(self, request: ModelRequest) -> ModelRequest:
        """Return a request for ``auto`` as one for the best model that runs well here."""
        settings = self.config.settings
        choice = self._resources.model_choice(settings, anew=True)
        if choice is None:
            return request
        named = ModelRequest.of(with_model(settings, choice.wanted.entry.name))
        return replace(named, permissions=request.permissions)

    def may_see_values(self, settings: Settings) -> bool:
        """Whether values of variables may be sent to the model that ``settings`` name."""
        # Nothing is measured in the main thread, which may ask this.
        foreseen = self._resources.settled(settings, may_probe=False)
        return may_see_values(self._resources.engines.peek(foreseen), settings)

    def model_of(self, settings: Settings) -> str:
        """Return the name of the model that answers with ``settings``, as far as it is chosen."""
        choice = self._resources.auto.choice if settings.model == AUTO_MODEL else None
        return settings.model if choice is None else choice.name

    def model_choice(self, settings: Settings) -> ModelChoice | None:
        """Return what ``model = "auto"`` has come to, or would come to now.

        None if the engine that is named runs no model of the catalog.
        """
        return self._resources.model_choice(settings)

    def use_response_cache(self, settings: Settings) -> ResponseCache:
        """Keep answers where ``settings`` say from now on; switched off, what is kept stays."""
        return self._resources.responses.use(settings)

    def memory(self) -> MemoryReport:
        """Return how much memory each owner holds."""
        return self._resources.memory(threshold=self.config.settings.memory_threshold)

    def unload(self) -> None:
        """Free the model's memory; the next question loads it again."""
        self._resources.unload()

    def close(self) -> None:
        """Free everything."""
        self._resources.close()
        if "prometheus" in self.__dict__:
            self.prometheus.close()

    def _as_ask(self, ask: Ask | str) -> Ask:
        if isinstance(ask, Ask):
            return ask
        return Ask(sources=ContextSources(request=ask), settings=self.config.settings)
