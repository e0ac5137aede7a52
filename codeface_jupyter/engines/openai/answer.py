"""One answer as a server sends it: events in, chunks and the finish reason out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from codeface_jupyter.engines.openai.connection import Server
from codeface_jupyter.engines.openai.errors import cut_off_error, stalled_error
from codeface_jupyter.engines.text.streaming_text import AnswerWriter
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import Done, FinishReason, GenerationMetrics, GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.shorten import shorten

__all__ = ["RemoteAnswer", "field_of"]

# How long a finished answer waits for its token counts,
USAGE_WAIT_S = 2.0
# and for the reply's own end, after which the connection can serve the next answer.
END_WAIT_S = 0.1
# How servers call the end of a whole answer: OpenAI's names first, then those of others.
WHOLE = frozenset(
    {"stop", "tool_calls", "function_call"}
    | {"eos", "eos_token", "end_turn", "stop_sequence", "complete", "completed", "end"}
)
FULL = frozenset({"length", "max_tokens", "model_length"})
FILTERED = "content_filter"
MAX_REASON_CHARS = 60


class RemoteAnswer:
    """One answer, read from a server's events.

    Parameters
    ----------
    request
        What was asked.
    prompt_tokens
        An estimate, for a server that does not count.
    stop_strings
        Texts that end the answer.
    job
        Gets each `Chunk`, and `Progress` while the model thinks.

    Attributes
    ----------
    request, prompt_tokens
        As given.
    has_begun
        Whether text has come.
    """

    def __init__(
        self,
        request: GenerationRequest,
        *,
        prompt_tokens: int,
        stop_strings: tuple[str, ...],
        job: Job,
    ) -> None:
        self.request = request
        self.has_begun = False
        self.prompt_tokens = prompt_tokens
        self._stop_strings = stop_strings
        self._usage: GenerationMetrics | None = None
        self._job = job
        self._thoughts = 0
        self.begin()

    def begin(self) -> None:
        """Start the clock: the request is about to be sent."""
        self._writer = AnswerWriter(self._job, stop_strings=self._stop_strings)

    def done(self, reason: FinishReason, *, error: Exception | None = None) -> Done:
        """Show what was held back; return the end, with the server's counts if it sent them."""
        metrics = self._usage or GenerationMetrics(prompt_tokens=self.prompt_tokens)
        return replace(self._writer.done(reason, metrics=metrics), error=error)

    def flush(self) -> None:
        """Show what was held back of an answer that broke off."""
        self._writer.flush()

    async def read(self, events: AsyncIterator[object], server: Server) -> FinishReason:
        """Write the answer as it comes; return why it ended.

        Raises
        ------
        GenerationError
            If it broke off early.
        """
        try:
            reason = await self._finish_reason(events, timeout_s=server.timeout_s)
        except TimeoutError:
            raise stalled_error(server, has_begun=self.has_begun) from None
        if self._writer.is_stopped:
            return "stop"
        if reason is None:
            raise cut_off_error(server, has_begun=self.has_begun)
        name = reason.lower()
        if name in FULL:
            return "length"
        if name not in WHOLE:
            raise cut_off_error(server, has_begun=self.has_begun, said=_why_broken_off(reason))
        return "stop"

    async def _finish_reason(
        self, events: AsyncIterator[object], *, timeout_s: float
    ) -> str | None:
        """Take all events that belong to the answer; return the server's finish reason.

        What only keeps the connection alive is no part of the answer.

        Raises
        ------
        TimeoutError
            If no part of the answer comes for ``timeout_s``.
        """
        import openai

        reason: str | None = None
        try:
            async with asyncio.timeout(timeout_s) as limit:
                async for event in events:
                    if reason and self._usage:
                        continue
                    piece = _Piece.of(event)
                    if not piece.is_empty and not reason:
                        _put_off(limit, timeout_s)
                    if self._is_full(piece):
                        return "length"
                    self._take(piece)
                    reason = piece.finish_reason or reason
                    if self._writer.is_stopped:
                        break
                    if reason and (piece.finish_reason or piece.usage):
                        _put_off(limit, END_WAIT_S if self._usage else USAGE_WAIT_S)
        except (openai.OpenAIError, GenerationError, TimeoutError, ValueError):
            # An error after the answer's end does not spoil the answer.
            if reason is None:
                raise
        return reason

    def _is_full(self, piece: _Piece) -> bool:
        """Whether the answer would exceed its limit: not every server keeps to it."""
        return bool(piece.text) and (
            self._writer.generated_tokens >= self.request.sampling.max_new_tokens
        )

    def _take(self, piece: _Piece) -> None:
        if piece.text:
            self.has_begun = True
            self._writer.write(piece.text)
        elif piece.is_thought:
            self._thoughts += 1
            self._job.progress("The model is thinking", self._thoughts)
        if piece.usage is not None:
            self._usage = piece.usage
            self._writer.generated_tokens = piece.usage.generated_tokens


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """The fields of one event; a field of the wrong type counts as missing."""

    text: str
    is_thought: bool
    finish_reason: str | None
    usage: GenerationMetrics | None

    @property
    def is_empty(self) -> bool:
        """Whether the event says nothing."""
        return not (self.text or self.is_thought or self.finish_reason or self.usage)

    @classmethod
    def of(cls, event: object) -> _Piece:
        choices = field_of(event, "choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        delta = field_of(choice, "delta")
        text = next(
            (
                text
                for text in (field_of(delta, "content"), field_of(choice, "text"))
                if isinstance(text, str)
            ),
            "",
        )
        reason = field_of(choice, "finish_reason")
        return cls(
            text=text,
            # The field of vLLM and DeepSeek, then that of Ollama and OpenRouter.
            is_thought=bool(field_of(delta, "reasoning_content") or field_of(delta, "reasoning")),
            finish_reason=reason if isinstance(reason, str) else None,
            usage=_usage(field_of(event, "usage")),
        )


def _why_broken_off(reason: str) -> str:
    """Return why an answer is not whole, by a finish reason such as ``abort`` or ``error``.

    Of a reason that nobody knows it is not known either that the answer is whole: taken for
    whole, a part would be kept for everybody who asks the same.
    """
    if reason.lower() == FILTERED:
        return "its content filter stopped it"
    return f"it gave {shorten(reason, max_chars=MAX_REASON_CHARS)!r} as the reason"


def _put_off(limit: asyncio.Timeout, wait_s: float) -> None:
    """Let ``limit`` run out in ``wait_s`` seconds from now."""
    limit.reschedule(asyncio.get_running_loop().time() + wait_s)


def _usage(usage: object) -> GenerationMetrics | None:
    prompt, generated = field_of(usage, "prompt_tokens"), field_of(usage, "completion_tokens")
    if not isinstance(prompt, int) or not isinstance(generated, int):
        return None
    cached = field_of(field_of(usage, "prompt_tokens_details"), "cached_tokens")
    return GenerationMetrics(
        prompt_tokens=prompt,
        reused_prompt_tokens=cached if isinstance(cached, int) else 0,
        generated_tokens=generated,
    )


def field_of(holder: object, name: str) -> object:
    """Return ``holder``'s field; None if it has none, or is no object."""
    return holder.get(name) if isinstance(holder, Mapping) else None
