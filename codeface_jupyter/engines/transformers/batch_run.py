"""Many answers in one run through transformers' ``generate``, padded to one length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from codeface_jupyter.engines.text.common_prefix import common_prefix_length
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.engines.transformers.generate_hooks import (
    cancellable,
    logits_processors,
    with_repetition_penalty,
)
from codeface_jupyter.engines.transformers.kv_prefixes import PrefixStore, new_cache
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.models.memory_usage import give_back, shortage_in

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel

__all__ = ["BatchRow", "BatchRun"]

# More rows gain little even on a GPU: by then a pass is bound by arithmetic.
MAX_ROWS = 64
# Reading a shared prefix takes a pass of its own, which a shorter one is not worth.
MIN_SHARED_TOKENS = 32

OnEnd = Callable[["BatchRow"], None]


class BatchRow:
    """One answer among others.

    Parameters
    ----------
    index
        The request's number in the batch.
    answer
        Takes the answer's tokens.
    device_type
        Where the model computes: ``cpu``, ``cuda``.

    Attributes
    ----------
    is_ended
        Whether the answer has come to its end, be it in the middle.
    """

    def __init__(self, index: int, answer: TokenAnswer, *, device_type: str) -> None:
        self.index = index
        self.answer = answer
        self.is_ended = False
        # Made once: the random state of a row is its own and goes on with it.
        sampling = answer.sampling
        self.processors = with_repetition_penalty(
            logits_processors(sampling, device_type=device_type), sampling
        )

    @property
    def token_ids(self) -> list[int]:
        """The prompt's tokens and the answer's as far as they have come."""
        return self.answer.token_ids

    def take(self, token_id: int) -> bool:
        """Take the next token; return whether it was the last."""
        self.is_ended = not self.answer.take(token_id)
        return self.is_ended


class BatchRun:
    """Runs a model for many answers at once, as many as memory allows.

    Rows are padded on the left. A prefix that all prompts share is read once, and a row
    leaves the run when it ends, so that it does not slow down the others.

    Parameters
    ----------
    model
        The weights, in memory.
    prefixes
        The kept KV caches.
    eos_ids
        Tokens that end an answer.
    job
        Stopped, it ends every answer at any time.
    free_bytes
        Measures the memory that keys and values may take together.
    token_bytes
        What the keys and values of a token take.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        prefixes: PrefixStore,
        eos_ids: Sequence[int],
        job: Job,
        free_bytes: Callable[[], int],
        token_bytes: int,
    ) -> None:
        self._model = model
        self._prefixes = prefixes
        self._eos_ids = list(eos_ids)
        self._job = job
        self._free_bytes = free_bytes
        self._token_bytes = token_bytes

    def __call__(self, rows: Sequence[BatchRow], on_end: OnEnd) -> str:
        """Answer all ``rows``, and call ``on_end`` with each as it ends.

        Where memory runs out, the rows go on from where they stand in smaller groups.

        Returns
        -------
        str
            How memory ran out for a single row; empty if all rows have ended.
        """
        # Rows of similar length waste little on padding.
        waiting = sorted(rows, key=lambda row: row.answer.max_length)
        most_rows = MAX_ROWS
        while waiting:
            group = waiting[: self._rows_that_fit(waiting[:most_rows])]
            if failure := shortage_in(partial(self._answer, group, on_end)):
                if len(group) == 1:
                    return failure
                most_rows = len(group) // 2
                self._prefixes.clear()
                give_back()
            waiting = [row for row in waiting if not row.is_ended]
        return ""

    def _rows_that_fit(self, rows: Sequence[BatchRow]) -> int:
        """Return how many of the first ``rows`` memory holds, all padded to the longest."""
        room = self._free_bytes() // max(self._token_bytes, 1)
        fitting = [n for n, row in enumerate(rows, start=1) if n * row.answer.max_length <= room]
        return max(fitting, default=1)

    def _answer(self, rows: Sequence[BatchRow], on_end: OnEnd) -> None:
        import torch

        try:
            with cancellable(self._model, self._job):
                cache = self._shared_start(rows)
                input_ids, mask = self._padded(rows)  # both (rows, length)
                while rows:
                    criterion = _RowsCriterion(
                        rows, input_ids.shape[1], on_end=on_end, first_end=cache is not None
                    )
                    input_ids = self._generate(rows, input_ids, mask, cache, criterion)
                    going = [n for n, row in enumerate(rows) if not row.is_ended]
                    rows = [rows[n] for n in going]
                    kept = torch.tensor(going, dtype=torch.long, device=input_ids.device)
                    # What is left goes on: tokens, mask and cache lose the rows that ended.
                    new = input_ids.shape[1] - mask.shape[1]
                    mask = torch.nn.functional.pad(mask, (0, new), value=1)[kept]
                    input_ids = input_ids[kept]
                    if cache is not None:
                        cache.batch_select_indices(kept)
        except Cancelled:
            if not self._job.is_cancelled:
                raise
            for row in rows:
                # Without a cache of ours, rows that have ended stay until the last one does.
                if not row.is_ended:
                    row.is_ended = True
                    on_end(row)

    def _padded(self, rows: Sequence[BatchRow]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return token ids and attention mask, both of shape ``(rows, length)``."""
        import torch

        length = max(len(row.token_ids) for row in rows)
        pads = [length - len(row.token_ids) for row in rows]
        # Padded with a token that the row has anyway: a repetition penalty sees padding too.
        ids = [row.token_ids[:1] * pad + row.token_ids for row, pad in zip(rows, pads, strict=True)]
        mask = [[0] * pad + [1] * (length - pad) for pad in pads]
        device = self._model.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

    def _shared_start(self, rows: Sequence[BatchRow]) -> DynamicCache | None:
        """Return a cache for ``rows`` with the prefix that they share, if it is worth a pass.

        A row's padding shifts its prefix to the right, so as much is cut off the prefix's end
        and read with what follows; distances between tokens stay the same.
        """
        shared = _common_start([row.token_ids[:-1] for row in rows])
        if len(shared) < MIN_SHARED_TOKENS:
            return new_cache(self._model)
        cache = self._read(shared)
        if cache is None:
            return None
        longest = max(len(row.token_ids) for row in rows)
        pads = [longest - len(row.token_ids) for row in rows]
        for layer in cache.layers:
            layer.keys = _shifted(layer.keys, pads)
            layer.values = _shifted(layer.values, pads)
        return cache

    def _read(self, token_ids: list[int]) -> DynamicCache | None:
        """Return a cache of ``token_ids``; only what is not kept of it is read."""
        import torch

        # The store leaves the last token to be read again, so one more is named.
        cache = self._prefixes.longest([*token_ids, token_ids[-1]]) or new_cache(self._model)
        if cache is None or cache.get_seq_length() == len(token_ids):
            return cache
        input_ids = torch.tensor([token_ids], device=self._model.device)
        self._model.generate(
            input_ids,
            attention_mask=torch.ones_like(input_ids),
            generation_config=self._generation_config(1),
            past_key_values=cache,
        )
        self._prefixes.keep(token_ids, cache)
        return cache

    def _generate(
        self,
        rows: Sequence[BatchRow],
        input_ids: torch.Tensor,
        mask: torch.Tensor,
        cache: DynamicCache | None,
        criterion: _RowsCriterion,
    ) -> torch.Tensor:
        """Go on until ``criterion`` stops; return all tokens, of shape ``(rows, length)``."""
        output: torch.Tensor = self._model.generate(
            input_ids,
            attention_mask=mask,
            generation_config=self._generation_config(max(row.answer.tokens_left for row in rows)),
            logits_processor=_row_by_row(rows),
            stopping_criteria=[criterion],
            past_key_values=cache,
        )
        return output

    def _generation_config(self, max_new_tokens: int) -> Any:
        from transformers import GenerationConfig

        return GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=self._eos_ids or None,
            pad_token_id=self._eos_ids[0] if self._eos_ids else 0,
        )


class _RowsCriterion:
    """A stopping criterion that hands each row its token.

    Parameters
    ----------
    rows
        None of them ended.
    length
        The length of the tokens that they have taken.
    on_end
        Called with each row as it ends.
    first_end
        Whether to stop with the first row that ends; else with the last.
    """

    def __init__(
        self, rows: Sequence[BatchRow], length: int, *, on_end: OnEnd, first_end: bool
    ) -> None:
        self._rows = rows
        self._length = length
        self._on_end = on_end
        self._is_over = any if first_end else all

    def __call__(self, input_ids: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        """Take what is new in ``input_ids``, of shape ``(rows, length)``; say whether to stop."""
        import torch

        if not self._ended():
            new_ids = input_ids[:, self._length].tolist()
            self._length += 1
            for row, token_id in zip(self._rows, new_ids, strict=True):
                if not row.is_ended and row.take(token_id):
                    self._on_end(row)
        return torch.full(
            (len(self._rows),), self._ended(), dtype=torch.bool, device=input_ids.device
        )

    def _ended(self) -> bool:
        return self._is_over(row.is_ended for row in self._rows)


def _common_start(sequences: Sequence[list[int]]) -> list[int]:
    # In sorted order, what the first and the last share, all between them share too.
    first, last = min(sequences), max(sequences)
    return first[: common_prefix_length(first, last)]


def _row_by_row(rows: Sequence[BatchRow]) -> list[Callable[..., Any]]:
    """Return a logits processor that applies to each row its own."""
    if not any(row.processors for row in rows):
        return []

    # Of shapes (rows, length) and (rows, vocabulary); a row's processors see a batch of one.
    def process(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for n, row in enumerate(rows):
            for processor in row.processors:
                scores[n : n + 1] = processor(input_ids[n : n + 1], scores[n : n + 1])
        return scores

    return [process]


def _shifted(states: torch.Tensor, pads: Sequence[int]) -> torch.Tensor:
    """Return ``states``, of shape ``(1, heads, length, width)``, for each row after its padding."""
    shifted = states.new_zeros((len(pads), *states.shape[1:]))
    length = states.shape[2]
    for row, pad in enumerate(pads):
        shifted[row, :, pad:] = states[0, :, : max(length - pad, 0)]
    return shifted
