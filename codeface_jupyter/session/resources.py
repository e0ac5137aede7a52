"""What the answers of a session share: the engine, the response cache, memory, metrics."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from codeface_jupyter.config import Settings
from codeface_jupyter.context import (
    Context,
    ContextLimits,
    build_context,
    settle_next_prompt,
)
from codeface_jupyter.engines.base import Engine, HoldsMemory
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.errors import ModelNotFetchedError
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    Warned,
)
from codeface_jupyter.jobs import Job, Step
from codeface_jupyter.metrics import RequestLog, SessionMetrics
from codeface_jupyter.models.catalog import find
from codeface_jupyter.models.model_choice import ModelChoice
from codeface_jupyter.models.speed_records import SpeedRecords
from codeface_jupyter.response_cache import CurrentResponseCache, ResponseCache
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.auto_model import AutoModel
from codeface_jupyter.session.completion_engine import CompletionEngine
from codeface_jupyter.session.conversation import Conversation
from codeface_jupyter.session.memory_watch import MemoryReport, MemoryWatch
from codeface_jupyter.session.next_turn import NextTurn
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.session.repair import may_be_repaired
from codeface_jupyter.session.second_model import SecondModel
from codeface_jupyter.session.token_counts import TokenCounts
from codeface_jupyter.session.turns import Ahead, Turns
from codeface_jupyter.trials.copies import ONLY_REPEATS

__all__ = ["Resources", "may_see_values"]

logger = logging.getLogger(__name__)
# The view shows warnings; without a handler Python would print them a second time.
logger.addHandler(logging.NullHandler())

# Answers that are stopped end sooner, if they hear of it.
CLOSE_WAIT_S = 3.0


class Resources:
    """What the answers of a session share.

    Parameters
    ----------
    settings
        The settings at the session's beginning.
    engine, response_cache
        What to use whatever the settings say.
    has_reading_page
        Tells whether a page has questions read while they are typed, if the settings allow it.

    Attributes
    ----------
    turns
        Who may use what follows now.
    auto
        Which model is meant where none is named.
    engines, responses
        The engine and the response cache in use.
    completing
        The engine in use for completions.
    second
        The model that is asked where an answer fails.
    memory_watch
        Gives memory back when it runs short.
    conversation, metrics
        What was asked and answered, and what it cost.
    last_context
        The context of the last question that was asked; None before the first.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine | None = None,
        response_cache: ResponseCache | None = None,
        has_reading_page: Callable[[], bool],
    ) -> None:
        self.turns = Turns()
        self.auto = AutoModel()
        self.engines = CurrentEngine(engine)
        self.completing = CompletionEngine(self.engines, warn=self.warn)
        self.second = SecondModel(warn=self.warn)
        self.responses = CurrentResponseCache(settings, given=response_cache, warn=self.warn)
        self.memory_watch = MemoryWatch()
        self.conversation = Conversation()
        self.metrics = SessionMetrics()
        self.last_context: Context | None = None
        self._prompt_read = self._prompt_answered = ""
        self._has_reading_page = has_reading_page
        self._request_log = RequestLog(warn=self.warn)
        self._token_counts = TokenCounts()
        self._warned = _Warned()
        self._pending_warnings: list[str] = []

    def settled(self, settings: Settings, *, may_probe: bool = True) -> Settings:
        """Return ``settings`` with the model that answers, by its name."""
        if self.engines.is_given:
            return settings
        return self.auto.settle(
            settings,
            held_bytes=self._held_bytes(),
            may_probe=may_probe,
            reads_ahead=self.reads_ahead(settings),
        )

    def model_choice(self, settings: Settings, *, anew: bool = False) -> ModelChoice | None:
        """Return what ``model = "auto"`` has come to, unless ``anew``, or would come to now."""
        return self.auto.foresee(
            settings,
            held_bytes=self._held_bytes(),
            reads_ahead=self.reads_ahead(settings),
            anew=anew,
        )

    def reads_ahead(self, settings: Settings) -> bool:
        """Whether the model is chosen for questions that are read while they are typed.

        One that was chosen without, and is in memory, is not left for it: the next question
        would wait for a load, and could not be read meanwhile.
        """
        engine, choice = self.engines.engine, self.auto.choice
        if choice is not None and engine is not None and engine.is_loaded:
            return settings.read_ahead and choice.taken.reads_ahead
        return settings.read_ahead and self._has_reading_page()

    def _held_bytes(self) -> int:
        in_use = (self.engines.engine, self.second)
        held = [one.held_bytes() for one in in_use if isinstance(one, HoldsMemory)]
        return sum(sum(sizes.values()) for sizes in held)

    def settled_ask(self, ask: Ask, job: Job) -> Ask:
        """Return ``ask`` for the models that answer it; say which if nobody named one.

        Where the answer may do without a model, and none is fetched for it, that is left to
        whoever asks one.
        """
        settings = self.settled(ask.settings)
        if settings is ask.settings:
            # A model that was named answers alone; a question about an answer has what that had.
            if ask.second is None and not ask.dry_run:
                self.second.unload()
            return ask
        may_do_without = may_be_repaired(ask) and self.auto.is_here
        if not (ask.dry_run or may_do_without):
            self.auto.tell(ask.settings, job)
        return replace(ask, settings=settings, second=self.auto.second(ask.settings))

    def prepared_engine(self, settings: Settings, job: Job) -> Engine:
        """Return the engine for ``settings``, ready to count tokens."""
        engine = self.engines.take(settings, job)
        choice = self.engines.choice
        if choice is not None and choice.is_fallback and not engine.is_loaded:
            job.progress(f"Using {choice.name}: {choice.reason}")
        engine.prepare(job)
        return engine

    def engine_for(self, ask: Ask, job: Job) -> Engine:
        """Return the engine that answers ``ask``, ready to count tokens.

        Raises
        ------
        ModelNotFetchedError
            If its model is not here: a dry run fetches none.
        """
        try:
            return self.prepared_engine(ask.settings, job)
        except ModelNotFetchedError as error:
            raise error.in_dry_run() if ask.dry_run else error from None

    def load(self, engine: Engine, job: Job) -> float:
        """Load the model into memory; return the seconds that it took."""
        begin = time.perf_counter()
        engine.load(job.in_step(Step.LOAD))
        self.completing.allow()
        return time.perf_counter() - begin

    def build_context(self, ask: Ask, engine: Engine) -> Context:
        """Return the context that ``engine`` gets for ``ask``, and remember it if it is sent."""
        context = self.context_of(ask, engine)
        if not ask.dry_run:
            self.last_context = context
        return context

    def context_of(self, ask: Ask, engine: Engine) -> Context:
        """Return the context that ``engine`` would get for ``ask``."""
        if ask.after is not None:
            return self._next_context(ask.after, ask.settings, engine)
        return ask.context or build_context(
            ask.sources,
            limits=ContextLimits.from_settings(ask.settings, context_window=engine.context_window),
            count_tokens=self._token_counts.of(engine),
            format_prompt=engine.format_prompt,
            allow_values=may_see_values(engine, ask.settings),
            language=ask.language,
        )

    def _next_context(self, turn: NextTurn, settings: Settings, engine: Engine) -> Context:
        allow_values = may_see_values(engine, settings)
        return settle_next_prompt(
            turn.prompt(is_local=engine.is_local, allow_values=allow_values),
            before=turn.context,
            answer=turn.result.answer,
            limits=ContextLimits.from_settings(settings, context_window=engine.context_window),
            count_tokens=self._token_counts.of(engine),
            format_prompt=engine.format_prompt,
        )

    def make_room(self, settings: Settings, engine: Engine) -> None:
        """Free memory if a device is nearly full."""
        self.memory_watch.make_room(
            threshold=settings.memory_threshold,
            owners=(engine, self.completing, self.second),
            response_cache=self.responses.cache,
        )

    def memory(self, *, threshold: float) -> MemoryReport:
        """Return how much memory each owner holds."""
        return self.memory_watch.report(
            threshold=threshold,
            owners=(self.engines.engine, self.completing, self.second),
            response_cache=self.responses.cache,
        )

    def record(
        self,
        pending: PendingAnswer,
        result: GenerationResult,
        *,
        error: BaseException | None = None,
    ) -> None:
        """Record what an answer cost; a dry run costs nothing and is not recorded."""
        if pending.ask.dry_run:
            return
        other = pending.other_identity
        record = self.metrics.add_result(
            result,
            error=error,
            response_cache=pending.cache_outcome,
            saved_s=pending.saved_s,
            cell_id=pending.ask.cell_id,
            answered_by="" if other is None or other == result.identity else other.model,
        )
        self._request_log.write(record, result, settings=pending.ask.settings)

    def note_read_ahead(self, prompt: str) -> None:
        """Remember the prompt that was read last, unless it was answered just before."""
        self._prompt_read = "" if prompt == self._prompt_answered else prompt

    def take_read_ahead(self, prompt: str) -> bool:
        """Whether a prompt that is answered now had only been read before."""
        was_read = prompt == self._prompt_read
        self._prompt_read, self._prompt_answered = "", prompt
        return was_read

    def learn_speed(
        self, result: GenerationResult, *, settings: Settings, was_read_ahead: bool
    ) -> None:
        """Remember how fast an answer came that had the engine to itself."""
        is_generated = result.ended_by_itself and not result.metrics.from_response_cache
        if is_generated and result.is_local:
            self.learn_rates(
                result.identity, result.metrics, settings=settings, was_read_ahead=was_read_ahead
            )

    def learn_rates(
        self,
        identity: EngineIdentity,
        metrics: GenerationMetrics,
        *,
        settings: Settings,
        was_read_ahead: bool = False,
    ) -> None:
        """Remember at which rates a model here read and wrote, if models like it are compared."""
        if not self.engines.is_given and find(identity.model) is not None:
            records = SpeedRecords(settings.cache_dir)
            records.add(identity, metrics, was_read_ahead=was_read_ahead)

    def with_better_model(self, result: GenerationResult, ask: Ask) -> GenerationResult:
        """Return an answer that is nothing new with a note on which model may do better here."""
        is_copy = any(note.startswith(ONLY_REPEATS) for note in result.notes)
        # The better one has been asked already, if there is one here.
        is_alone = ask.second is None and not self.engines.is_given
        if not is_copy or not is_alone or not result.is_local:
            return result
        note = self.auto.better_than(result.identity.model, ask.settings)
        return replace(result, notes=(*result.notes, note)) if note else result

    @contextmanager
    def warnings_to(self, job: Job) -> Iterator[None]:
        """Emit what this thread warns of inside the block on ``job``, earlier warnings first."""
        self._warned.job = job
        try:
            pending, self._pending_warnings = self._pending_warnings, []
            for message in pending:
                job.emit(Warned(message))
            yield
        finally:
            self._warned.job = None

    def warn(self, message: str) -> None:
        """Log ``message``, and show it beside the answer of this thread, or the next one."""
        logger.warning(message)
        if self._warned.job is None:
            self._pending_warnings.append(message)
        else:
            self._warned.job.emit(Warned(message))

    def unload(self) -> None:
        """Free the model's memory, once no answer needs it."""
        with self.turns.take(Job(), needs=Ahead.NOTHING):
            self.second.unload()
            self.engines.unload()
            # Last, since it may begin to load as long as the other is there.
            self.completing.unload()

    def close(self) -> None:
        """Free everything; what a worker that hears nothing still uses goes with that worker."""
        self.completing.close()
        with self.turns.take_within(CLOSE_WAIT_S) as has_turn:
            if has_turn:
                self.second.unload()
                self.engines.unload()
        self.responses.cache.close()
        self._request_log.close()


class _Warned(threading.local):
    """The job that shows a thread's warnings: each answer is worked on in its own thread."""

    job: Job | None = None


def may_see_values(engine: Engine, settings: Settings) -> bool:
    """Whether values of variables may be sent to ``engine``."""
    return engine.is_local or settings.send_values_to_remote
