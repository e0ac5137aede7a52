"""Describe arrays and tensors: shape, dtype, device, range."""

from __future__ import annotations

import math
from typing import Any

from codeface_jupyter.namespace.classes import class_name
from codeface_jupyter.namespace.memory_owners import numpy_holds, torch_holds
from codeface_jupyter.namespace.outline import Outline, View
from codeface_jupyter.namespace.writing import TIMES

__all__ = ["numpy_array", "torch_tensor"]

# The range of a larger array is that of an even sample.
MAX_SAMPLED_ELEMENTS = 200_000


def numpy_array(array: Any, view: View) -> Outline:
    """Describe a NumPy array; subclasses are treated as plain arrays."""
    import numpy as np

    plain = np.ndarray.view(array, np.ndarray)
    name = class_name(type(array))
    outline = _outline("array", name, tuple(plain.shape), str(plain.dtype))
    if view.allow_values and plain.dtype.kind in "iufb" and _is_held(array):
        step = _even_sample(plain.shape)
        sampled, mask = plain[step], np.ma.getmask(array)
        is_sampled = sampled.shape != plain.shape
        if mask is not np.ma.nomask:
            hidden = mask[step]
            sampled = sampled[~hidden]
            outline.facts["share_masked"] = share = float(hidden.mean())
            outline.text += f", {share:.0%} masked"
        _add_range(outline, sampled.reshape(-1), is_sampled=is_sampled)
    return outline


def _is_held(array: Any) -> bool:
    import numpy as np

    mask = np.ma.getmask(array)
    return numpy_holds(array) and (mask is np.ma.nomask or numpy_holds(mask))


def torch_tensor(tensor: Any, view: View) -> Outline:
    """Describe a torch tensor."""
    import torch

    # A subclass may have code of its own for whatever is asked of it.
    with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - the documented way
        return _torch_tensor(tensor, view)


def _torch_tensor(tensor: Any, view: View) -> Outline:
    import torch

    dtype = str(tensor.dtype).removeprefix("torch.")
    outline = _outline("tensor", class_name(type(tensor)), tuple(tensor.shape), dtype)
    outline.text += f" on {tensor.device}"
    outline.facts["device"] = str(tensor.device)
    if tensor.requires_grad:
        outline.text += ", requires grad"
        outline.facts["requires_grad"] = True
    # A class of the user's may do anything when it is asked for its values; and reading from
    # another device waits for all work that is queued there.
    is_readable = (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and not (tensor.is_complex() or tensor.is_quantized)
    )
    if view.allow_values and is_readable and torch_holds(tensor):
        sampled = tensor.detach()[_even_sample(tuple(tensor.shape))]
        values = sampled.reshape(-1).to(torch.float64).numpy()
        _add_range(outline, values, is_sampled=sampled.shape != tensor.shape)
    return outline


def _even_sample(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return a view's slices: the same step along every axis, so that few elements are left."""
    excess = math.prod(shape) / MAX_SAMPLED_ELEMENTS
    step = math.ceil(excess ** (1 / len(shape))) if excess > 1 else 1
    return tuple(slice(None, None, step) for _ in shape)


def _outline(kind: Any, name: str, shape: tuple[int, ...], dtype: str) -> Outline:
    size = TIMES.join(map(str, shape)) or "scalar"
    facts: dict[str, object] = {"shape": list(shape), "dtype": dtype}
    return Outline(kind, f"{name} {size} {dtype}", facts)


def _add_range(outline: Outline, sample: Any, *, is_sampled: bool) -> None:
    """Add the smallest and the largest finite value, and how many are not finite."""
    import numpy as np

    finite = sample[np.isfinite(sample)]
    if len(finite):
        low, high = finite.min().item(), finite.max().item()
        about = "~" if is_sampled else ""
        outline.text += f", range {about}{low:.6g} to {high:.6g}"
        outline.facts["range"] = [low, high]
    if len(finite) < len(sample):
        share = (len(sample) - len(finite)) / len(sample)
        outline.text += f", {share:.0%} not finite"
        outline.facts["share_not_finite"] = share
