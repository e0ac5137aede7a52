"""What is known of an answer, and of a batch, once some of its events have come."""

from __future__ import annotations

from dataclasses import dataclass, field

from codeface_jupyter.context import Context
from codeface_jupyter.generation import (
    BrokenOff,
    Chunk,
    Done,
    GenerationResult,
    Remarked,
    Revised,
    Warned,
)
from codeface_jupyter.jobs import Event, Progress
from codeface_jupyter.session.events import BatchItem, ItemDone, ItemEvent, Started
from codeface_jupyter.well_formed import well_formed

__all__ = ["AnswerState", "BatchState"]


@dataclass
class AnswerState:
    """A fold over an answer's events: only `take` changes it, and the same events give the same.

    Attributes
    ----------
    text
        The answer so far.
    progress
        The work going on before the first token, or None.
    started
        The settled prompt, once the model is about to answer.
    generated_tokens
        Tokens generated so far.
    revision
        The last event that replaced the text so far; None if it has only grown.
    remarks, warnings
        What to say beside the answer, one line each: quietly, or as a warning.
    result
        The finished or broken-off answer; None until there is one.
    """

    text: str = ""
    progress: Progress | None = None
    started: Started | None = None
    generated_tokens: int = 0
    revision: Revised | None = None
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    result: GenerationResult | None = None

    @property
    def context(self) -> Context | None:
        """What went into the prompt and what stayed out, once settled."""
        return self.started.context if self.started else None

    @property
    def is_generating(self) -> bool:
        """Whether the model is at work, after everything that comes before the first token."""
        return self.generated_tokens > (self.started.begun_tokens if self.started else 0)

    def take(self, event: Event) -> None:
        """Take the next event; an unknown kind changes nothing."""
        match event:
            case Progress():
                self.progress = event
            case Started():
                self.started = event
            case Chunk():
                self._write(self.text + event.text, event.generated_tokens)
            case Revised():
                self.revision = event
                self._write(event.text, event.generated_tokens)
            case Remarked():
                self.remarks += (event.text,)
            case Warned():
                self.warnings += (well_formed(event.text),)
            case BrokenOff() | Done():
                self.result = event.result

    def _write(self, text: str, generated_tokens: int) -> None:
        # Progress is what goes on before the first token.
        self.progress = None
        self.text = text
        self.generated_tokens = generated_tokens


@dataclass
class BatchState(AnswerState):
    """A fold over the events of a batch; its progress is the number of questions answered.

    What the first question has started with stands for the batch; the warnings are of all.

    Attributes
    ----------
    answers
        The answer to each question that has any event, by the question's place.
    """

    answers: dict[int, AnswerState] = field(default_factory=dict)
    _items: dict[int, BatchItem] = field(default_factory=dict)

    @property
    def items(self) -> list[BatchItem]:
        """The questions that have ended, in the questions' order."""
        # They arrive in the order in which they end.
        return [self._items[index] for index in sorted(self._items)]

    @property
    def is_generating(self) -> bool:
        """Whether questions are being answered."""
        return self.progress is not None and self.progress.unit == "answers"

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case ItemEvent():
                self.answers.setdefault(event.index, AnswerState()).take(event.event)
                self._take_for_all(event.event)
            case ItemDone():
                self._items[event.index] = event.item
            case _:
                super().take(event)

    def _take_for_all(self, event: Event) -> None:
        """Take of a question's event what concerns the whole batch."""
        is_first = isinstance(event, Started) and self.started is None
        if is_first or isinstance(event, Warned):
            super().take(event)
