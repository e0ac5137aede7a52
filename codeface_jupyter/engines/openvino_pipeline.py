"""OpenVINO GenAI's continuous batching, from token ids to token ids."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from codeface_jupyter.generation import SamplingParameters

__all__ = ["KEY_BLOCK_TOKENS", "PromptHistory", "TokenPipeline"]

# OpenVINO keeps and finds keys and values in blocks of this many tokens.
KEY_BLOCK_TOKENS = 32
# The longest run of tokens that is looked up in the prompt.
LOOKUP_RUN = 3
# A model without a token that ends answers still needs the name of one.
NO_TOKEN = 2**31 - 1

TakeToken = Callable[[int], bool]


class PromptHistory:
    """Which token sequences OpenVINO still holds keys and values of, as far as can be told.

    OpenVINO does not say how much of a prompt it had read before. It forgets the least
    recently used blocks when its room is full; so does this.

    Parameters
    ----------
    capacity_tokens
        The room, in tokens.
    """

    def __init__(self, capacity_tokens: int) -> None:
        self._capacity = capacity_tokens
        # The most recently used last.
        self._sequences: list[tuple[int, ...]] = []

    @property
    def tokens(self) -> int:
        """How many tokens' keys and values are kept; a shared start counts for each."""
        return min(self._capacity, sum(map(len, self._sequences)))

    def reused(self, prompt_ids: Sequence[int]) -> int:
        """Return how many of the first tokens need not be read again; never all of them."""
        longest = max((_common(kept, prompt_ids) for kept in self._sequences), default=0)
        longest = min(longest, len(prompt_ids) - 1)
        return longest - longest % KEY_BLOCK_TOKENS

    def keep(self, token_ids: Sequence[int]) -> None:
        """Remember a sequence that has been read."""
        ids = tuple(token_ids)
        self._sequences = [kept for kept in self._sequences if kept != ids[: len(kept)]]
        self._sequences.append(ids)
        while sum(map(len, self._sequences)) > self._capacity and len(self._sequences) > 1:
            del self._sequences[0]


class TokenPipeline:
    """A model in memory.

    Parameters
    ----------
    folder
        With ``openvino_model.xml``.
    device, properties
        As OpenVINO takes them.
    capacity_tokens
        How many tokens' keys and values are kept.
    read_tokens
        How many tokens of a prompt are read in one pass.

    Attributes
    ----------
    history
        The sequences whose keys and values are kept.

    Raises
    ------
    RuntimeError
        If OpenVINO cannot load the model.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str,
        properties: Mapping[str, object],
        capacity_tokens: int,
        read_tokens: int,
    ) -> None:
        import openvino_genai

        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.num_kv_blocks = -(-capacity_tokens // KEY_BLOCK_TOKENS)
        scheduler.max_num_batched_tokens = read_tokens
        self.history = PromptHistory(capacity_tokens)
        self._pipeline: Any = openvino_genai.ContinuousBatchingPipeline(
            str(folder), scheduler, device, {**properties, "prompt_lookup": True}
        )
        self._requests = 0

    def read(self, prompt_ids: Sequence[int]) -> None:
        """Read a prompt's start, so that its keys and values are kept."""
        config = _config(SamplingParameters(max_new_tokens=1), eos_ids=(), lookup_tokens=1)
        self._pipeline.generate([_tensor(prompt_ids)], [config])
        self.history.keep(prompt_ids)

    def decode(
        self,
        prompt_ids: Sequence[int],
        take: TakeToken,
        *,
        sampling: SamplingParameters,
        eos_ids: Sequence[int],
        lookup_tokens: int,
    ) -> None:
        """Continue ``prompt_ids``.

        Parameters
        ----------
        prompt_ids
            The tokens before the answer.
        take
            Given each token as it comes; returns whether to go on. What it raises is
            raised here, after OpenVINO has left its loop in order.
        sampling
            How tokens are chosen; stop strings are the caller's.
        eos_ids
            Tokens that end the answer.
        lookup_tokens
            How many tokens to guess from the prompt at a time.
        """
        streamer = _streamer_class()(take)
        config = _config(sampling, eos_ids=eos_ids, lookup_tokens=lookup_tokens)
        self._pipeline.generate([_tensor(prompt_ids)], [config], streamer)
        if streamer.error is not None:
            raise streamer.error
        # The last token's own keys and values were never computed.
        self.history.keep([*prompt_ids, *streamer.token_ids[:-1]])

    def decode_batch(
        self,
        prompts: Sequence[Sequence[int]],
        takes: Sequence[TakeToken],
        *,
        sampling: Sequence[SamplingParameters],
        eos_ids: Sequence[int],
    ) -> Iterator[int]:
        """Continue all ``prompts`` side by side; arguments as for `decode`, one for each.

        Yields
        ------
        int
            The index of each answer that has ended, as soon as it has.
        """
        running: dict[int, _Running] = {}
        for index, (prompt_ids, take, how) in enumerate(zip(prompts, takes, sampling, strict=True)):
            # Guessing costs more than it saves once the passes are full of other answers.
            config = _config(how, eos_ids=eos_ids, lookup_tokens=1)
            self._requests += 1
            handle = self._pipeline.add_request(self._requests, _tensor(prompt_ids), config)
            running[index] = _Running(handle, take)
        try:
            while running:
                if self._pipeline.has_non_finished_requests():
                    self._pipeline.step()
                # A step keeps Python's lock; whoever waits for it gets it now.
                time.sleep(0)
                is_over = not self._pipeline.has_non_finished_requests()
                for index in [i for i, one in running.items() if one.take_new() or is_over]:
                    ended = running.pop(index)
                    self.history.keep([*prompts[index], *ended.token_ids[:-1]])
                    yield index
        finally:
            for one in running.values():
                one.handle.cancel()
            while self._pipeline.has_non_finished_requests():
                self._pipeline.step()


