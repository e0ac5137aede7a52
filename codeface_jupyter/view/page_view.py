"""Tells a page that has asked by the comm how its answer comes on."""

from __future__ import annotations

from typing import Any

from codeface_jupyter.frontend.connection import Partial
from codeface_jupyter.frontend.protocol import AnswerUpdate
from codeface_jupyter.jobs import Job
from codeface_jupyter.session.answer import Answer
from codeface_jupyter.view.answer_view import describe_progress
from codeface_jupyter.view.progress_meter import ProgressMeter
from codeface_jupyter.view.safe_markdown import unfinished_markdown

__all__ = ["PageView"]


class PageView:
    """Sends the answer so far with a request's job; the page shows it.

    Parameters
    ----------
    job
        The request's own. If the page gives it up, the answer is stopped.

    Attributes
    ----------
    update
        What the page was told last.
    """

    def __init__(self, job: Job) -> None:
        self.update = AnswerUpdate(text="", status="", bundle=None)
        self._job = job
        self._meter = ProgressMeter()

    def paint(self, answer: Answer) -> None:
        """Send what has changed."""
        if self._job.is_cancelled:
            answer.cancel()
        status = describe_progress(answer, self._meter)
        update = AnswerUpdate(text=unfinished_markdown(answer.text), status=status, bundle=None)
        if update != self.update:
            self.update = update
            self._job.emit(Partial(update))

    def finish(self, answer: Answer, bundle: dict[str, Any] | None) -> None:
        """Keep the lasting output for the response."""
        text = unfinished_markdown(answer.text)
        self.update = AnswerUpdate(text=text, status="", bundle=bundle)
