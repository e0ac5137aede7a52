"""An answer that has been shown, and the questions that go on from it."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any, Protocol

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.threads import new_lock
from codeface_jupyter.view.result_bundle import with_question

if TYPE_CHECKING:
    from codeface_jupyter.context import Context, FilledRequest
    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.magics.output import Output
    from codeface_jupyter.session.answer import Ask

__all__ = ["ShownAnswer"]

CUT_OFF = frozenset({"length", "cancelled"})
SEEDS = 2**31


class CanHide(Protocol):
    """Something under an answer that would not survive in a saved notebook."""

    def hide(self) -> None:
        """Take it away, if it is there."""


class ShownAnswer:
    """An answer, and how to try again, to go on with it and to ask about it.

    It is made of text alone: keeping it keeps none of the user's objects alive.

    Parameters
    ----------
    ask
        The question.
    context
        What the answer was given to.
    result
        The answer.
    output
        What becomes of it.
    question
        What was asked about an earlier answer.

    Attributes
    ----------
    answer_id
        What the front end calls the answer; nobody can guess it.
    result, output, question
        As given.
    button
        What stands under it only until the next cell runs.
    under_way
        Held while something goes on from the answer.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        context: Context,
        result: GenerationResult,
        output: Output,
        question: str = "",
    ) -> None:
        self.answer_id = uuid.uuid4().hex
        self.result = result
        self.output = output
        self.button: CanHide | None = None
        self.under_way = new_lock()
        # The rest of a text follows from what its beginning was given to.
        is_rest = ask.after is not None and ask.after.question is None
        self._context = ask.after.context if ask.after is not None and is_rest else context
        self._ask = ask.as_text()
        self.question = question

    @property
    def is_cut_off(self) -> bool:
        """Whether the answer has more to say."""
        return self.result.finish_reason in CUT_OFF and bool(self.result.text)

    def another_sample(self) -> Ask:
        """Return the same question, to be answered in another way."""
        seed = secrets.randbelow(SEEDS)
        return self._ask.another_sample(self.result, context=self._context, seed=seed)

    def about(self, question: FilledRequest) -> Ask:
        """Return a question about the answer."""
        return self._ask.about(self.result, question, context=self._context)

    def going_on(self) -> Ask:
        """Return what goes on with the answer where it was cut off.

        Raises
        ------
        NotebookError
            If it is whole.
        """
        if not self.is_cut_off:
            raise NotebookError("That answer was not cut off.", hint="Ask about it instead.")
        return self._ask.going_on(self.result, context=self._context)

    def bundle(self, *, note: str = "", is_clickable: bool = True) -> dict[str, Any]:
        """Return the answer's lasting output.

        Parameters
        ----------
        note
            Added to its last line.
        is_clickable
            Whether a page may ask more about it.
        """
        answer_id = self.answer_id if is_clickable else None
        cell_id = self._ask.cell_id
        bundle = self.output.bundle(self.result, cell_id=cell_id, answer_id=answer_id, note=note)
        return with_question(bundle, self.question) if self.question else bundle

    def next(
        self, ask: Ask, *, context: Context, result: GenerationResult, question: str = ""
    ) -> ShownAnswer:
        """Return what has come of one of the questions above."""
        return ShownAnswer(
            ask, context=context, result=result, output=self.output, question=question
        )

    def withdraw(self) -> None:
        """Take away what would not survive in a saved notebook."""
        if self.button is not None:
            self.button.hide()
