"""Answers as llama.cpp streams them: requests that share a prompt share one stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from codeface_jupyter.engines.llamacpp.connection import Connection
from codeface_jupyter.engines.text.streaming_text import AnswerWriter
from codeface_jupyter.engines.until_stopped import until_stopped
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import Done, FinishReason, GenerationMetrics, SamplingParameters
from codeface_jupyter.jobs import Cancelled, Job

__all__ = ["Answer", "Question", "answer_together", "group_tokens", "groups"]

# As the other engines choose a token; llama.cpp's own order draws from fewer.
SAMPLERS = ("penalties", "temperature", "top_k", "top_p")
# llama.cpp's word for "a new seed each time".
RANDOM_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Question:
    """What llama.cpp is asked for one answer.

    Attributes
    ----------
    prompt_ids
        The prompt's tokens.
    sampling
        How tokens are chosen, how many there may be, and the texts that end the answer.
    """

    prompt_ids: tuple[int, ...]
    sampling: SamplingParameters

    @property
    def seed(self) -> int:
        """The seed as llama.cpp takes it."""
        seed = self.sampling.seed
        return RANDOM_SEED if seed is None else seed % RANDOM_SEED

    def continues(self, other: Question, *, by: int) -> bool:
        """Whether it differs from ``other`` only in its seed, if any, which is ``by`` larger."""
        step = 0 if self.sampling.seed is None else by
        is_alike = replace(other.sampling, seed=self.sampling.seed) == self.sampling
        is_next = self.seed == other.seed + step
        return is_next and is_alike and self.prompt_ids == other.prompt_ids


class Answer:
    """One answer, written from the server's events.

    Parameters
    ----------
    question
        What was asked.
    job
        Gets each `Chunk`, and `Progress` while the prompt is read.
    """

    def __init__(self, question: Question, job: Job) -> None:
        self._question = question
        self._job = job
        self._reason: FinishReason | None = None
        self._reused = 0
        self._writer = AnswerWriter(job, stop_strings=question.sampling.stop_strings)

    @property
    def is_over(self) -> bool:
        """Whether its end has come."""
        return self._reason is not None

    def take(self, event: dict[str, Any]) -> bool:
        """Take what the server sent for it; return whether that ends it."""
        if (progress := event.get("prompt_progress")) is not None:
            self._reused = int(progress["cache"])
            total = int(progress["total"])
            self._job.progress("Reading the prompt", int(progress["processed"]), total)
        elif event.get("stop"):
            self._end(event)
        else:
            self._writer.write(str(event.get("content", "")))
            if self._writer.is_stopped:
                self._reason = "stop"
        return self.is_over

    def done(self, *, peak_memory_bytes: int, error: Exception | None = None) -> Done:
        """Show what was held back and return the end; one that did not come counts as cancelled."""
        metrics = GenerationMetrics(
            prompt_tokens=len(self._question.prompt_ids),
            reused_prompt_tokens=self._reused,
            peak_memory_bytes=peak_memory_bytes,
        )
        reason = "error" if error is not None else self._reason or "cancelled"
        return replace(self._writer.done(reason, metrics=metrics), error=error)

    def flush(self) -> None:
        """Show what was held back of an answer that broke off."""
        self._writer.flush()

    def _end(self, event: dict[str, Any]) -> None:
        # A character of several tokens came as one event.
        self._writer.generated_tokens = int(event["tokens_predicted"])
        self._reason = "length" if event.get("stop_type") == "limit" else "stop"


def group_tokens(questions: Sequence[Question]) -> int:
    """Return the tokens that a group takes: its prompt once, and all its answers."""
    return len(questions[0].prompt_ids) + sum(q.sampling.max_new_tokens for q in questions)


def groups(questions: Sequence[Question], *, slots: int, context_tokens: int) -> list[list[int]]:
    """Return the indices of the questions, those together that can share one stream.

    llama.cpp reads the prompt of such a group once, and gives each of its answers a seed that
    is one larger than that of the answer before.

    Parameters
    ----------
    questions
        In any order.
    slots, context_tokens
        How many answers, and tokens, a group may have at most.
    """
    found: list[list[int]] = []
    for index in sorted(range(len(questions)), key=lambda index: _order(questions[index])):
        group = found[-1] if found else []
        longer = [questions[n] for n in (*group, index)]
        has_room = len(longer) <= slots and group_tokens(longer) <= context_tokens
        if group and has_room and longer[-1].continues(longer[0], by=len(group)):
            group.append(index)
        else:
            found.append([index])
    return sorted(found)


def _order(question: Question) -> tuple[tuple[int, ...], int]:
    return question.prompt_ids, question.seed


async def answer_together(
    connection: Connection,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    job: Job,
    *,
    on_over: Callable[[int], None] = lambda _: None,
) -> None:
    """Have a group of questions answered, and leave once ``job`` is stopped.

    Parameters
    ----------
    connection
        Who is asked.
    questions, answers
        Of a group: one prompt, and seeds that follow one another.
    job
        When it is stopped, the answers are left as they are.
    on_over
        Called with the position of an answer in the group as soon as it is over.

    Raises
    ------
    GenerationError
        If the server refuses or fails.
    ChildDiedError
        If the process ends.
    """
    with suppress(Cancelled):
        await until_stopped(_read(connection, questions, answers, on_over), job)


async def _read(
    connection: Connection,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    on_over: Callable[[int], None],
) -> None:
    async with connection.stream(_body(questions)) as events:
        async for event in events:
            position = int(event.get("index", 0))
            answer = answers[position]
            if not answer.is_over and answer.take(event):
                on_over(position)
            # Left early, the server stops at once: after a stop string, nothing more is wanted.
            if all(answer.is_over for answer in answers):
                return
    raise GenerationError("llama.cpp ended an answer without saying why.", hint="Ask again.")


def _body(questions: Sequence[Question]) -> dict[str, Any]:
    first = questions[0]
    sampling = first.sampling
    return {
        "prompt": list(first.prompt_ids),
        "n_cmpl": len(questions),
        "stream": True,
        "return_progress": True,
        "cache_prompt": True,
        "n_predict": sampling.max_new_tokens,
        "samplers": list(SAMPLERS),
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "repeat_penalty": sampling.repetition_penalty,
        # All tokens of prompt and answer count, as in the other engines.
        "repeat_last_n": len(first.prompt_ids) + sampling.max_new_tokens,
        "seed": first.seed,
    }
