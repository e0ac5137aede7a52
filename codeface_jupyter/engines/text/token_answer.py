"""An answer that comes as token ids, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from codeface_jupyter.engines.text.guided import GuidedChoice
from codeface_jupyter.engines.text.streaming_text import AnswerWriter, IncrementalDetokenizer
from codeface_jupyter.generation import Done, FinishReason, GenerationMetrics, SamplingParameters
from codeface_jupyter.infilling import Infilled
from codeface_jupyter.jobs import Job

__all__ = ["TokenAnswer"]


class TokenAnswer:
    """Writes one answer, token by token, and knows when it is over and why.

    Parameters
    ----------
    prompt_ids
        The prompt's tokens.
    sampling
        How tokens are chosen, how many there may be, and the texts that end the answer.
    detokenizer
        Turns tokens into text as they come.
    eos_ids
        Tokens that end the answer.
    job
        Gets each `Chunk`; ends the answer when it is stopped.
    choice
        Narrows which tokens may come, and says when enough has come.

    Attributes
    ----------
    eos_ids
        As given.
    choice
        As given.
    token_ids
        The prompt's tokens and the answer's as far as they have come.
    prompt_tokens
        The length of the prompt.
    max_length
        The length that prompt and answer may reach together.
    """

    def __init__(
        self,
        prompt_ids: Sequence[int],
        *,
        sampling: SamplingParameters,
        detokenizer: IncrementalDetokenizer,
        eos_ids: Collection[int],
        job: Job,
        choice: GuidedChoice | None = None,
    ) -> None:
        self.token_ids = list(prompt_ids)
        self.prompt_tokens = len(prompt_ids)
        self.max_length = len(prompt_ids) + sampling.max_new_tokens
        self.sampling = sampling
        self._writer = AnswerWriter(job, stop_strings=sampling.stop_strings)
        self._detokenizer = detokenizer
        self.eos_ids = tuple(eos_ids)
        self._eos_ids = frozenset(eos_ids)
        self._job = job
        self.choice = choice
        self._met_end = False
        self._is_over = self.tokens_left <= 0

    @property
    def tokens_left(self) -> int:
        """How many more tokens the answer may have."""
        return self.max_length - len(self.token_ids)

    @property
    def is_over(self) -> bool:
        """Whether the answer takes no more tokens."""
        return self._is_over

    @property
    def text(self) -> str:
        """The answer's text, as far as it has been emitted."""
        return self._writer.text

    def take(self, token_id: int) -> bool:
        """Write a token; return whether the answer goes on."""
        self.token_ids.append(token_id)
        text = self._detokenizer.add([token_id])
        has_enough = self.choice is not None and self.choice.written.add(text)
        self._met_end = token_id in self._eos_ids or has_enough
        self._writer.write(text)
        is_ended = self._writer.is_stopped or self._met_end or self._job.is_cancelled
        self._is_over = is_ended or self.tokens_left <= 0
        return not self._is_over

    def done(self, *, peak_memory_bytes: int, reused_prompt_tokens: int = 0) -> Done:
        """Write what was held back and return the end of the answer.

        Parameters
        ----------
        peak_memory_bytes
            The most memory that was taken.
        reused_prompt_tokens
            How many tokens of the prompt needed no reading.
        """
        self._writer.flush(self._detokenizer.finish())
        return self._writer.done(
            self._finish_reason(),
            metrics=GenerationMetrics(
                prompt_tokens=self.prompt_tokens,
                reused_prompt_tokens=reused_prompt_tokens,
                peak_memory_bytes=peak_memory_bytes,
            ),
        )

    def infilled(self, *, reused_prompt_tokens: int) -> Infilled:
        """Return the completion that an answer is whose tokens were chosen with a guide."""
        if self.choice is None:
            raise RuntimeError("This answer is no completion: it has no guide.")
        done = self.done(peak_memory_bytes=0, reused_prompt_tokens=reused_prompt_tokens)
        return Infilled(
            text=self.choice.written.text,
            likelihood=self.choice.written.likelihood,
            finish_reason=done.finish_reason,
            metrics=done.metrics,
        )

    def _finish_reason(self) -> FinishReason:
        if self._writer.is_stopped or self._met_end:
            return "stop"
        return "cancelled" if self._job.is_cancelled else "length"
