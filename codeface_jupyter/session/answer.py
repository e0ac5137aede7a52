"""A question to a session, and the answer on its way to whoever reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from codeface_jupyter.config import Settings
from codeface_jupyter.context import Cell, Context, ContextSources, FilledRequest
from codeface_jupyter.generation import Chunk, GenerationResult, Revised
from codeface_jupyter.jobs import Event, Progress
from codeface_jupyter.session.answer_state import AnswerState, BatchState
from codeface_jupyter.session.events import BatchItem, Started
from codeface_jupyter.session.next_turn import NextTurn
from codeface_jupyter.session.stream import Stream, Work

__all__ = ["Answer", "Ask", "BatchAnswer", "TokenRate"]

MIN_RATE_S = 0.5  # a rate over less time jumps about
# Where the settings are greedy: enough that another sample says something else.
OTHER_TEMPERATURE, OTHER_TOP_P = 0.7, 0.95


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
    after
        The answer that the question goes on from; its prompt then follows from that one's.
    is_follow_up
        Whether it goes on from an answer, whose question it takes back in part, perhaps.
    other_than
        The answer in the place of which another one is wanted.
    asked_at
        When the user asked, by `time.perf_counter`; None is when the work on it begins.
    live_namespace
        All of the notebook's names, which the answer's code is compared with once it is
        there; None leaves the code as the model wrote it. It is the notebook's own dict, so
        that nothing is kept alive and what was defined meanwhile is in it.
    tested
        The name of what the answer's code is to test; empty for any other code.
    is_for_hint
        Whether of the answer only the words are given, and none of its code.
    cells_below
        The cells below the one that asks, as far as they are known. A model is told of them only
        if they are among the sources, too.
    code_before
        The code of the answer above that the notebook has not taken up, which the conversation
        with the model holds.
    second
        The settings of the model that is asked where the answer fails on the copy; None for
        none.
    """

    sources: ContextSources
    settings: Settings
    language: str = "python"
    use_response_cache: bool = True
    dry_run: bool = False
    cell_id: str | None = None
    context: Context | None = None
    after: NextTurn | None = None
    is_follow_up: bool = False
    other_than: GenerationResult | None = None
    asked_at: float | None = None
    live_namespace: Mapping[str, object] | None = field(default=None, repr=False)
    tested: str = ""
    is_for_hint: bool = False
    cells_below: Sequence[Cell] = ()
    code_before: str = ""
    second: Settings | None = None

    def as_text(self) -> Ask:
        """Return the question without what the notebook offered, so it keeps no object alive."""
        asked = self.sources
        sources = ContextSources(
            request=asked.request, task=asked.task, rewrite=asked.rewrite, cells=asked.cells
        )
        return replace(self, sources=sources, live_namespace=None)

    def again(self, context: Context) -> Ask:
        """Return this question to be answered again: the same prompt, nothing replayed.

        It is made of text alone, so that keeping it keeps none of the user's objects alive.
        """
        text = self.as_text()
        fresh = replace(text, after=None, other_than=None, asked_at=None)
        return replace(fresh, context=context, use_response_cache=False)

    def another_sample(self, result: GenerationResult, *, context: Context, seed: int) -> Ask:
        """Return this question to be answered in another way: a sample with its own seed.

        Parameters
        ----------
        result, context
            The answer that it got, and what the model was given.
        seed
            The seed.
        """
        settings = self.settings
        changes: dict[str, object] = {"seed": seed}
        if not settings.temperature:
            is_open = settings.top_p == 1
            changes |= {"temperature": OTHER_TEMPERATURE}
            changes |= {"top_p": OTHER_TOP_P} if is_open else {}
        settings = settings.model_copy(update=changes)
        return replace(self.again(context), settings=settings, other_than=result)

    def about(self, result: GenerationResult, question: FilledRequest, *, context: Context) -> Ask:
        """Return a question about the answer that this one got."""
        asked = self.again(context)
        sources = replace(asked.sources, request=f"{asked.sources.request}\n\n{question.text}")
        return replace(
            asked,
            sources=sources,
            after=NextTurn(context=context, result=result, question=question),
            is_follow_up=True,
            use_response_cache=self.use_response_cache,
        )

    def going_on(self, result: GenerationResult, *, context: Context) -> Ask:
        """Return what goes on with an answer that was cut off."""
        return replace(self.again(context), after=NextTurn(context=context, result=result))

    def as_preview(self) -> Ask:
        """Return this question as one of which the prompt is settled and nothing else."""
        local_only = self.settings.model_copy(update={"auto_pull": False})
        return replace(self, settings=local_only, dry_run=True)


