"""The answers from the response cache whose questions a click can ask once more."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from codeface_jupyter.errors import NotebookError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["AnswerToAskAgain", "AnswersToAskAgain"]

ANSWERS_KEPT = 50


class AnswerToAskAgain(Protocol):
    """An answer whose question can be asked once more."""

    answer_id: str

    def begin(self) -> None:
        """Ask again, in a thread of its own; harmless while it is under way."""

    def withdraw(self) -> None:
        """Take away the button that would not survive in a saved notebook."""


class AnswersToAskAgain:
    """Knows them by their ids, the newest ones only; safe to use from several threads.

    Parameters
    ----------
    shell
        With each cell that it runs, the buttons of the cells before go.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._answers: dict[str, AnswerToAskAgain] = {}
        self._lock = threading.Lock()
        shell.events.register("pre_run_cell", self._withdraw)

    def close(self) -> None:
        """Forget all, and stop listening to the shell."""
        self._shell.events.unregister("pre_run_cell", self._withdraw)
        self._withdraw()
        with self._lock:
            self._answers.clear()

    def add(self, answer: AnswerToAskAgain) -> None:
        """Remember an answer."""
        with self._lock:
            self._answers[answer.answer_id] = answer
            surplus = list(self._answers)[:-ANSWERS_KEPT]
            old = [self._answers.pop(answer_id) for answer_id in surplus]
        for forgotten in old:
            forgotten.withdraw()

    def discard(self, answer: AnswerToAskAgain) -> None:
        """Forget an answer, which another one has replaced."""
        with self._lock:
            self._answers.pop(answer.answer_id, None)

    def __contains__(self, answer: AnswerToAskAgain) -> bool:
        return answer.answer_id in self._answers

    def begin(self, answer_id: str) -> None:
        """Ask the question of an answer once more.

        Raises
        ------
        NotebookError
            If this kernel does not know the answer.
        """
        answer = self._answers.get(answer_id)
        if answer is None:
            raise NotebookError(
                "This kernel does not remember the question of that answer.",
                hint="Run its cell again, with --no-cache.",
            )
        answer.begin()

    def _withdraw(self, _info: object = None) -> None:
        with self._lock:
            answers = list(self._answers.values())
        for answer in answers:
            answer.withdraw()
