"""An answer that comes as token ids, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from codeface_jupyter.engines.text.guided import GuidedChoice
from codeface_jupyter.engines.text.streaming_text import AnswerWriter, IncrementalDetokenizer
from codeface_jupyter.engines.text.vocabulary import Vocabulary
from codeface_jupyter.generation import Done, FinishReason, GenerationMetrics, SamplingParameters
from codeface_jupyter.infilling import Guide, Infilled
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
    guide
        Narrows which tokens may come, and says when enough has come.
    min_likelihood
        An answer with a guide ends as soon as it is less likely.
    vocabulary
        Returns the tokens by their texts, which a guide needs.

    Attributes
    ----------
    eos_ids
        As given.
    choice
        What the guide makes of logits; None without a guide.
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
        guide: Guide | None = None,
        min_likelihood: float = 0.0,
        vocabulary: Callable[[], Vocabulary | None] = lambda: None,
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
        self._guide, self._min_likelihood = guide, min_likelihood
        # With what the writer holds back, which is the last character at least.
        self._whole_text = ""
        self.choice: GuidedChoice | None = None
        if guide is not None:
            self.choice = GuidedChoice(guide, vocabulary=vocabulary, text=lambda: self._whole_text)
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
        self._whole_text += text
        self._met_end = token_id in self._eos_ids or self._is_complete()
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
        """Return the completion that an answer with a guide is."""
        done = self.done(peak_memory_bytes=0, reused_prompt_tokens=reused_prompt_tokens)
        return Infilled(
            text=self._whole_text,
            likelihood=1.0 if self.choice is None else self.choice.likelihood,
            finish_reason=done.finish_reason,
            metrics=done.metrics,
        )

    def _is_complete(self) -> bool:
        if self._guide is None or self.choice is None:
            return False
        is_unwanted = self.choice.likelihood < self._min_likelihood
        return is_unwanted or self._guide.is_complete(self._whole_text)

    def _finish_reason(self) -> FinishReason:
        if self._writer.is_stopped or self._met_end:
            return "stop"
        return "cancelled" if self._job.is_cancelled else "length"
