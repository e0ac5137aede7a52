"""A matrix in eight or four bits: its codes, and the graph that computes with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, get_args

from codeface_jupyter.models.openvino_library import import_openvino

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BYTES_PER_VALUE",
    "GROUP_VALUES",
    "QUANTIZATIONS",
    "Packing",
    "Quantization",
    "new_matrix",
    "packing",
]

Quantization = Literal["int8", "int4", "q8_0", "q4_0"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)

# How one matrix is packed; a model's may differ.
Packing = Quantization

LARGEST_INT8 = 127
# 32 neighbours of a row share a scale and an offset.
GROUP_VALUES, LARGEST_UINT4 = 32, 15
SCALE_BYTES = 2
# Shares of a group's range that are tried: cutting off a few outliers gives all others finer steps.
RANGE_SHARES = (1.0, 0.95, 0.9, 0.85, 0.8)
BYTES_PER_VALUE = {
    "int8": 1.0,
    "int4": 0.5 + 2.5 / GROUP_VALUES,
    "q8_0": 1.0 + 3.0 / GROUP_VALUES,
    "q4_0": 0.5 + 2.5 / GROUP_VALUES,
}
# Half of all values, and those that bear four bits best.
WIDENING = ("ffn_gate.weight", "ffn_up.weight")
# The first and the last matrix decide single tokens; four bits there cost more than they save.
FINE = ("token_embd.weight", "output.weight")


def packing(name: str, quantization: Quantization) -> Packing:
    """Return how the matrix that a GGUF calls ``name`` is packed.

    ``int8`` has eight bits and one scale per row, which is read faster than blocks with scales
    of their own and loses no more. ``int4`` has four bits for each layer's gate and up
    projections, and eight for the rest. ``q8_0`` and ``q4_0`` are a GGUF's blocks.
    """
    if quantization == "int4":
        return "int4" if name.endswith(WIDENING) else "int8"
    return "q8_0" if quantization == "q4_0" and name.endswith(FINE) else quantization


def new_matrix(packing: Packing, *, rows: int, columns: int) -> PackedMatrix:
    """Return a matrix whose rows are still to be packed."""
    classes: dict[Packing, type[RowScaled | Grouped]] = {
        "int8": RowScaled,
        "int4": BestFit,
        "q8_0": EightBits,
        "q4_0": FourBits,
    }
    return classes[packing](rows, columns)


class PackedMatrix(ABC):
    """A matrix that is packed some rows at a time, in any order and in several threads."""

    @abstractmethod
    def __init__(self, rows: int, columns: int) -> None: ...

    @abstractmethod
    def pack(self, rows: slice, values: NDArray[np.float32]) -> None:
        """Pack ``values``, ``[rows, columns]``."""

    @abstractmethod
    def graph(self) -> Any:
        """Return the node that computes the matrix in float32 from its codes."""


class RowScaled(PackedMatrix):
    """int8 codes, ``[rows, columns]``, multiplied by a scale, ``[rows, 1]``."""

    def __init__(self, rows: int, columns: int) -> None:
        import numpy as np

        self._codes = np.empty((rows, columns), dtype=np.int8)
        self._scales = np.empty((rows, 1), dtype=np.float16)

    def pack(self, rows: slice, values: NDArray[np.float32]) -> None:
        """Round to steps of a 127th of each row's largest value."""
        import numpy as np

        scales = np.abs(values).max(axis=1, keepdims=True) / LARGEST_INT8
        # Rounded to float16 first, so that the codes are the best ones for the scale as stored.
        scales = np.maximum(scales, np.finfo(np.float16).tiny).astype(np.float16)
        steps = np.rint(values / scales.astype(np.float32))
        self._codes[rows] = np.clip(steps, -LARGEST_INT8, LARGEST_INT8, out=steps)
        self._scales[rows] = scales

    def graph(self) -> Any:
        """Return the product of codes and scales."""
        ops = import_openvino().opset13
        codes = ops.convert(ops.constant(self._codes, shared_memory=True), "f16")
        return ops.convert(ops.multiply(codes, ops.constant(self._scales)), "f32")


