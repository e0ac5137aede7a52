"""Reads the notebook for the model while a ``%%codeface`` cell is typed in a page."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.jobs import Progress, Step
from codeface_jupyter.magics.giving_way import GivingWay
from codeface_jupyter.magics.notebook import cells_of
from codeface_jupyter.magics.options import parse, settings_overrides

if TYPE_CHECKING:
    import argparse
    from typing import Self

    from codeface_jupyter.config import Settings
    from codeface_jupyter.frontend.front_end import NotebookSnapshot
    from codeface_jupyter.frontend.protocol import NotebookCells, Silence, WarmedUp
    from codeface_jupyter.jobs import Event, Job
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session.answer import Ask

__all__ = ["ReadAhead"]

logger = logging.getLogger(__name__)

QUESTION = re.compile(r"\s*%%codeface(?P<line>[ \t][^\n]*)?(?:\n(?P<below>.*))?", re.DOTALL)
# As long as nothing is asked: what comes before a question in the prompt is the same for all.
ANY_QUESTION = "…"


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
        self._giving_way = GivingWay(extension.bridge, is_own=_is_question)

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
            question = _Question.of(extension.bridge.snapshot(cells))
            overrides = settings_overrides(question.args) if question else {}
            settings = extension.config.with_overrides(overrides)
        except (CodeFaceError, UsageError):
            # An option of which half is typed, say.
            question = None
        if question is None or extension.notebook.is_running_cell:
            return "busy"
        try:
            ask = partial(question.ask, extension, settings)
            with _StatusOfLoad(extension) as status:
                return extension.session.prompt_reader.read(settings, ask, job.telling(status.show))
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


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A question so far: its options, its words, and the notebook around it."""

    args: argparse.Namespace
    request: str
    notebook: NotebookSnapshot

    @classmethod
    def of(cls, notebook: NotebookSnapshot | None) -> _Question | None:
        """Return the question of the cell that is typed; None if there is none to read for.

        Raises
        ------
        UsageError
            If an option is not known, or lacks its value.
        """
        from codeface_jupyter.magics.codeface import CodeFace

        typed = None if notebook is None else QUESTION.fullmatch(_source(notebook))
        if notebook is None or typed is None:
            return None
        args, words = parse(CodeFace.codeface, typed["line"] or "")
        # What loads another model, or loads it in another way, waits until it is asked for.
        if any((args.model, args.engine, args.force, args.trust_remote_code, args.allow_pickle)):
            return None
        # In a line that is not at its end, an option may follow.
        is_line_open = typed["below"] is None and (not words or words.startswith("-"))
        if args.dry_run or is_line_open:
            return None
        request = "\n".join(filter(None, (words, (typed["below"] or "").strip())))
        return cls(args=args, request=request or ANY_QUESTION, notebook=notebook)

    def ask(self, extension: Extension, settings: Settings) -> Ask:
        """Return what is asked so far; braces are as they are typed."""
        from codeface_jupyter.magics.hints import as_hints
        from codeface_jupyter.magics.make_ask import ask_below

        cells = cells_of(self.notebook, below=self.args.cells == "all")
        ask = ask_below(cells, extension, self.args, self.request, settings=settings)
        is_for_hint = "hints" in {settings.answers, self.notebook.answers}
        return as_hints(ask) if is_for_hint else ask


def _is_question(source: str) -> bool:
    return QUESTION.fullmatch(source) is not None


def _source(snapshot: NotebookSnapshot) -> str:
    """Return the source of the cell that asks."""
    return next(cell["source"] for cell in snapshot.cells if cell["id"] == snapshot.asking)
