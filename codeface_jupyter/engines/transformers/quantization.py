"""Weights in 8 or 4 bits in transformers, by bitsandbytes or torchao, whichever is installed."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import ConfigError, EngineUnavailableError, install_hint
from codeface_jupyter.models.architecture import DTYPE_BYTES
from codeface_jupyter.models.memory import MemoryEstimate

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = ["quantization_config", "quantized_estimate", "settle_quantization"]

# The bytes of a matrix as a share of those in bfloat16, scales included.
SHARES = {"int8": 0.52, "int4": 0.29}
TORCH_INT4_LAYOUT = "tile_packed_to_4d"


def settle_quantization(name: str, *, device_type: str) -> str:
    """Return the scheme and the package that makes it, or an empty text for whole weights.

    Raises
    ------
    ConfigError
        If ``name`` is a scheme of another engine.
    EngineUnavailableError
        If no installed package makes it for this kind of device.
    """
    if name == "auto":
        return ""
    if name not in SHARES:
        raise ConfigError(
            f"quantization = {name!r} is for the openvino engine; "
            "the transformers engine takes int8 or int4.",
            hint="Set engine = 'openvino', or quantization = 'int8', 'int4' or 'auto'.",
        )
    if find_spec("bitsandbytes") is not None:
        return f"{name}-bitsandbytes"
    # torchao packs four bits for CUDA's kernels only.
    if find_spec("torchao") is not None and (name == "int8" or device_type == "cuda"):
        return f"{name}-torchao"
    package = "bitsandbytes"
    if name == "int8" or device_type == "cuda":
        package = "bitsandbytes or torchao"
    raise EngineUnavailableError(
        f"quantization = {name!r} needs {package}, which is not installed "
        f"(device {device_type}, {platform.system()} on {platform.machine()}).",
        hint=f"{install_hint('quantization')}, where it is built for this platform; "
        "or set quantization = 'auto'. On a CPU the openvino engine is faster.",
    )


def quantization_config(scheme: str, *, dtype: str) -> Any:
    """Return what transformers takes for ``scheme``, one of `settle_quantization`'s.

    Raises
    ------
    ConfigError
        If the scheme's kernels do not compute with ``dtype``.
    """
    import torch
    from transformers import BitsAndBytesConfig, TorchAoConfig

    name, _, package = scheme.partition("-")
    if package == "bitsandbytes":
        if name == "int8":
            return BitsAndBytesConfig(load_in_8bit=True)
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=getattr(torch, dtype),
        )
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig

    if name == "int8":
        return TorchAoConfig(Int8WeightOnlyConfig())
    if dtype != "bfloat16":
        raise ConfigError(
            f"quantization = 'int4' by torchao computes with dtype = 'bfloat16', not {dtype!r}.",
            hint=f"Set dtype = 'bfloat16', or: {install_hint('quantization')}",
        )
    # The kernels for this layout come with torch; the default layout needs another package.
    return TorchAoConfig(Int4WeightOnlyConfig(int4_packing_format=TORCH_INT4_LAYOUT))


def quantized_estimate(
    needed: MemoryEstimate, config: PretrainedConfig, *, scheme: str
) -> MemoryEstimate:
    """Return ``needed`` with the decoder's matrices made smaller; embeddings stay whole."""
    text = config.get_text_config(decoder=True)
    whole = 2 * text.vocab_size * text.hidden_size * DTYPE_BYTES["bfloat16"]
    whole = min(whole, needed.weights_bytes)
    share = SHARES[scheme.partition("-")[0]]
    smaller = int(whole + (needed.weights_bytes - whole) * share)
    return replace(needed, weights_bytes=smaller)
