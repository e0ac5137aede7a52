"""What ``quantization`` may be set to, whichever engine has that option."""

from __future__ import annotations

from typing import Literal

__all__ = ["QuantizationOption"]

QuantizationOption = Literal["auto", "int8", "int4", "q8_0", "q4_0"]
