"""The options of the openvino engine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions
from codeface_jupyter.engines.quantization_option import QuantizationOption

__all__ = ["OpenVINOOptions"]


class OpenVINOOptions(EngineOptions):
    """What OpenVINO computes with, and where."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="The type to compute in; auto leaves it to OpenVINO."
    )
    quantization: Annotated[QuantizationOption, NOT_IN_RESPONSE_KEY] = Field(
        "auto",
        description="Quantized weights: int8, int4, or GGUF blocks q8_0, q4_0; auto means int8.",
    )
    device_map: str = Field("auto", description="The device: auto, cpu or gpu.")
