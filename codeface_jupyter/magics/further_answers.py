"""What the page asks under an answer: a question about it, another answer, the rest of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.frontend import protocol

if TYPE_CHECKING:
    from codeface_jupyter.frontend.protocol import AnswerQuestion, AnswerReference, AnswerUpdate
    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.jobs import Job
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.magics.shown_answer import ShownAnswer
    from codeface_jupyter.session.answer import Answer, Ask

__all__ = ["FurtherAnswers"]


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What is asked under an answer.

    Attributes
    ----------
    shown
        That answer.
    make_ask
        Makes the question.
    is_worth_keeping
        Whether what came is shown; without, the page stays as it was.
    question
        What is asked about the answer.
    """

    shown: ShownAnswer
    make_ask: Callable[[], Ask]
    is_worth_keeping: Callable[[GenerationResult], bool]
    question: str = ""


class FurtherAnswers:
    """Answers to requests of the page, by the comm: it shows them, and keeps them.

    So they need no cell that runs, and work on a page that was loaded anew. No variable is
    set: the user's own code may be running meanwhile.

    Parameters
    ----------
    extension
        What the magics share.
    """

    def __init__(self, extension: Extension) -> None:
        self._extension = extension

    def offer(self) -> None:
        """Take the page's requests from now on."""
        bridge = self._extension.bridge
        bridge.handle(protocol.TRY_AGAIN, self._try_again, in_thread=True)
        bridge.handle(protocol.FOLLOW_UP, self._follow_up, in_thread=True)
        bridge.handle(protocol.CONTINUE_ANSWER, self._continue, in_thread=True)

    def _try_again(self, wanted: AnswerReference, job: Job) -> AnswerUpdate:
        shown = self._extension.shown_answers.find(wanted["answer_id"])
        return self._answer(
            _Wanted(
                shown=shown,
                make_ask=shown.another_sample,
                is_worth_keeping=lambda result: result.ended_by_itself,
                question=shown.question,
            ),
            job,
        )

    def _follow_up(self, wanted: AnswerQuestion, job: Job) -> AnswerUpdate:
        from codeface_jupyter.magics.fill_in import fill_in

        shown = self._extension.shown_answers.find(wanted["answer_id"])
        question = wanted["question"]
        return self._answer(
            _Wanted(
                shown=shown,
                make_ask=lambda: shown.about(fill_in(self._extension, question)),
                is_worth_keeping=lambda result: bool(result.text) or result.ended_by_itself,
                question=question,
            ),
            job,
        )

    def _continue(self, wanted: AnswerReference, job: Job) -> AnswerUpdate:
        shown = self._extension.shown_answers.find(wanted["answer_id"])
        begun = shown.result.text
        return self._answer(
            _Wanted(
                shown=shown,
                make_ask=shown.going_on,
                is_worth_keeping=lambda result: result.ended_by_itself or result.text != begun,
                question=shown.question,
            ),
            job,
        )

    def _answer(self, wanted: _Wanted, job: Job) -> AnswerUpdate:
        from codeface_jupyter.magics.hints import as_now_wanted

        asked_at = time.perf_counter()
        if not wanted.shown.under_way.acquire(blocking=False):
            raise NotebookError("Something is being asked about that answer already.")
        try:
            namespace = self._extension.notebook.live_namespace()
            ask = as_now_wanted(self._extension, wanted.make_ask())
            ask = replace(ask, asked_at=asked_at, live_namespace=namespace)
            return self._show(wanted, ask, job)
        finally:
            wanted.shown.under_way.release()

    def _show(self, wanted: _Wanted, ask: Ask, job: Job) -> AnswerUpdate:
        from codeface_jupyter.magics.show_progress import follow
        from codeface_jupyter.magics.try_again_button import described
        from codeface_jupyter.view.page_view import PageView

        answer = self._extension.session.stream(ask)
        self._extension.answers.add(answer, answer_id=wanted.shown.answer_id)
        view = PageView(job)
        try:
            follow(
                self._extension,
                answer,
                view,
                make_bundle=lambda: self._bundle(wanted, ask, answer),
            )
        except Exception as error:
            if view.update["bundle"] is None:
                raise
            # What had come stays, and says why it ends.
            view.update["bundle"] = self._bundle(wanted, ask, answer, described(error))
        return view.update

    def _bundle(
        self, wanted: _Wanted, ask: Ask, answer: Answer, *notes: str
    ) -> dict[str, Any] | None:
        result, context = answer.result, answer.context
        if result is None or context is None or not wanted.is_worth_keeping(result):
            return None
        shown = wanted.shown.next(ask, context=context, result=result, question=wanted.question)
        self._extension.shown_answers.add(shown)
        # No cell runs in which they could be shown.
        said = (answer.revision_note, *answer.remarks, *answer.warnings, *notes)
        return shown.bundle(note=" \N{MIDDLE DOT} ".join(filter(None, said)))
