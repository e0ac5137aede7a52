"""Reads the notebook for the model while a ``%%codeface`` cell is typed in a page."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.magics.giving_way import GivingWay
from codeface_jupyter.magics.notebook import cells_of
from codeface_jupyter.magics.options import parse, settings_overrides

if TYPE_CHECKING:
    from codeface_jupyter.frontend.front_end import NotebookSnapshot
    from codeface_jupyter.frontend.protocol import NotebookCells, Silence, WarmedUp
    from codeface_jupyter.jobs import Job
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
            silence = self._silence(cells, part, load_job=job)
        return {"silence": silence}

    def _silence(self, cells: NotebookCells, job: Job, *, load_job: Job) -> Silence:
        """Read what there is to read; return why it was not read, if so."""
        if not self._extension.config.settings.read_ahead:
            return "unsuited"
        if self._extension.notebook.is_running_cell:
            return "busy"
        # Whoever types has not asked yet: what is wrong is told to whoever does.
        try:
            ask = self._ask(cells)
        except (CodeFaceError, UsageError):
            # An option of which half is typed, say.
            return "busy"
        if ask is None:
            return "busy"
        try:
            return self._extension.session.reading_ahead.read(ask, job, load_job=load_job)
        except CodeFaceError:
            logger.debug("Nothing is read ahead.", exc_info=True)
            return "unsuited"

    def _ask(self, cells: NotebookCells) -> Ask | None:
        """Return the question that is typed, as it is so far; None for any other cell."""
        from codeface_jupyter.magics.codeface import CodeFace
        from codeface_jupyter.magics.hints import as_hints
        from codeface_jupyter.magics.make_ask import ask_below

        snapshot = self._extension.bridge.snapshot(cells)
        typed = None if snapshot is None else QUESTION.fullmatch(_source(snapshot))
        if snapshot is None or typed is None:
            return None
        args, words = parse(CodeFace.codeface, typed["line"] or "")
        # What loads another model, or loads it in another way, waits until it is asked for.
        if any((args.model, args.engine, args.force, args.trust_remote_code, args.allow_pickle)):
            return None
        request = "\n".join(filter(None, (words, (typed["below"] or "").strip())))
        settings = self._extension.config.with_overrides(settings_overrides(args))
        ask = ask_below(
            cells_of(snapshot, below=args.cells == "all"),
            self._extension,
            args,
            request or ANY_QUESTION,
            settings=settings,
        )
        is_for_hint = "hints" in {settings.answers, snapshot.answers}
        return as_hints(ask) if is_for_hint else ask


def _is_question(source: str) -> bool:
    return QUESTION.fullmatch(source) is not None


def _source(snapshot: NotebookSnapshot) -> str:
    """Return the source of the cell that asks."""
    return next(cell["source"] for cell in snapshot.cells if cell["id"] == snapshot.asking)
