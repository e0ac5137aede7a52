"""The type that weights are held in where none is set.

Torch is imported only to ask about a CUDA device.
"""

from __future__ import annotations

from codeface_jupyter.models.speed import computes_bfloat16

__all__ = ["best_dtype"]


def best_dtype(device_type: str) -> str:
    """Return the fastest type for a kind of device that keeps the checkpoint's quality.

    On CPUs with AVX-512 float16 reads prompts slowly (a tenth of bfloat16), and float32 is
    slow at everything. Where the processor has nothing for 16 bits, float32 reads a prompt six
    times as fast, and an answer takes a third longer: decision 6.
    """
    if device_type == "cuda":
        import torch

        # Torch emulates it on older devices, many times slower than they compute float16.
        is_fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if is_fast else "float16"
    if device_type == "cpu":
        return "bfloat16" if computes_bfloat16() else "float32"
    return "float16"
