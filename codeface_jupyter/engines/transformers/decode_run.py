"""One answer's way through transformers' ``generate``, begun again if memory ran out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from codeface_jupyter.engines.transformers.generate_hooks import (
    AnswerCriterion,
    cancellable,
    logits_processors,
    reading_only_what_is_new,
)
from codeface_jupyter.generation import GenerationRequest
from codeface_jupyter.jobs import Cancelled, Job

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

__all__ = ["DecodeRun"]

PROMPT_LOOKUP_TOKENS = 8
# Small enough that what a pass over them needs is little beside the weights.
CAREFUL_CHUNK_TOKENS = 128


class DecodeRun:
    """Runs a model for one answer.

    Parameters
    ----------
    model
        The weights, in memory.
    request
        How tokens are chosen.
    criterion
        Takes the tokens, and knows those that have come.
    eos_ids
        Tokens that end the answer.
    job
        Stopped, it leaves a run at any time.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        request: GenerationRequest,
        *,
        criterion: AnswerCriterion,
        eos_ids: Sequence[int],
        job: Job,
    ) -> None:
        self._model = model
        self._request = request
        self._criterion = criterion
        self._eos_ids = list(eos_ids)
        self._job = job
        self._prompt_tokens = len(criterion.token_ids)
        # Made once, so that an answer that is taken up again goes on with the same random state.
        self._processors = logits_processors(request.sampling)

    def __call__(self, cache: DynamicCache | None, *, is_careful: bool = False) -> None:
        """Generate from where the answer stands to its end.

        Parameters
        ----------
        cache
            Keys and values of a start of the tokens so far; None lets ``generate`` make one.
        is_careful
            Take less memory and more time: read in small pieces, guess nothing.
        """
        try:
            with self._adapted(is_careful=is_careful):
                self._generate(cache, is_careful=is_careful)
        except Cancelled:
            if not self._job.is_cancelled:
                raise

    @property
    def _room(self) -> int:
        """How many more tokens the answer may have."""
        generated = len(self._criterion.token_ids) - self._prompt_tokens
        return self._request.sampling.max_new_tokens - generated

    def _generate(self, cache: DynamicCache | None, *, is_careful: bool) -> None:
        import torch

        input_ids = torch.tensor([self._criterion.token_ids], device=self._model.device)
        self._model.generate(
            input_ids,
            attention_mask=torch.ones_like(input_ids),
            generation_config=self._generation_config(cache, is_careful=is_careful),
            logits_processor=self._processors,
            stopping_criteria=[self._criterion],
            past_key_values=cache,
        )

    @contextmanager
    def _adapted(self, *, is_careful: bool) -> Iterator[None]:
        """Let the model be left at any time, and start warm."""
        with ExitStack() as stack:
            stack.enter_context(cancellable(self._model, self._job))
            # Read in pieces, each piece is new as it comes.
            if not is_careful:
                stack.enter_context(reading_only_what_is_new(self._model))
            yield

    def _generation_config(self, cache: object, *, is_careful: bool) -> Any:
        from transformers import GenerationConfig

        sampling = self._request.sampling
        # Wrong guesses are cut off the cache again, so it must be one that can be cut.
        guesses = self._request.expects_copying and cache is not None and not is_careful
        in_pieces = is_careful and cache is not None
        return GenerationConfig(
            max_new_tokens=self._room,
            # Sampling is a logits processor of ours: see `logits_processors`.
            do_sample=False,
            repetition_penalty=sampling.repetition_penalty,
            eos_token_id=self._eos_ids or None,
            pad_token_id=self._eos_ids[0] if self._eos_ids else 0,
            prompt_lookup_num_tokens=PROMPT_LOOKUP_TOKENS if guesses else None,
            prefill_chunk_size=CAREFUL_CHUNK_TOKENS if in_pieces else None,
        )
