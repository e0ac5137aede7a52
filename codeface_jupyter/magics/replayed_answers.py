"""The answers from the response cache that still have an "Ask again" button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.threads import new_lock

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["CanAskAgain", "ReplayedAnswers"]

ANSWERS_KEPT = 50


class CanAskAgain(Protocol):
    """An answer whose question can be asked again."""

    answer_id: str

    def begin(self) -> None:
        """Ask again, in its own thread; does nothing while that is in progress."""

    def withdraw(self) -> None:
        """Remove the button that would not survive in a saved notebook."""


class ReplayedAnswers:
    """Finds replayed answers by their ids, the newest ones only; safe from several threads.

    Parameters
    ----------
    shell
        Each cell that it runs removes the buttons of the cells before.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._answers: dict[str, CanAskAgain] = {}
        self._lock = new_lock()
        shell.events.register("pre_run_cell", self._withdraw)

    def close(self) -> None:
        """Forget all, and stop listening to the shell."""
        self._shell.events.unregister("pre_run_cell", self._withdraw)
        self._withdraw()
        with self._lock:
            self._answers.clear()

    def add(self, answer: CanAskAgain) -> None:
        """Remember an answer."""
        with self._lock:
            self._answers[answer.answer_id] = answer
            surplus = list(self._answers)[:-ANSWERS_KEPT]
            old = [self._answers.pop(answer_id) for answer_id in surplus]
        for forgotten in old:
            forgotten.withdraw()

    def discard(self, answer: CanAskAgain) -> None:
        """Forget an answer, which another one has replaced."""
        with self._lock:
            self._answers.pop(answer.answer_id, None)

    def __contains__(self, answer: CanAskAgain) -> bool:
        return answer.answer_id in self._answers

    def begin(self, answer_id: str) -> None:
        """Ask the question of an answer again.

        Raises
        ------
        NotebookError
            If this kernel does not know the answer.
        """
        answer = self._answers.get(answer_id)
        if answer is None:
            raise NotebookError(
                "This kernel does not remember the question of that answer.",
                hint="Run its cell again with --no-cache.",
            )
        answer.begin()

    def _withdraw(self, _info: object = None) -> None:
        with self._lock:
            answers = list(self._answers.values())
        for answer in answers:
            answer.withdraw()
