"""Decoding in bfloat16 on a CPU: the matrix-vector product that reads the weights fastest.

torch hands every bfloat16 product to oneDNN, which is the fast way to read a prompt
(matrix times matrix) but took twice as long as torch's own kernel for one token (matrix
times vector) where it was measured. So the weights stay bfloat16 for the prompt, and
single-token passes go around oneDNN on the machines where that is faster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["gains_without_onednn", "single_tokens_without_onednn"]

# Below this gain the choice could fall differently from load to load.
WORTHWHILE_GAIN = 1.2
ROUNDS = 3
# Products of enough different weights that they come from memory, as they do in a pass.
MEASURED_LAYERS = 8


def gains_without_onednn(model: PreTrainedModel) -> bool:
    """Measure, in a few hundredths of a second, whether one token is faster without oneDNN."""
    import torch

    if torch.backends.flags_frozen() or not torch.backends.mkldnn.enabled:
        return False
    weights = _measured_weights(model)
    if not weights:
        return False
    with torch.no_grad():
        usual_s = _fastest_s(weights)
        with _onednn_disabled():
            own_s = _fastest_s(weights)
    return usual_s > WORTHWHILE_GAIN * own_s


@contextmanager
def single_tokens_without_onednn(model: PreTrainedModel) -> Iterator[None]:
    """Go around oneDNN in each pass of ``model`` over a single token.

    The switch is the process's, so it is off only during such a pass: other threads'
    products are right either way, at most slower for that moment.
    """
    import torch

    usual = torch.backends.mkldnn.enabled

    def before(_: torch.nn.Module, __: tuple[object, ...], inputs: dict[str, Any]) -> None:
        if inputs["input_ids"].shape[-1] == 1:
            torch.backends.mkldnn.enabled = False

    def after(*_: object) -> None:
        torch.backends.mkldnn.enabled = usual

    handles = (
        model.register_forward_pre_hook(before, with_kwargs=True),
        # Also when a pass is left by an exception.
        model.register_forward_hook(after, always_call=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _measured_weights(model: PreTrainedModel) -> list[torch.Tensor]:
    """Return bfloat16 weights of one shape, the most common one of the model's linear layers."""
    import torch

    shapes: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and module.weight.dtype == torch.bfloat16:
            shapes.setdefault(tuple(module.weight.shape), []).append(module.weight)
    largest = max(shapes.values(), key=lambda found: sum(w.numel() for w in found), default=[])
    return largest[:MEASURED_LAYERS]


def _fastest_s(weights: Sequence[torch.Tensor]) -> float:
    import torch

    vector = torch.ones((1, weights[0].shape[1]), dtype=weights[0].dtype)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for weight in weights:
            torch.nn.functional.linear(vector, weight)
        times.append(time.perf_counter() - started)
    return min(times)


@contextmanager
def _onednn_disabled() -> Iterator[None]:
    import torch

    usual = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = usual
