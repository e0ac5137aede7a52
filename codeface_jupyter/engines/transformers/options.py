"""The options of the transformers engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions
from codeface_jupyter.engines.quantization_option import QuantizationOption

__all__ = ["TransformersOptions"]

DType = Literal["auto", "float32", "bfloat16", "float16"]


class TransformersOptions(EngineOptions):
    """How torch loads and runs the model."""

    dtype: Annotated[DType, NOT_IN_RESPONSE_KEY] = Field(
        "auto", description="The weights' type; auto picks the one that suits the device."
    )
    # A GGUF's blocks are refused, with a hint, only when the model is to be loaded.
    quantization: Annotated[QuantizationOption, NOT_IN_RESPONSE_KEY] = Field(
        "auto", description="Quantized weights: int8 or int4; auto means neither."
    )
    adapter: Annotated[Path | None, NOT_IN_RESPONSE_KEY] = Field(
        None, description="A folder with a PEFT LoRA adapter to apply to the model."
    )
    device_map: str = Field(
        "auto", description="Where accelerate places the model: auto, cpu, cuda, cuda:1, balanced …"
    )
    attn_implementation: Literal["auto", "eager", "sdpa", "flash_attention_2"] = Field(
        "auto", description="The attention kernel; auto leaves the choice to transformers."
    )
    offload_folder: Annotated[Path | None, NOT_IN_RESPONSE_KEY] = Field(
        None, description="A folder for weights that fit neither on the device nor in memory."
    )
