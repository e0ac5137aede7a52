"""What goes on from an answer that is there: a question about it, or the rest of its text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codeface_jupyter.context import Context, FilledRequest
from codeface_jupyter.errors import NotebookError
from codeface_jupyter.generation import (
    NO_MODEL,
    Chunk,
    GenerationMetrics,
    GenerationResult,
    Revised,
)
from codeface_jupyter.jobs import Event
from codeface_jupyter.prompts import Prompt, follow_up

__all__ = ["NextTurn"]


@dataclass(frozen=True, kw_only=True)
class NextTurn:
    """What an answer is followed by.

    Attributes
    ----------
    context
        What the answer was given to.
    result
        The answer.
    question
        What is asked about it; None to go on with its text.
    """

    context: Context
    result: GenerationResult
    question: FilledRequest | None = None

    @property
    def begun(self) -> str:
        """The text that the new answer begins with."""
        return "" if self.question else self.result.text

    @property
    def begun_tokens(self) -> int:
        """How many tokens that text has."""
        return 0 if self.question else self.result.metrics.generated_tokens

    def prompt(self, *, is_local: bool, allow_values: bool) -> Prompt:
        """Return what the model is asked.

        Parameters
        ----------
        is_local
            Whether that model is on this machine.
        allow_values
            Whether values of variables may be sent to it.

        Raises
        ------
        NotebookError
            If the answer stays on this machine, and the model that is set now is elsewhere.
        """
        if self.result.is_local and not (is_local or allow_values):
            # What is mended without a model may hold a key of a dict, which no server is told.
            is_mended = self.result.identity == NO_MODEL
            origin = "was made from your variables" if is_mended else "came from a model"
            raise NotebookError(
                f"That answer {origin} on this machine, and is not sent to a server.",
                hint="Ask in a cell, or allow it: send_values_to_remote.",
            )
        if self.question is None:
            return replace(self.context.prompt, answer_begin=self.result.text)
        asked = self.question if allow_values else self.question.without_values()
        return follow_up(self.context.prompt, answer=self.result.answer, request=asked.text)

    def after_beginning(self, event: Event) -> Event:
        """Return an event of the rest of a text as one of the whole text."""
        if self.question is not None:
            return event
        tokens = self.begun_tokens
        match event:
            case Chunk():
                return Chunk(event.text, tokens + event.generated_tokens)
            case Revised():
                text = self.result.text + event.text
                return Revised(text, tokens + event.generated_tokens, event.reason)
        return event

    def whole(self, metrics: GenerationMetrics) -> GenerationMetrics:
        """Return what the whole text cost, of which ``metrics`` are those of the rest."""
        if self.question is not None:
            return metrics
        before = self.result.metrics
        first = before.time_to_first_token_s or metrics.time_to_first_token_s
        added_s = metrics.total_s if before.time_to_first_token_s else metrics.decode_s
        return replace(
            metrics,
            prompt_tokens=before.prompt_tokens,
            generated_tokens=before.generated_tokens + metrics.generated_tokens,
            time_to_first_token_s=first,
            wait_s=before.wait_s,
            decode_s=before.decode_s + added_s,
        )
