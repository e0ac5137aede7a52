"""An answer that comes as token ids, one at a time."""

from __future__ import annotations

from collections.abc import Collection

from codeface_jupyter.engines.text.streaming_text import AnswerWriter, IncrementalDetokenizer
from codeface_jupyter.generation import Done, FinishReason, GenerationMetrics
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.memory import process_peak_bytes

__all__ = ["TokenAnswer"]


class TokenAnswer:
    """Writes one answer, token by token, and knows why it ended.

    Parameters
    ----------
    writer, detokenizer
        Where tokens go to become chunks.
    prompt_tokens
        The length of the prompt.
    eos_ids
        Tokens that end the answer.
    job
        Ends the answer when it is stopped.
    """

    def __init__(
        self,
        writer: AnswerWriter,
        detokenizer: IncrementalDetokenizer,
        *,
        prompt_tokens: int,
        eos_ids: Collection[int],
        job: Job,
    ) -> None:
        self._writer = writer
        self._detokenizer = detokenizer
        self._prompt_tokens = prompt_tokens
        self._eos_ids = frozenset(eos_ids)
        self._job = job
        self._met_eos = False

    def take(self, token_id: int) -> bool:
        """Write a token; return whether the answer goes on."""
        self._met_eos = token_id in self._eos_ids
        self._writer.write(self._detokenizer.add([token_id]))
        return not (self._writer.is_stopped or self._met_eos or self._job.is_cancelled)

    def done(self, *, reused_prompt_tokens: int = 0, load_s: float) -> Done:
        """Write what was held back and return the end of the answer."""
        self._writer.flush(self._detokenizer.finish())
        return self._writer.done(
            self._finish_reason(),
            metrics=GenerationMetrics(
                prompt_tokens=self._prompt_tokens,
                reused_prompt_tokens=reused_prompt_tokens,
                load_s=load_s,
                peak_memory_bytes=process_peak_bytes(),
            ),
        )

    def _finish_reason(self) -> FinishReason:
        if self._writer.is_stopped or self._met_eos:
            return "stop"
        return "cancelled" if self._job.is_cancelled else "length"
