"""What OpenVINO computes with, and what it keeps keys and values in."""

from __future__ import annotations

from typing import Any

from codeface_jupyter.models.openvino_library import import_openvino

__all__ = ["precision_properties"]

# By the dtype option; auto leaves it to OpenVINO.
PRECISIONS: dict[str, dict[str, object]] = {
    "auto": {},
    "bfloat16": {"INFERENCE_PRECISION_HINT": "bf16"},
    "float16": {"INFERENCE_PRECISION_HINT": "f16"},
    # Activations stay what they are too: an answer is then the same however it is batched.
    "float32": {
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "KV_CACHE_PRECISION": "f32",
    },
}
# OpenVINO quantizes activations by groups of 32 values. They may be no larger than the groups
# of the weights, which int8 has one of in each row; larger ones are faster.
BY_QUANTIZATION: dict[str, dict[str, object]] = {"int8": {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 128}}


def precision_properties(dtype: str, device: str, *, quantization: str) -> dict[str, object]:
    """Return what the ``dtype`` option means to OpenVINO on ``device``.

    A processor that computes in bfloat16 reads keys of sixteen bits faster than OpenVINO's
    own choice of eight, which it must widen first; see decision 9.

    Parameters
    ----------
    dtype
        The option of that name.
    device
        As OpenVINO calls it.
    quantization
        How the weights were quantized here; empty if they were not.
    """
    properties = dict(PRECISIONS[dtype])
    if device != "CPU" or dtype == "float32":
        return properties
    properties |= BY_QUANTIZATION.get(quantization, {})
    if dtype != "float16" and "BF16" in _capabilities(device):
        properties["KV_CACHE_PRECISION"] = "bf16"
    return properties


def _capabilities(device: str) -> Any:
    return import_openvino().Core().get_property(device, "OPTIMIZATION_CAPABILITIES")
