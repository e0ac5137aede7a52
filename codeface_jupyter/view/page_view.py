"""Tells a page that has asked by the comm how its answer comes on."""

from __future__ import annotations

from typing import Any

from codeface_jupyter.frontend.connection import Partial
from codeface_jupyter.frontend.protocol import AnswerUpdate
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import split_thoughts
from codeface_jupyter.session.answer import Answer
from codeface_jupyter.view.answer_view import describe_progress
from codeface_jupyter.view.progress_meter import ProgressMeter
from codeface_jupyter.view.safe_markdown import folded, safe_markdown
from codeface_jupyter.well_formed import well_formed

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
        update = AnswerUpdate(text=_growing_markdown(answer.text), status=status, bundle=None)
        if update != self.update:
            self.update = update
            self._job.emit(Partial(update))

    def finish(self, answer: Answer, bundle: dict[str, Any] | None) -> None:
        """Keep the lasting output for the response."""
        text = _growing_markdown(answer.text)
        self.update = AnswerUpdate(text=text, status="", bundle=bundle)


def _growing_markdown(text: str) -> str:
    parts = split_thoughts(well_formed(text))
    thoughts = [folded(part.text) for part in parts if part.is_thought and part.text.strip()]
    said = "".join(part.text for part in parts if not part.is_thought)
    return "\n\n".join([*thoughts, safe_markdown(said)])
