"""Many answers side by side, as many at a time as llama.cpp has slots and context for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from codeface_jupyter.engines.llamacpp.answer import (
    Answer,
    Question,
    answer_together,
    group_tokens,
    groups,
)
from codeface_jupyter.engines.llamacpp.connection import Connection
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.jobs import Job

__all__ = ["SideBySide"]

Report = Callable[[int, Exception | None], None]


class SideBySide:
    """Answers questions in groups that share a prompt.

    Parameters
    ----------
    connection
        Who is asked.
    questions, answers
        In any number, each question with its answer.
    slots
        How many llama.cpp works on at once.
    context_tokens
        How many tokens all of them may take together.
    report
        Called with the index of each answer as soon as that is over or left, and with the
        error that it failed with.
    """

    def __init__(
        self,
        connection: Connection,
        questions: Sequence[Question],
        answers: Sequence[Answer],
        *,
        slots: int,
        context_tokens: int,
        report: Report,
    ) -> None:
        self._connection = connection
        self._questions = questions
        self._answers = answers
        self._slots = slots
        self._context_tokens = context_tokens
        self._report = report
        self._open = set(range(len(questions)))
        self._waiting = deque(groups(questions, slots=slots, context_tokens=context_tokens))
        self._running: dict[asyncio.Task[None], list[int]] = {}

    async def run(self, job: Job) -> None:
        """Answer all questions; once ``job`` is stopped, leave what is not finished.

        Raises
        ------
        ChildDiedError
            If llama.cpp's process ends.
        """
        try:
            self._start(job)
            while self._running:
                ended, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    self._end(task)
                self._start(job)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        self._leave(self._open)

    def _start(self, job: Job) -> None:
        """Start what there is room for, at least one group."""
        while self._waiting and not job.is_cancelled and self._has_room(self._waiting[0]):
            group = self._waiting.popleft()
            work = answer_together(
                self._connection,
                [self._questions[index] for index in group],
                [self._answers[index] for index in group],
                job,
                on_over=partial(self._over, group),
            )
            self._running[asyncio.ensure_future(work)] = group

    def _has_room(self, group: list[int]) -> bool:
        running = list(self._running.values())
        slots = len(group) + sum(map(len, running))
        tokens = self._tokens(group) + sum(map(self._tokens, running))
        return not running or (slots <= self._slots and tokens <= self._context_tokens)

    def _tokens(self, group: list[int]) -> int:
        return group_tokens([self._questions[index] for index in group])

    def _over(self, group: list[int], position: int) -> None:
        index = group[position]
        self._open.discard(index)
        self._report(index, None)

    def _end(self, task: asyncio.Task[None]) -> None:
        group = self._running.pop(task)
        error = task.exception()
        if error is None:
            self._leave(group)
        elif isinstance(error, GenerationError):
            self._leave(group, error)
        else:
            raise error

    def _leave(self, indices: Iterable[int], error: Exception | None = None) -> None:
        """Report those answers that are not over."""
        for index in sorted(self._open.intersection(indices)):
            self._open.discard(index)
            self._report(index, error)
