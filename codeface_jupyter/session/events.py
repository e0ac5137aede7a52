"""The events of a session's answers besides text: the settled prompt, a batch's items."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.context import Context
from codeface_jupyter.generation import EngineIdentity, Finding, FinishReason, GenerationResult
from codeface_jupyter.jobs import Event
from codeface_jupyter.outcome import Agreement, Alternative, Outcome

__all__ = ["BatchItem", "ItemDone", "ItemEvent", "Started"]


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """The prompt is settled and the model about to answer it.

    Attributes
    ----------
    context
        The prompt, with what went into it and what stayed out.
    identity
        Which model answers.
    is_bare_code
        Whether the answer is to be code without fences, as a base model writes it.
    is_local
        Whether the prompt stays on this machine.
    begun_tokens
        The tokens of the text that was there before, and that the answer goes on with.
    """

    context: Context
    identity: EngineIdentity
    is_bare_code: bool = False
    is_local: bool = True
    begun_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class BatchItem:
    """What became of one question of a batch.

    Attributes
    ----------
    request
        What the user asked.
    result
        The answer as far as it came: whole, cut off by ``cancelled``, or up to where an
        ``error`` ended it, possibly without any text.
    error
        What it failed with; None if it did not fail.
    """

    request: str
    result: GenerationResult
    error: Exception | None = None

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.result.text

    @property
    def code(self) -> str:
        """The code in the answer."""
        return self.result.code

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What does not fit the notebook in the code."""
        return self.result.findings

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed in the code, and what else is to be said of it."""
        return self.result.notes

    @property
    def outcome(self) -> Outcome | None:
        """What the code did on a copy of the kernel; None if it was not tried."""
        return self.result.outcome

    @property
    def agreement(self) -> Agreement | None:
        """How many of the tried answers do the same; None if there is only one."""
        return self.result.agreement

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Other answers that run and do something else."""
        return self.result.alternatives

    @property
    def finish_reason(self) -> FinishReason:
        """Why the answer ended."""
        return self.result.finish_reason

    def __repr__(self) -> str:
        failure = f", {type(self.error).__name__}" if self.error else ""
        return f"<BatchItem {self.request[:40]!r}: {self.finish_reason}{failure}>"


@dataclass(frozen=True)
class ItemEvent(Event):
    """An event of one question of a batch, as it would be if asked alone.

    Attributes
    ----------
    index
        The question's place in the batch, from 0.
    event
        One of the events of its answer, the last one a `Done`.
    """

    index: int
    event: Event


@dataclass(frozen=True)
class ItemDone(Event):
    """One question of a batch has ended; the others go on.

    Attributes
    ----------
    index
        The question's place in the batch, from 0.
    item
        What became of it.
    """

    index: int
    item: BatchItem
