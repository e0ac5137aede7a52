"""One answer by transformers' ``generate``, which can be resumed if memory ran out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.engines.transformers.generate_hooks import (
    AnswerCriterion,
    GuidedChooser,
    cancellable,
    logits_processors,
    reading_only_what_is_new,
)
from codeface_jupyter.jobs import Cancelled, Job

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

__all__ = ["DecodeRun"]

DRAFT_TOKENS = 8
# So few that a pass over them needs little memory beside the weights.
CAREFUL_CHUNK_TOKENS = 128


def _go_on() -> None:
    """Let the model go on at once: nobody else uses it."""


class DecodeRun:
    """Runs a model for one answer.

    Parameters
    ----------
    model
        The weights, in memory.
    answer
        Takes the tokens, and knows those that have come.
    eos_ids
        Tokens that end the answer.
    drafts_from_prompt
        Whether to decode speculatively, with draft tokens that are looked up in the prompt.
    job
        Stopped, it leaves a run at any time.
    between_passes
        Called after each pass: the model is free until it returns.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        answer: TokenAnswer,
        *,
        eos_ids: Sequence[int],
        drafts_from_prompt: bool,
        job: Job,
        between_passes: Callable[[], None] = _go_on,
    ) -> None:
        self._model = model
        self._answer = answer
        self._eos_ids = list(eos_ids)
        self._drafts_from_prompt = drafts_from_prompt
        self._job = job
        # Made once, so that a resumed answer goes on with the same random state.
        self._processors = logits_processors(answer.sampling, device_type=model.device.type)
        if answer.choice is not None:
            self._processors = [GuidedChooser(answer.choice)]
        self._between_passes = between_passes

    def __call__(self, cache: DynamicCache | None, *, is_careful: bool = False) -> None:
        """Generate from where the answer stands to its end.

        Parameters
        ----------
        cache
            Keys and values of a start of the tokens so far; None lets ``generate`` make one.
        is_careful
            Take less memory and more time: read in small pieces, draft nothing.
        """
        import torch

        # Of shape (1, length): a batch of one.
        input_ids = torch.tensor([self._answer.token_ids], device=self._model.device)
        try:
            with self._adapted(is_careful=is_careful):
                self._model.generate(
                    input_ids,
                    attention_mask=torch.ones_like(input_ids),
                    generation_config=self._generation_config(cache, is_careful=is_careful),
                    logits_processor=self._processors,
                    stopping_criteria=[
                        AnswerCriterion(self._answer, between_passes=self._between_passes)
                    ],
                    past_key_values=cache,
                )
        except Cancelled:
            if not self._job.is_cancelled:
                raise

    @contextmanager
    def _adapted(self, *, is_careful: bool) -> Iterator[None]:
        """Let the model be stopped at any time, and start from a cache."""
        with ExitStack() as stack:
            stack.enter_context(cancellable(self._model, self._job))
            # Others need no help, nor does a prompt that is read in pieces: each piece is new.
            if self._drafts_from_prompt and not is_careful:
                stack.enter_context(reading_only_what_is_new(self._model))
            yield

    def _generation_config(self, cache: DynamicCache | None, *, is_careful: bool) -> Any:
        from transformers import GenerationConfig

        # Rejected draft tokens are cropped off the cache, so it must be one that can be cropped.
        drafts = self._drafts_from_prompt and cache is not None and not is_careful
        in_pieces = is_careful and cache is not None
        return GenerationConfig(
            max_new_tokens=self._answer.tokens_left,
            # We sample in a logits processor of our own: see `logits_processors`.
            do_sample=False,
            repetition_penalty=self._answer.sampling.repetition_penalty,
            eos_token_id=self._eos_ids or None,
            pad_token_id=self._eos_ids[0] if self._eos_ids else 0,
            prompt_lookup_num_tokens=DRAFT_TOKENS if drafts else None,
            prefill_chunk_size=CAREFUL_CHUNK_TOKENS if in_pieces else None,
        )
