"""Hooks in transformers' ``generate``: take each token, stop, cancel, and sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from codeface_jupyter.engines.text.guided import GuidedChoice
from codeface_jupyter.engines.text.sampler import Sampler
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.jobs import Cancelled, Job

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = [
    "AnswerCriterion",
    "GuidedChooser",
    "cancellable",
    "logits_processors",
    "reading_only_what_is_new",
    "with_repetition_penalty",
]


class AnswerCriterion:
    """A stopping criterion that hands an answer its tokens: ``generate`` calls it after each step.

    Parameters
    ----------
    answer
        Takes the tokens, and knows when to stop.
    between_passes
        Called after each step: the model is free until it returns.
    """

    def __init__(self, answer: TokenAnswer, *, between_passes: Callable[[], None]) -> None:
        self._answer = answer
        self._between_passes = between_passes

    def __call__(self, input_ids: torch.LongTensor, *_: object, **__: object) -> torch.BoolTensor:
        """Take what is new in ``input_ids``, of shape ``(1, length)``; say whether to stop."""
        import torch

        # One token, or several where draft tokens were accepted. On some devices `generate`
        # looks at what is returned one step late, so tokens may come after the end.
        for token_id in input_ids[0, len(self._answer.token_ids) :].tolist():
            if self._answer.is_over:
                break
            self._answer.take(token_id)
        self._between_passes()
        return torch.full((1,), self._answer.is_over, dtype=torch.bool, device=input_ids.device)


@contextmanager
def cancellable(model: PreTrainedModel, job: Job) -> Iterator[None]:
    """Leave a forward pass of ``model`` by `Cancelled` as soon as ``job`` is stopped.

    A long prompt is read in one pass; checking before every block of every layer ends it
    within a fraction of the time that one layer takes.
    """

    def check(*_: object) -> None:
        if job.is_cancelled:
            raise Cancelled

    layers = _decoder_layers(model)
    blocks = [block for layer in layers for block in (layer, *layer.children())]
    handles = [block.register_forward_pre_hook(check) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def reading_only_what_is_new(model: PreTrainedModel) -> Iterator[None]:
    """Let assisted decoding begin with a KV cache that holds a start of the prompt.

    In transformers 5.23 its first pass reads the whole prompt, whatever the cache holds,
    and so would read that start twice.
    """
    prepare = model.prepare_inputs_for_generation

    @wraps(prepare)
    def prepare_what_is_new(input_ids: torch.LongTensor, **inputs: Any) -> dict[str, Any]:
        cache = inputs.get("past_key_values")
        if inputs.get("next_sequence_length") is None and cache is not None:
            inputs["next_sequence_length"] = input_ids.shape[1] - cache.get_seq_length()
        return dict(prepare(input_ids, **inputs))

    model.prepare_inputs_for_generation = prepare_what_is_new
    try:
        yield
    finally:
        del model.prepare_inputs_for_generation


def _decoder_layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """Return the decoder's layers: the module list as long as the config says."""
    import torch

    count = model.config.get_text_config(decoder=True).num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return list(module)
    return [model]


def logits_processors(
    sampling: SamplingParameters, *, device_type: str
) -> list[Callable[..., Any]]:
    """Return the processors that turn greedy decoding into sampling; none at temperature 0.

    ``generate`` draws from torch's global random state, which is the user's. Instead, the token
    is drawn here from a generator of our own. On a CPU all others are ruled out; a device
    keeps its logits, and Gumbel noise is added to them: the largest of logit plus noise is
    a draw from their softmax (Gumbel, 1954; Maddison et al., 2014).
    """
    if not sampling.do_sample:
        return []
    if device_type == "cpu":
        return [_OnlyTheDrawn(sampling)]
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    processors: list[Callable[..., Any]] = [TemperatureLogitsWarper(sampling.temperature)]
    if sampling.top_k > 0:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    return [*processors, _GumbelNoise(seed=sampling.seed)]


def with_repetition_penalty(
    processors: Sequence[Callable[..., Any]], sampling: SamplingParameters
) -> list[Callable[..., Any]]:
    """Return ``processors`` after the repetition penalty, which ``generate`` puts first too."""
    if sampling.repetition_penalty == 1:
        return list(processors)
    from transformers import RepetitionPenaltyLogitsProcessor

    return [RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty), *processors]


class _OnlyTheDrawn:
    """Draws a token and rules out all others, in a hundredth of the time of torch's sort."""

    def __init__(self, sampling: SamplingParameters) -> None:
        # The penalty has been applied before: see `with_repetition_penalty`.
        self._sampler = Sampler(replace(sampling, repetition_penalty=1.0), ())

    def __call__(self, _: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        """Return ``scores``, of shape ``(1, vocabulary)``, of the token that is drawn."""
        import torch

        token_id = self._sampler.sample(scores[0].float().numpy())
        drawn = torch.full_like(scores, -torch.inf)
        drawn[0, token_id] = 0
        return drawn


class GuidedChooser:
    """Leaves the likeliest of the tokens that a guide allows.

    Parameters
    ----------
    choice
        What the guide makes of logits.
    """

    def __init__(self, choice: GuidedChoice) -> None:
        self._choice = choice

    def __call__(self, _: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        """Return ``scores``, of shape ``(1, vocabulary)``, of the token that is chosen."""
        import torch

        logits = self._choice.narrowed(scores[0].float().cpu().numpy())
        token_id = int(logits.argmax())
        self._choice.note(logits, token_id)
        chosen = torch.full_like(scores, -torch.inf)
        chosen[0, token_id] = 0
        return chosen


class _GumbelNoise:
    """Adds Gumbel noise to logits, from its own random state."""

    def __init__(self, *, seed: int | None) -> None:
        self._seed = seed
        self._generator: torch.Generator | None = None

    def __call__(self, _: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return ``scores``, of shape ``(batch, vocabulary)``, with noise."""
        import torch

        if self._generator is None:
            self._generator = torch.Generator(device=scores.device)
            if self._seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self._seed)
        exponential = torch.empty_like(scores).exponential_(generator=self._generator)
        # An exact zero has an infinite negative logarithm, which would beat every logit.
        return scores - exponential.clamp_min_(torch.finfo(scores.dtype).tiny).log()
