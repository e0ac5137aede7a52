"""How a GGUF names tensors and orders their rows, where transformers does otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

from codeface_jupyter.models.architecture import Architecture

# The script can import nothing from here, so the number is written there.
from codeface_jupyter.models.conversion.openvino_ir_writer import PIECE_VALUES

if TYPE_CHECKING:
    import torch

__all__ = ["deinterleave", "interleave", "interleaved_heads", "row_slices", "tensor_namer"]

# llama.cpp turns neighbouring values of a head, transformers those half a head apart; only for
# this architecture does it reorder the rows that make them.
INTERLEAVED_ARCHITECTURE = "llama"
QUERY_WEIGHT, KEY_WEIGHT = "attn_q.weight", "attn_k.weight"


def tensor_namer(architecture: str, *, num_layers: int) -> Callable[[str], str | None]:
    """Return what gives the GGUF's name of a parameter of transformers, None for an unknown one.

    ``architecture`` is the GGUF's word for it, such as ``"llama"``.
    """
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    known = next(key for key, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(known, num_layers)
    return lambda parameter: names.get_name(parameter, try_suffixes=(".weight", ".bias"))


def interleaved_heads(name: str, *, architecture: str, sizes: Architecture) -> int | None:
    """Return the heads of a GGUF's tensor whose rows are interleaved; None if they are not."""
    if architecture != INTERLEAVED_ARCHITECTURE:
        return None
    if name.endswith(QUERY_WEIGHT):
        return sizes.num_heads
    return sizes.num_kv_heads if name.endswith(KEY_WEIGHT) else None


def interleave(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Order rotary rows as a GGUF does: ``[heads, 2, half, in]`` → ``[heads, half, 2, in]``.

    ``weight`` has shape ``[heads · 2 · half, in]``, as the result has.
    """
    rows, columns = weight.shape
    split = weight.reshape(heads, 2, rows // heads // 2, columns)
    return split.transpose(1, 2).reshape(rows, columns).contiguous()


def deinterleave(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Undo `interleave`: ``[heads, half, 2, in]`` → ``[heads, 2, half, in]``."""
    rows, columns = weight.shape
    split = weight.reshape(heads, rows // heads // 2, 2, columns)
    return split.transpose(1, 2).reshape(rows, columns).contiguous()


def row_slices(shape: Sequence[int]) -> Iterator[slice]:
    """Yield the slices of rows in which a tensor of ``shape`` is worked on.

    Each holds at most `PIECE_VALUES` values, or one row: 64 MiB in float32.
    """
    step = max(1, PIECE_VALUES // max(1, prod(shape[1:])))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
