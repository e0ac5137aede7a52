"""Reads the notebook for the model before a question is sent off from a page."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.jobs import Progress, Step
from codeface_jupyter.magics.coming_question import ComingQuestion, is_question
from codeface_jupyter.magics.giving_way import GivingWay
from codeface_jupyter.magics.options import settings_overrides

if TYPE_CHECKING:
    from typing import Self

    from codeface_jupyter.frontend.protocol import NotebookCells, Silence, WarmedUp
    from codeface_jupyter.jobs import Event, Job
    from codeface_jupyter.magics.extension import Extension

__all__ = ["ReadAhead"]

logger = logging.getLogger(__name__)


class ReadAhead:
    """Answers the page's requests to read ahead.

    Parameters
    ----------
    extension
        What the magics share.
    """

    def __init__(self, extension: Extension) -> None:
        self._extension = extension
        # The question itself is about to ask for what is being read.
        self._giving_way = GivingWay(extension.bridge, is_own=is_question)

    def offer(self) -> None:
        """Take the page's requests from now on."""
        self._extension.bridge.handle(protocol.READ_AHEAD, self._read, in_thread=True)

    def _read(self, cells: NotebookCells, job: Job) -> WarmedUp:
        # Unless it comes to its end.
        silence: Silence = "busy"
        with self._giving_way.part(job) as part:
            silence = self._silence(cells, part)
        return {"silence": silence}

    def _silence(self, cells: NotebookCells, job: Job) -> Silence:
        """Read what there is to read; return why it was not read, if so."""
        extension = self._extension
        if not extension.config.settings.read_ahead:
            return "unsuited"
        try:
            question = ComingQuestion.of(extension.bridge.snapshot(cells))
            overrides = settings_overrides(question.args) if question else {}
            settings = extension.config.with_overrides(overrides)
        except (CodeFaceError, UsageError):
            # An option of which half is typed, say.
            question = None
        if question is None or extension.notebook.is_running_cell:
            return "busy"
        try:
            ask = partial(question.ask, extension, settings)
            reader = extension.session.prompt_reader
            with _StatusOfLoad(extension) as status:
                telling = job.telling(status.show)
                return reader.read(settings, ask, telling, is_sure=question.is_sure)
        except CodeFaceError:
            # Whoever types has not asked yet: who does is told.
            logger.debug("Nothing is read ahead.", exc_info=True)
            return "unsuited"


class _StatusOfLoad:
    """Shows in the status bar that a model is loaded, and then that it is there."""

    def __init__(self, extension: Extension) -> None:
        self._extension = extension
        self._is_shown = False

    def __enter__(self) -> Self:
        return self

    def show(self, event: Event) -> None:
        """Show a load by its progress."""
        if isinstance(event, Progress) and event.step is Step.LOAD:
            settings = self._extension.config.settings
            model = self._extension.session.model_of(settings)
            self._extension.bridge.publish_status(
                model=model, engine=settings.engine, state="loading"
            )
            self._is_shown = True

    def __exit__(self, *_: object) -> None:
        from codeface_jupyter.magics.show_progress import publish_idle

        if self._is_shown:
            publish_idle(self._extension)
