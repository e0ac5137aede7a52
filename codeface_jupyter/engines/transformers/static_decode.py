"""Decoding token by token over keys and values of fixed length, by recorded passes.

Reading the prompt, and reusing what was read of earlier ones, stay with the growing
KV cache: its keys and values are copied in where decoding begins and back where it
ends, which costs about as much as a token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codeface_jupyter.engines.transformers.fused_norms import fused_norms
from codeface_jupyter.engines.transformers.generate_hooks import AnswerCriterion
from codeface_jupyter.engines.transformers.kv_prefixes import new_cache, start_of
from codeface_jupyter.engines.transformers.recorded_pass import GraphRecorder, Recorder
from codeface_jupyter.engines.transformers.static_keys_values import StaticKeysValues
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.models.memory_usage import shortage_in

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel

__all__ = ["DecodeStep", "StaticDecoder", "can_decode_statically", "static_decoder"]

logger = logging.getLogger(__name__)

# Capacities double from here on: few are ever recorded, and little is read in vain.
SMALLEST_CAPACITY = 1_024
# How much of an answer must fit before it moves on to the next capacity.
ROOM_TOKENS = 256
MAX_STEPS = 3
WARM_UP_TOKENS = 16
# Kernels differ in rounding: a hundredth in bfloat16. A pass that is wrong is off by one and more.
LARGEST_DIFFERENCE = 0.1
# What torch and a model's own code raise over something that cannot be recorded.
RECORDING_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
)

Processor = Callable[..., Any]


class DecodeStep:
    """A model's pass over one token, recorded for keys and values of one length.

    Parameters
    ----------
    model
        The weights, in memory.
    like
        A filled KV cache of the model.
    capacity
        How many positions the step can hold.
    recorder
        Records the pass.

    Attributes
    ----------
    length
        The positions that are filled.
    """

    def __init__(
        self, model: PreTrainedModel, like: DynamicCache, *, capacity: int, recorder: Recorder
    ) -> None:
        self.length = 0
        self._model = model
        self._states = StaticKeysValues(like, capacity=capacity)
        self._token = self._states.position.new_zeros((1, 1))
        with fused_norms(model):
            self._pass = recorder.record(self._forward)

    @property
    def capacity(self) -> int:
        """How many positions it can hold."""
        return self._states.capacity

    @property
    def is_full(self) -> bool:
        """Whether no further token fits."""
        return self.length == self.capacity

    @property
    def size_bytes(self) -> int:
        """What keys, values and the recording take, in bytes."""
        return self._states.size_bytes + self._pass.size_bytes

    def load(self, cache: DynamicCache) -> None:
        """Go on from what ``cache`` holds."""
        self._states.load(cache)
        self.length = cache.get_seq_length()

    def write_back(self, cache: DynamicCache) -> None:
        """Give ``cache`` what has been computed; a pass that was left midway does not count."""
        self._states.write_back(cache, length=self.length)

    def run(self, token: torch.Tensor) -> torch.Tensor:
        """Take ``token``, of shape ``(1,)``; return the logits after it, ``(1, vocabulary)``.

        They are overwritten by the next run.
        """
        self._token.copy_(token.view(1, 1))
        self._states.position.fill_(self.length)
        logits = self._pass.run()
        self.length += 1
        return logits

    def _forward(self) -> torch.Tensor:
        output = self._model(
            input_ids=self._token,
            position_ids=self._states.position.view(1, 1),
            past_key_values=self._states,
            use_cache=True,
            return_dict=True,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits


class StaticDecoder:
    """Decodes answers by recorded passes, and keeps the recordings.

    A recording is used only if its first pass agrees with a plain one. Where a model
    cannot be recorded, or memory has no room for it, answers are left to the plain way.

    Parameters
    ----------
    model
        One that `can_decode_statically`.
    recorder
        Records its passes.
    """

    def __init__(self, model: PreTrainedModel, recorder: Recorder) -> None:
        self._model = model
        self._recorder = recorder
        self._is_off = False
        # The most recently used comes last.
        self._steps: list[DecodeStep] = []

    @property
    def size_bytes(self) -> int:
        """What the kept recordings take, keys and values included, in bytes."""
        return sum(step.size_bytes for step in self._steps)

    def clear(self) -> None:
        """Drop all recordings; the next answer makes them again."""
        self._steps.clear()

    def warm_up(self, job: Job) -> None:
        """Read a few tokens and record a pass, so that the first answer need not wait for it."""
        import torch

        stage = "Warming up the decoder"
        job.progress(stage, 0, 2)
        cache = new_cache(self._model)
        input_ids = torch.zeros((1, WARM_UP_TOKENS), dtype=torch.int64, device=self._model.device)
        with torch.no_grad():
            self._model(input_ids=input_ids, past_key_values=cache, use_cache=True)
            job.progress(stage, 1, 2)
            if cache is not None:
                self._step_for(cache, input_ids[0, -1:], tokens=WARM_UP_TOKENS + 1)
        job.progress(stage, 2, 2)

    def __call__(
        self,
        cache: DynamicCache,
        criterion: AnswerCriterion,
        *,
        processors: Sequence[Processor],
        max_new_tokens: int,
    ) -> bool:
        """Go on with an answer to its end.

        Parameters
        ----------
        cache
            Keys and values of all tokens so far but the last; holds more of them afterwards.
        criterion
            Takes the tokens, and knows those that have come.
        processors
            What the logits go through.
        max_new_tokens
            How many more tokens there may be, at least one.

        Returns
        -------
        bool
            Whether the answer has ended; if not, the plain way can go on from where it stands.

        Raises
        ------
        Cancelled
            If a pass was left midway.
        """
        import torch

        known = criterion.token_ids
        most = len(known) + max_new_tokens
        tokens = torch.zeros((1, most), dtype=torch.int64, device=self._model.device)
        tokens[0, : len(known)] = torch.tensor(known)
        is_over = False
        with torch.no_grad():
            while not is_over:
                length = len(criterion.token_ids)
                wanted = min(length + ROOM_TOKENS, most)
                step = self._step_for(cache, tokens[0, length - 1 : length], tokens=wanted)
                if step is None:
                    return False
                step.load(cache)
                try:
                    is_over = self._decode(step, tokens, criterion, processors)
                except Cancelled:
                    step.write_back(cache)
                    raise
                step.write_back(cache)
        return True

    def _decode(
        self,
        step: DecodeStep,
        tokens: torch.Tensor,
        criterion: AnswerCriterion,
        processors: Sequence[Processor],
    ) -> bool:
        """Decode until the answer ends or the step is full; return whether it has ended."""
        length = len(criterion.token_ids)
        logits = step.run(tokens[0, length - 1 : length])
        while True:
            chosen = _chosen(logits, tokens[:, :length], processors)
            tokens[0, length : length + 1] = chosen
            length += 1
            is_last = length == tokens.shape[1]
            token_id = self._recorder.read(chosen)
            # The device is never left waiting for the host; at the end a pass was in vain.
            runs_ahead = self._recorder.launches_ahead and not (is_last or step.is_full)
            if runs_ahead:
                logits = step.run(chosen)
            if criterion.take([token_id()]) or is_last:
                return True
            if not runs_ahead:
                if step.is_full:
                    return False
                logits = step.run(chosen)

    def _step_for(
        self, cache: DynamicCache, token: torch.Tensor, *, tokens: int
    ) -> DecodeStep | None:
        """Return a step that holds ``tokens``, or None if the plain way must do."""
        if self._is_off:
            return None
        capacity = SMALLEST_CAPACITY
        while capacity < tokens:
            capacity *= 2
        for step in self._steps:
            if step.capacity == capacity:
                self._steps.remove(step)
                self._steps.append(step)
                return step
        return self._recorded(cache, token, capacity=capacity)

    def _recorded(
        self, cache: DynamicCache, token: torch.Tensor, *, capacity: int
    ) -> DecodeStep | None:
        del self._steps[: max(0, len(self._steps) - MAX_STEPS + 1)]
        made: list[DecodeStep] = []
        try:
            shortage = shortage_in(lambda: made.append(self._checked(cache, token, capacity)))
        except RECORDING_ERRORS as error:
            self._is_off = True
            self.clear()
            self._warn(str(error).partition("\n")[0] or type(error).__name__)
            return None
        if shortage:
            # Another answer may find room again.
            self.clear()
            self._warn(shortage)
            return None
        self._steps += made
        return made[0]

    def _checked(self, cache: DynamicCache, token: torch.Tensor, capacity: int) -> DecodeStep:
        """Return a new step whose pass has been seen to do what a plain one does."""
        step = DecodeStep(self._model, cache, capacity=capacity, recorder=self._recorder)
        step.load(cache)
        recorded = step.run(token).float()
        output = self._model(
            input_ids=token.view(1, 1),
            past_key_values=start_of(cache, cache.get_seq_length()),
            use_cache=True,
        )
        plain = output.logits[:, -1].float()
        difference = float((recorded - plain).norm() / plain.norm().clamp_min(1e-6))
        # Written so that NaN is refused as well.
        if not difference < LARGEST_DIFFERENCE:
            raise RuntimeError(f"its logits are off by {difference:.2f} of their size")
        return step

    def _warn(self, reason: str) -> None:
        logger.warning(
            "%s is decoded the plain way, which is slower: its pass could not be recorded (%s).",
            type(self._model).__name__,
            reason,
        )


def _chosen(
    logits: torch.Tensor, tokens: torch.Tensor, processors: Sequence[Processor]
) -> torch.Tensor:
    """Return the next token, of shape ``(1,)``, as transformers' ``generate`` chooses it."""
    import torch

    scores = logits.to(dtype=torch.float32, copy=True)
    for processor in processors:
        scores = processor(tokens, scores)
    return scores.argmax(dim=-1)


def can_decode_statically(model: PreTrainedModel) -> bool:
    """Whether passes of ``model`` can be recorded: whole weights, on one device, no windows.

    Only torch's own attention takes the mask that hides what is not filled yet.
    """
    config = model.config.get_text_config(decoder=True)
    return (
        bool(getattr(model, "_can_compile_fullgraph", False))
        and getattr(config, "_attn_implementation", None) == "sdpa"
        and not getattr(model, "is_quantized", False)
        and len({parameter.device for parameter in model.parameters()}) == 1
        and new_cache(model) is not None
    )


def static_decoder(model: PreTrainedModel) -> StaticDecoder | None:
    """Return a decoder by CUDA graphs, or None where the device or the model has none."""
    if model.device.type != "cuda" or not can_decode_statically(model):
        return None
    return StaticDecoder(model, GraphRecorder(model.device))