class Grouped(PackedMatrix):
    """Codes, ``[rows, groups, 32]``, less an offset, times a scale, ``[rows, groups, 1]``."""

    bits: int
    middle: int

    def __init__(self, rows: int, columns: int) -> None:
        import numpy as np

        groups = columns // GROUP_VALUES
        self._shape = (rows, columns)
        self._codes = np.empty((rows, groups, GROUP_VALUES * self.bits // 8), dtype=np.uint8)
        self._scales = np.empty((rows, groups, 1), dtype=np.float16)
        self._offsets = np.full(self._scales.shape, self.middle, dtype=np.uint8)

    @staticmethod
    @abstractmethod
    def _in_bytes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``codes`` with as many in a byte as fit; one dimension."""

    def graph(self) -> Any:
        """Return the product of centred codes and scales, as a matrix."""
        import numpy as np

        ops = import_openvino().opset13
        codes = self._constant(self._codes, (*self._scales.shape[:2], GROUP_VALUES))
        offsets = self._constant(self._in_bytes(self._offsets), self._scales.shape)
        centred = ops.subtract(ops.convert(codes, "f16"), ops.convert(offsets, "f16"))
        scaled = ops.multiply(centred, ops.constant(self._scales, shared_memory=True))
        shape = ops.constant(np.array(self._shape, dtype=np.int64))
        return ops.convert(ops.reshape(scaled, shape, special_zero=False), "f32")

    def _constant(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> Any:
        openvino = import_openvino()
        ops = openvino.opset13
        kind = getattr(openvino.Type, f"u{self.bits}")
        tensor = openvino.Tensor(kind, openvino.Shape(shape))
        tensor.data.reshape(-1)[:] = packed.reshape(-1)
        return ops.constant(tensor, shared_memory=True)


class EightBits(Grouped):
    """A GGUF's blocks of eight bits, whose codes are signed; here they are not."""

    bits, middle = 8, 128

    @staticmethod
    def _in_bytes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return codes.reshape(-1)

    def pack(self, rows: slice, values: NDArray[np.float32]) -> None:
        """Quantize as llama.cpp does."""
        import numpy as np

        blocks = _blocks(values, "Q8_0")
        self._scales[rows] = blocks[..., :SCALE_BYTES].view(np.float16)
        self._codes[rows] = blocks[..., SCALE_BYTES:] ^ np.uint8(self.middle)


class FourBits(Grouped):
    """A GGUF's blocks of four bits."""

    bits, middle = 4, 8

    @staticmethod
    def _in_bytes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pack two codes into a byte, the first in the lower half."""
        import numpy as np

        flat = codes.reshape(-1)
        if flat.size % 2:
            flat = np.append(flat, np.uint8(0))
        packed: NDArray[np.uint8] = flat[0::2] | (flat[1::2] << np.uint8(4))
        return packed

    def pack(self, rows: slice, values: NDArray[np.float32]) -> None:
        """Quantize as llama.cpp does."""
        import numpy as np

        blocks = _blocks(values, "Q4_0")
        self._scales[rows] = blocks[..., :SCALE_BYTES].view(np.float16)
        # A block has its first half in the lower bits, and its second half in the upper ones.
        pairs = blocks[..., SCALE_BYTES:]
        codes = np.concatenate([pairs & np.uint8(15), pairs >> np.uint8(4)], axis=-1)
        self._codes[rows] = self._in_bytes(codes).reshape(pairs.shape)


class BestFit(FourBits):
    """Four bits, with scales and offsets for the least error."""

    def pack(self, rows: slice, values: NDArray[np.float32]) -> None:
        """Try several ranges for each group."""
        grouped = values.reshape(len(values), -1, GROUP_VALUES)
        codes, self._scales[rows], self._offsets[rows] = _best_fit(grouped)
        self._codes[rows] = self._in_bytes(codes).reshape(self._codes[rows].shape)


def _blocks(values: NDArray[np.float32], kind: str) -> NDArray[np.uint8]:
    """Return a GGUF's blocks, ``[rows, groups, bytes]``."""
    from gguf import GGMLQuantizationType, quantize

    packed = quantize(values, GGMLQuantizationType[kind])
    blocks: NDArray[np.uint8] = packed.reshape(len(values), values.shape[1] // GROUP_VALUES, -1)
    return blocks


def _best_fit(grouped: NDArray[np.float32]) -> tuple[NDArray[np.uint8], Any, Any]:
    """Return codes, scales and offsets of each group, for the range with the least error.

    ``grouped`` has shape ``[rows, groups, 32]``, scales and offsets ``[rows, groups, 1]``.
    """
    import numpy as np

    # Zero lies in every range, so that it stays exactly zero.
    low = np.minimum(grouped.min(axis=2, keepdims=True), 0)
    high = np.maximum(grouped.max(axis=2, keepdims=True), 0)
    least = np.full(low.shape, np.inf, dtype=np.float32)
    best = [np.empty(low.shape, dtype=np.float32) for _ in range(2)]
    for share in RANGE_SHARES:
        scale = np.maximum((high - low) * share / LARGEST_UINT4, np.finfo(np.float16).tiny)
        scale = scale.astype(np.float16).astype(np.float32)
        offset = np.clip(np.rint(-low * share / scale), 0, LARGEST_UINT4)
        kept = scale * (_coded(grouped, scale, offset) - offset)
        error = np.square(kept - grouped).sum(axis=2, keepdims=True)
        for found, candidate in zip(best, (scale, offset), strict=True):
            np.copyto(found, candidate, where=error < least)
        least = np.minimum(least, error)
    scale, offset = best
    return _coded(grouped, scale, offset).astype(np.uint8), scale, offset


def _coded(grouped: Any, scale: Any, offset: Any) -> Any:
    import numpy as np

    return np.clip(np.rint(grouped / scale) + offset, 0, LARGEST_UINT4)
