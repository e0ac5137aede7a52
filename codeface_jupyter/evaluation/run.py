"""Ask models for every task of notebooks, and judge what their answers do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from codeface_jupyter.errors import CodeFaceError, NotebookError
from codeface_jupyter.evaluation.events import (
    Begun,
    BrokenOff,
    CellFailed,
    Event,
    LeftOut,
    Measured,
    Starting,
)
from codeface_jupyter.evaluation.judge import Verdict, verdict
from codeface_jupyter.evaluation.messages import Answered, Expectation, FailedCell
from codeface_jupyter.evaluation.tasks import Notebook, Task
from codeface_jupyter.evaluation.worker import worker
from codeface_jupyter.outcome import Outcome

__all__ = ["evaluate"]

CUT_OFF = "cut off at the token limit"


class _Worker(Protocol):
    def load(self) -> None: ...
    def why_no_copy(self) -> str: ...
    def expect(self, index: int, /) -> Expectation: ...
    def ask(self, index: int, /) -> Answered: ...
    def attempt(self, code: str, /) -> Outcome: ...


Begin = Callable[[Notebook, Mapping[str, object]], AbstractContextManager[_Worker]]


def evaluate(
    notebooks: Sequence[Notebook],
    models: Mapping[str, Mapping[str, object]],
    *,
    limit: int | None = None,
    try_s: float = 30.0,
    begin: Begin | None = None,
) -> Generator[Event]:
    """Ask each model for the tasks of all notebooks; yield what becomes of each.

    Closing it ends the processes.

    Every notebook is run from its beginning for every model, in a process of its own.

    Parameters
    ----------
    notebooks
        What to ask for.
    models
        The settings with which each model is asked, by its name.
    limit
        Ask each model for at most so many tasks.
    try_s
        How long a cell may run on a copy.
    begin
        Begins the process for a notebook and a model; the default is `worker`.
    """
    begin = begin or (lambda notebook, settings: worker(notebook, settings, try_s=try_s))
    for model, settings in models.items():
        yield from _Pass(model, settings, begin=begin, limit=limit).run(notebooks)


class _Pass:
    """One model's way through all notebooks."""

    def __init__(
        self, model: str, settings: Mapping[str, object], *, begin: Begin, limit: int | None
    ) -> None:
        self._model = model
        self._settings = settings
        self._begin = begin
        self._limit = limit
        self._number = 0
        self._asked = 0
        self._left_out = 0

    def run(self, notebooks: Sequence[Notebook]) -> Iterator[Event]:
        total = sum(len(notebook.tasks) for notebook in notebooks)
        for notebook in notebooks:
            if self._is_enough:
                break
            yield Starting(model=self._model, notebook=notebook.name)
            try:
                yield from self._run(notebook, total)
            except CodeFaceError as error:
                yield BrokenOff(model=self._model, notebook=notebook.name, error=error)
                if not isinstance(error, NotebookError):
                    # The model: it would fail with the next notebook too.
                    break

    @property
    def _is_enough(self) -> bool:
        return self._limit is not None and self._asked >= self._limit

    def _most_of(self, tasks: int) -> int:
        """Return how many tasks are looked at, as far as is known: one left out brings another."""
        return tasks if self._limit is None else min(tasks, self._limit + self._left_out)

    def _run(self, notebook: Notebook, total: int) -> Iterator[Event]:
        name = notebook.name
        failed: list[FailedCell] = []
        with ExitStack() as stack:
            asked, tried = self._workers(notebook, stack)
            for task in notebook.tasks:
                if self._is_enough:
                    break
                self._number += 1
                yield Begun(
                    model=self._model,
                    request=task.request,
                    number=self._number,
                    total=self._most_of(total),
                )
                expectation = tried.expect(task.index)
                for cell in expectation.failed[len(failed) :]:
                    yield CellFailed(notebook=name, cell=cell.cell, error=cell.error)
                failed = list(expectation.failed)
                if expectation.outcome is None:
                    self._left_out += 1
                    yield LeftOut(notebook=name, cell=task.cell, reason=expectation.unfit)
                    continue
                self._asked += 1
                answered = asked.ask(task.index)
                judged = _judged(answered, expectation.outcome, tried)
                yield self._measured(name, task, answered=answered, judged=judged)

    def _workers(self, notebook: Notebook, stack: ExitStack) -> tuple[_Worker, _Worker]:
        """Return the process in which a model is asked, and the one in which answers are tried.

        That is the same, unless the model keeps it from being copied, as one on a GPU does.
        """
        asked = stack.enter_context(self._begin(notebook, self._settings))
        asked.load()
        if not asked.why_no_copy():
            return asked, asked
        tried = stack.enter_context(self._begin(notebook, self._settings))
        why = tried.why_no_copy()
        if why:
            raise NotebookError(f"Answers cannot be tried here. {why}", hint="See docs/trials.md.")
        return asked, tried

    def _measured(
        self, notebook: str, task: Task, *, answered: Answered, judged: Verdict
    ) -> Measured:
        return Measured(
            model=self._model,
            notebook=notebook,
            cell=task.cell,
            request=task.request,
            reference=task.reference,
            kind=judged.kind,
            difference=judged.difference,
            code=answered.code,
            seconds=answered.seconds,
            tokens=answered.tokens,
        )


def _judged(answered: Answered, expected: Outcome, tried: _Worker) -> Verdict:
    """Try an answer and judge it; what is wrong and was cut off has no other fault."""
    if not answered.code:
        return Verdict(kind="no code", difference=answered.error or "no code in the answer")
    judged = verdict(expected, tried.attempt(answered.code))
    if judged.kind == "right" or not answered.is_cut_off:
        return judged
    return Verdict(kind=judged.kind, difference=f"{CUT_OFF}; {judged.difference}")
