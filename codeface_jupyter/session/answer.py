"""A question to a session, and the answer on its way to whoever reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from codeface_jupyter.config import Settings
from codeface_jupyter.context import Context, ContextSources
from codeface_jupyter.generation import (
    Chunk,
    Done,
    GenerationResult,
    Started,
)
from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.session.stream import Stream

__all__ = ["Answer", "AnswerWork", "Ask"]

MIN_RATE_S = 0.5  # a rate over less time jumps about


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question to a session.

    Attributes
    ----------
    sources
        What the user typed, and what the notebook offers beside it.
    settings
        The settings for this question, flags applied.
    language
        The language that the answer's code is to be in.
    use_response_cache
        Whether an earlier answer to the very same question may be replayed.
    dry_run
        Settle the prompt and stop there: nothing is fetched, loaded or sent.
    cell_id
        The notebook cell that asks, for the request log.
    context
        A prompt settled before, to be sent as it is; None builds it from ``sources``.
    """

    sources: ContextSources
    settings: Settings
    language: str = "python"
    use_response_cache: bool = True
    dry_run: bool = False
    cell_id: str | None = None
    context: Context | None = None

    def again(self, context: Context) -> Ask:
        """Return this question, to be answered anew: the very same prompt, nothing replayed.

        It is made of text alone, so that keeping it keeps none of the user's objects alive.
        """
        sources = ContextSources(request=self.sources.request, task=self.sources.task)
        return replace(self, sources=sources, context=context, use_response_cache=False)


AnswerWork = Callable[["Answer", Job], Done]


class Answer:
    """An answer on its way: read its events, cancel it, keep what came of it.

    Attributes
    ----------
    text
        The answer as far as its events have been read.
    progress
        The work going on before the first token, or None.
    started
        The settled prompt, once the model is about to answer.
    generated_tokens
        Tokens generated so far.
    tokens_per_s
        The rate since the first token, once it means something; None before.
    context
        What went into the prompt and what stayed out, once settled.
    result
        The finished or broken-off answer; None until there is one.
    warnings
        What the user is to be told of beside the answer, one sentence each.
    """

    def __init__(self, work: AnswerWork) -> None:
        self.text = ""
        self.progress: Progress | None = None
        self.started: Started | None = None
        self.generated_tokens = 0
        self.tokens_per_s: float | None = None
        self._first_chunk: tuple[float, int] | None = None
        self.context: Context | None = None
        self.result: GenerationResult | None = None
        self.warnings: tuple[str, ...] = ()
        self._stream = Stream(lambda job: work(self, job))

    def __iter__(self) -> Iterator[Event]:
        """Yield every event; raise what the engine raised."""
        while not self.is_finished:
            yield from self.read(timeout_s=None)

    @property
    def is_finished(self) -> bool:
        """Whether the last event has been read."""
        return self._stream.is_finished

    @property
    def is_cancelled(self) -> bool:
        """Whether the answer has been asked to stop."""
        return self._stream.is_cancelled

    @property
    def is_generating(self) -> bool:
        """Whether the model is at work, after everything that comes before the first token."""
        return self.generated_tokens > 0

    def read(self, *, timeout_s: float | None) -> list[Event]:
        """Return the events that have come, waiting at most ``timeout_s`` for the first."""
        events = self._stream.read(timeout_s=timeout_s)
        for event in events:
            self._take(event)
        return events

    def cancel(self) -> None:
        """Stop the answer within one token; what has come is kept."""
        self._stream.cancel()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker thread; return whether it has ended."""
        return self._stream.join(timeout_s)

    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self.progress = event
            case Started():
                self.started = event
            case Chunk():
                self.progress = None
                self.text += event.text
                self._count(event.generated_tokens)

    def _count(self, generated_tokens: int) -> None:
        now = time.perf_counter()
        self.generated_tokens = generated_tokens
        if self._first_chunk is None:
            self._first_chunk = now, generated_tokens
        begin, first_tokens = self._first_chunk
        if now - begin >= MIN_RATE_S:
            self.tokens_per_s = (generated_tokens - first_tokens) / (now - begin)
