"""Root mean square norms by torch's one kernel instead of eight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["fused_norms"]


@contextmanager
def fused_norms(model: PreTrainedModel) -> Iterator[None]:
    """Let ``model`` use `torch.nn.functional.rms_norm` wherever it computes the same.

    transformers spells the norm out, in kernels that each take longer to start than to
    run for a single token. Some models scale in other ways: each kind is tried first.
    """
    import torch

    norms = [module for module in model.modules() if _looks_like_one(module)]
    same: dict[type[Any], bool] = {}
    with torch.no_grad():
        for norm in norms:
            if type(norm) not in same:
                same[type(norm)] = _is_same(norm)
    fused = [norm for norm in norms if same[type(norm)]]
    for norm in fused:
        norm.forward = partial(_rms_norm, norm)
    try:
        yield
    finally:
        for norm in fused:
            del norm.forward


def _looks_like_one(module: torch.nn.Module) -> bool:
    return (
        type(module).__name__.endswith("RMSNorm")
        and hasattr(module, "variance_epsilon")
        and getattr(getattr(module, "weight", None), "ndim", 0) == 1
        and "forward" not in vars(module)
    )


def _is_same(norm: Any) -> bool:
    import torch

    steps = torch.arange(norm.weight.numel(), device=norm.weight.device)
    states = (torch.sin(steps) * 3).to(norm.weight.dtype)[None]
    # Two roundings to the weights' type may differ.
    rounding = 4 * torch.finfo(norm.weight.dtype).eps
    expected, fused = norm(states), _rms_norm(norm, states)
    is_close: bool = torch.allclose(fused, expected.to(fused.dtype), rtol=rounding, atol=rounding)
    return is_close and expected.dtype == fused.dtype


def _rms_norm(norm: Any, states: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.rms_norm(
        states, tuple(norm.weight.shape), norm.weight, norm.variance_epsilon
    )
