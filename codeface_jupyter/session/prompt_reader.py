"""Reads the prompt of a question that is yet to be asked, so that its answer begins sooner."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from codeface_jupyter.engines.base import HoldsMemory
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.generation import GenerationRequest, Warned
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress, Step
from codeface_jupyter.models.speed import OtherWork
from codeface_jupyter.session.turns import Ahead, SpareTurn

if TYPE_CHECKING:
    from codeface_jupyter.config import Settings
    from codeface_jupyter.engines.base import Engine
    from codeface_jupyter.session.answer import Ask
    from codeface_jupyter.session.resources import Resources

__all__ = ["PromptReader"]

Silence = Literal["", "busy", "unsuited"]


class PromptReader:
    """Has the engine read what a question will need, as long as nobody wants it for an answer.

    Parameters
    ----------
    resources
        What the answers of the session share.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def read(
        self, settings: Settings, ask: Callable[[], Ask], job: Job, *, is_sure: bool = True
    ) -> Silence:
        """Read the prompt of a question as far as it is known; return why it was not, if so.

        A model that is not in memory is loaded first if the question is sure to come; an answer
        that wants the engine waits for that. None is fetched or converted, and none takes the
        place of another.

        Parameters
        ----------
        settings
            The question's.
        ask
            Makes the question, from the notebook as it is when the model is there.
        job
            Ends the load and the reading, and hears how far they are.
        is_sure
            Whether somebody is about to ask. Otherwise whatever else wants the engine goes first,
            and only a model that is in memory reads.

        Raises
        ------
        Cancelled
            If ``job`` was stopped, or the engine is wanted for an answer.
        CodeFaceError
            If the model is not here or does not fit.
        """

        def tell(event: Event) -> None:
            if isinstance(event, Warned):
                self._resources.warn(event.text)
            else:
                job.emit(event)

        in_use = self._resources.engines.engine
        if not is_sure and (in_use is None or not in_use.is_loaded):
            return "busy"
        with self._resources.turns.take_spare(job.telling(tell), is_sure=is_sure) as spare:
            if spare is None:
                return "busy"
            settled = self._resources.settled(settings.model_copy(update={"auto_pull": False}))
            engine = self._loaded(settled, spare.job) if self._may_read(settled) else None
            if engine is None:
                return "unsuited"
            spare.doing = Ahead.PROMPT
            return self._read(engine, ask, spare, settings=settled)

    def _may_read(self, settings: Settings) -> bool:
        """Whether the engine that would answer reads here, and no other is in its place."""
        engines = self._resources.engines
        in_use, wanted = engines.engine, engines.peek(settings)
        is_in_the_way = in_use is not None and in_use.is_loaded and in_use is not wanted
        # A server is sent nothing before the question is sent off, wherever it runs.
        return isinstance(wanted, HoldsMemory) and not is_in_the_way

    def _loaded(self, settings: Settings, job: Job) -> Engine | None:
        """Return the engine with its model; None if that would take minutes."""
        resources, loading = self._resources, _unless_converting(job)
        try:
            engine = resources.prepared_engine(settings, loading)
            resources.make_room(settings, engine)
            resources.metrics.add_load(resources.load(engine, loading))
        except Cancelled:
            job.check()
            return None
        return engine

    def _read(
        self, engine: Engine, ask: Callable[[], Ask], spare: SpareTurn, *, settings: Settings
    ) -> Silence:
        job = spare.job
        job.in_step(Step.READ_PROMPT).progress("Reading the prompt")
        begin = time.perf_counter()
        try:
            asked = ask()
            spare.task = asked.sources.task
            context = self._resources.context_of(asked, engine)
        except CodeFaceError:
            # Of a question of which half is typed: whoever asks it is told.
            return "busy"
        job.check()
        others = OtherWork()
        request = GenerationRequest.to_read(context.prompt)
        done = engine.generate(request, job.in_step(Step.READ_PROMPT))
        self._resources.metrics.add_read_ahead(time.perf_counter() - begin)
        job.check()
        self._resources.note_read_ahead(context.text)
        if others.share() == 0:
            self._resources.learn_rates(engine.identity, done.metrics, settings=settings)
        return ""


def _unless_converting(job: Job) -> Job:
    """Return a job like ``job`` that ends where a model begins to be converted."""

    def tell(event: Event) -> None:
        if isinstance(event, Progress) and event.step is Step.CONVERT:
            raise Cancelled
        job.emit(event)

    return job.telling(tell)