class _Running:
    """An answer of a batch that has not ended."""

    def __init__(self, handle: Any, take: TakeToken) -> None:
        self.handle = handle
        self.token_ids: list[int] = []
        self._take = take

    def take_new(self) -> bool:
        """Hand on the tokens that have come; return whether the answer has ended."""
        while self.handle.can_read():
            for output in self.handle.read().values():
                for token_id in output.generated_ids:
                    self.token_ids.append(token_id)
                    if not self._take(token_id):
                        self.handle.stop()
                        return True
        return False


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many first tokens two sequences share."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _tensor(token_ids: Sequence[int]) -> Any:
    import numpy as np
    import openvino

    return openvino.Tensor(np.array([token_ids], dtype=np.int64))


def _config(sampling: SamplingParameters, *, eos_ids: Sequence[int], lookup_tokens: int) -> Any:
    import openvino_genai

    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = sampling.max_new_tokens
    config.stop_token_ids = set(eos_ids) or {NO_TOKEN}
    # Left out, OpenVINO would look for one in files that need not be there.
    config.eos_token_id = min(config.stop_token_ids)
    config.repetition_penalty = sampling.repetition_penalty
    config.num_assistant_tokens = lookup_tokens
    config.max_ngram_size = LOOKUP_RUN
    config.do_sample = sampling.do_sample
    if sampling.do_sample:
        config.temperature = sampling.temperature
        config.top_p = sampling.top_p
        if sampling.top_k > 0:
            config.top_k = sampling.top_k
        # Without a seed OpenVINO would take the same one each time.
        seed = secrets.randbits(63) if sampling.seed is None else sampling.seed
        config.rng_seed = seed
    return config


@cache
def _streamer_class() -> Any:
    """Return the class that OpenVINO calls with each new token."""
    from openvino_genai import StreamerBase, StreamingStatus

    class TokenStreamer(StreamerBase):  # type: ignore[misc, unused-ignore]
        def __init__(self, take: TakeToken) -> None:
            super().__init__()
            self.token_ids: list[int] = []
            self.error: BaseException | None = None
            self._take = take

        def write(self, token: int | Sequence[int]) -> StreamingStatus:
            try:
                for token_id in [token] if isinstance(token, int) else token:
                    self.token_ids.append(token_id)
                    if not self._take(token_id):
                        return StreamingStatus.STOP
            except BaseException as error:  # noqa: BLE001 - C++ must not see it: it would leave its request behind
                self.error = error
                return StreamingStatus.STOP
            return StreamingStatus.RUNNING

        def end(self) -> None:
            """Do nothing: what is held back is the writer's."""

    return TokenStreamer
