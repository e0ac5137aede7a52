"""Reads the prompt of a question that is still being typed, so that its answer begins sooner."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from codeface_jupyter.generation import GenerationRequest

if TYPE_CHECKING:
    from codeface_jupyter.config import Settings
    from codeface_jupyter.engines.base import Engine
    from codeface_jupyter.jobs import Job
    from codeface_jupyter.session.answer import Ask
    from codeface_jupyter.session.resources import Resources

__all__ = ["ReadingAhead"]

Silence = Literal["", "busy", "unsuited"]


class ReadingAhead:
    """Has the engine read what a question will need, as long as nobody wants it for an answer.

    Parameters
    ----------
    resources
        What the answers of the session share.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def read(self, ask: Ask, job: Job, *, load_job: Job) -> Silence:
        """Read the prompt of ``ask`` as far as it is known; return why it was not, if so.

        A model that is not in memory is loaded first. None is fetched, and none takes the place
        of another.

        Parameters
        ----------
        ask
            The question so far.
        job
            Ends the reading.
        load_job
            Ends the load, which whoever asks meanwhile would have to begin again.

        Raises
        ------
        Cancelled
            If ``job`` was stopped, or the engine is wanted for an answer.
        CodeFaceError
            If the model is not here or does not fit, or the prompt is too long.
        """
        resources = self._resources
        with resources.turns.take_spare(job) as part:
            if part is None:
                return "busy"
            settings = resources.settled(ask.settings.model_copy(update={"auto_pull": False}))
            if not self._may_read(settings):
                return "unsuited"
            engine = self._loaded_engine(settings, load_job.telling(part.emit))
            part.progress("Reading the prompt")
            begin = time.perf_counter()
            context = resources.context_of(ask, engine)
            part.check()
            engine.generate(GenerationRequest.to_read(context.prompt), part)
            resources.metrics.add_read_ahead(time.perf_counter() - begin)
            part.check()
        return ""

    def _may_read(self, settings: Settings) -> bool:
        """Whether the engine that would answer is on this machine, and no other is in its place."""
        engines = self._resources.engines
        in_use, wanted = engines.engine, engines.peek(settings)
        is_in_the_way = in_use is not None and in_use.is_loaded and in_use is not wanted
        # What is typed is sent nowhere before it is sent off.
        return wanted.is_local and not is_in_the_way

    def _loaded_engine(self, settings: Settings, job: Job) -> Engine:
        resources = self._resources
        engine = resources.prepared_engine(settings, job)
        resources.metrics.add_load(resources.load(engine, job))
        return engine