@dataclass
class TokenRate:
    """How fast tokens reach the reader.

    Attributes
    ----------
    tokens_per_s
        The rate since the first token, once it means something; None before.
    """

    clock: Callable[[], float] = time.perf_counter
    tokens_per_s: float | None = None
    _first: tuple[float, int] | None = field(default=None)

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Revised():
                # Its tokens came earlier, or from elsewhere: the rate starts again from here.
                self._first, self.tokens_per_s = None, None
            case Chunk():
                self._count(event.generated_tokens)

    def _count(self, generated_tokens: int) -> None:
        now = self.clock()
        if self._first is None:
            self._first = now, generated_tokens
        begin, first_tokens = self._first
        if now - begin >= MIN_RATE_S:
            self.tokens_per_s = (generated_tokens - first_tokens) / (now - begin)


def _ignore(_: Event) -> None:
    """Do nothing with an event; the answer's state has taken it."""


class Answer:
    """An answer on its way: read its events, cancel it, keep what came of it.

    What it knows is a fold over the events that have been read (`AnswerState`), so that it
    can be read in one thread while another one answers.

    Parameters
    ----------
    work
        Answers in a worker thread, which begins at once.
    state
        What takes the events; an `AnswerState` unless given.
    """

    def __init__(self, work: Work, *, state: AnswerState | None = None) -> None:
        self._state = state if state is not None else AnswerState()
        self._rate = TokenRate()
        self._stream = Stream(work)

    def __iter__(self) -> Iterator[Event]:
        """Yield every event; raise what the engine raised."""
        while not self.is_finished:
            yield from self.read(timeout_s=None)

    @property
    def is_finished(self) -> bool:
        """Whether the last event has been read."""
        return self._stream.is_finished

    @property
    def has_ended(self) -> bool:
        """Whether the last event has been read, or that it failed."""
        return self._stream.has_ended

    @property
    def is_cancelled(self) -> bool:
        """Whether the answer has been asked to stop."""
        return self._stream.is_cancelled

    @property
    def state(self) -> AnswerState:
        """All that the events have said so far."""
        return self._state

    @property
    def text(self) -> str:
        """The answer as far as its events have been read."""
        return self._state.text

    @property
    def progress(self) -> Progress | None:
        """The work going on before the first token, or None."""
        return self._state.progress

    @property
    def started(self) -> Started | None:
        """The settled prompt, once the model is about to answer."""
        return self._state.started

    @property
    def context(self) -> Context | None:
        """What went into the prompt and what stayed out, once settled."""
        return self._state.context

    @property
    def generated_tokens(self) -> int:
        """Tokens generated so far."""
        return self._state.generated_tokens

    @property
    def is_generating(self) -> bool:
        """Whether the model is at work, after everything that comes before the first token."""
        return self._state.is_generating

    @property
    def tokens_per_s(self) -> float | None:
        """The rate since the first token, once it means something; None before."""
        return self._rate.tokens_per_s

    @property
    def revision(self) -> Revised | None:
        """The last event that replaced the text so far; None if it has only grown."""
        return self._state.revision

    @property
    def revision_note(self) -> str:
        """The note about a text that was replaced; empty if it has only grown."""
        return f"revised: {self.revision.reason}" if self.revision else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings to show beside the answer, one sentence each."""
        return self._state.warnings

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to say quietly beside the answer."""
        return self._state.remarks

    @property
    def result(self) -> GenerationResult | None:
        """The finished or broken-off answer; None until there is one."""
        return self._state.result

    def read(self, *, timeout_s: float | None) -> list[Event]:
        """Return the events that have come, waiting at most ``timeout_s`` for the first.

        Raises
        ------
        BaseException
            What the engine raised, once all events before it have been returned.
        """
        events = self._stream.read(timeout_s=timeout_s)
        for event in events:
            self._take(event)
        return events

    def read_to_end(self, on_event: Callable[[Event], object] = _ignore) -> None:
        """Wait for the last event; if the wait is interrupted, the answer is cancelled.

        Parameters
        ----------
        on_event
            Called with every event.

        Raises
        ------
        BaseException
            What the engine raised, or ``on_event``.
        """
        try:
            for event in self:
                on_event(event)
        finally:
            if not self.is_finished:
                self.cancel()

    def cancel(self) -> None:
        """Stop the answer within one token; what has arrived is kept."""
        self._stream.cancel()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker thread; return whether it has ended."""
        return self._stream.join(timeout_s)

    def _take(self, event: Event) -> None:
        self._state.take(event)
        self._rate.take(event)


class BatchAnswer(Answer):
    """A batch on its way: its progress is the number of questions that have been answered.

    Parameters
    ----------
    work
        Answers the questions in a worker thread, which begins at once.
    """

    def __init__(self, work: Work) -> None:
        self._batch = BatchState()
        super().__init__(work, state=self._batch)

    @property
    def state(self) -> BatchState:
        """What the events have said so far, of the batch and of each question."""
        return self._batch

    @property
    def items(self) -> list[BatchItem]:
        """What became of each question that has come to its end, in the questions' order."""
        return self._batch.items
