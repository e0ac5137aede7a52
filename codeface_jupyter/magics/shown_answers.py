"""The answers of this kernel that can be asked about, tried again and continued."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.threads import new_lock

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.magics.shown_answer import ShownAnswer

__all__ = ["ShownAnswers"]

ANSWERS_KEPT = 50


class ShownAnswers:
    """Finds answers by their ids, the newest ones only; safe from several threads.

    Parameters
    ----------
    shell
        Each cell that it runs removes the widgets under the answers before.
    tell
        Called with the ids of the answers when they change.
    """

    def __init__(self, shell: InteractiveShell, *, tell: Callable[[list[str]], None]) -> None:
        self._shell = shell
        self._tell = tell
        self._answers: dict[str, ShownAnswer] = {}
        # The newest one when the conversation was forgotten.
        self._last_forgotten = ""
        self._lock = new_lock()
        shell.events.register("pre_run_cell", self._withdraw)

    def close(self) -> None:
        """Forget all, and stop listening to the shell."""
        self._shell.events.unregister("pre_run_cell", self._withdraw)
        self._withdraw()
        with self._lock:
            self._answers.clear()

    def add(self, answer: ShownAnswer) -> None:
        """Remember an answer."""
        with self._lock:
            self._answers[answer.answer_id] = answer
            surplus = list(self._answers)[:-ANSWERS_KEPT]
            old = [self._answers.pop(answer_id) for answer_id in surplus]
        for forgotten in old:
            forgotten.withdraw()
        with self._lock:
            # What is told last is to be the newest.
            self._tell(list(self._answers))

    def __contains__(self, answer: ShownAnswer) -> bool:
        return answer.answer_id in self._answers

    @property
    def last(self) -> ShownAnswer:
        """The newest answer.

        Raises
        ------
        NotebookError
            If there is none yet, or it was forgotten.
        """
        with self._lock:
            newest = next(reversed(self._answers.values()), None)
        if newest is not None and newest.answer_id == self._last_forgotten:
            raise NotebookError(
                "There is no answer since the conversation was forgotten.", hint="Ask: %codeface …"
            )
        if newest is None:
            raise NotebookError("There is no answer yet in this kernel.", hint="Ask: %codeface …")
        return newest

    def forget_last(self) -> None:
        """Have no newest answer until the next; those that are there are found by their ids."""
        with self._lock:
            self._last_forgotten = next(reversed(self._answers), "")

    def find(self, answer_id: str) -> ShownAnswer:
        """Return the answer with an id.

        Raises
        ------
        NotebookError
            If this kernel does not know it.
        """
        answer = self._answers.get(answer_id)
        if answer is None:
            raise NotebookError(
                "This kernel no longer knows that answer.", hint="Run its cell again."
            )
        return answer

    def _withdraw(self, _info: object = None) -> None:
        with self._lock:
            answers = list(self._answers.values())
        for answer in answers:
            answer.withdraw()
