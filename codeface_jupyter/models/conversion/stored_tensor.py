"""A tensor where it lies in a file, whatever the file's format; rows of it as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PIECE_VALUES", "StoredTensor"]

# The values that are worked on at a time: they fit the processor's cache, and the largest
# matrix has hundreds of millions.
PIECE_VALUES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """One tensor of a file, read on demand.

    A row holds whole blocks of values that share a scale, so that any rows can be read
    without the others.

    Attributes
    ----------
    file, offset
        Where its bytes begin.
    kind
        How its values are stored, by ggml's name for it: F32, BF16, Q4_K.
    shape
        As torch has it, ``[rows, columns]`` for a matrix.
    heads
        The attention heads whose rows the file has interleaved; 0 if they are in order.
    """

    file: Path
    offset: int
    kind: str
    shape: tuple[int, ...]
    heads: int = 0

    @property
    def count(self) -> int:
        """The number of values."""
        return prod(self.shape)

    def row_slices(self) -> Iterator[slice]:
        """Yield slices of rows that hold at most `PIECE_VALUES` values, or one row."""
        rows = self.shape[0]
        step = max(1, PIECE_VALUES * rows // max(1, self.count))
        for start in range(0, rows, step):
            yield slice(start, min(start + step, rows))

    def rows(self, rows: slice) -> NDArray[np.float32]:
        """Return some rows in float32, shape ``[rows, …]``, in the order of transformers."""
        from gguf import GGMLQuantizationType, dequantize

        packed = self._packed()
        chosen = packed[self._row_order()[rows]] if self.heads else packed[rows]
        values: NDArray[np.float32] = dequantize(chosen, GGMLQuantizationType[self.kind])
        return values.reshape(-1, *self.shape[1:])

    def _packed(self) -> NDArray[np.uint8]:
        """Map the file's bytes, ``[rows, bytes]``."""
        import numpy as np
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        block_values, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[self.kind]]
        row_values = self.count // self.shape[0]
        # A vector's values are rows of their own, but its blocks are larger than one value.
        shape = (self.shape[0], row_values // block_values * block_bytes)
        return np.memmap(self.file, np.uint8, "r", offset=self.offset, shape=shape)

    def _row_order(self) -> Any:
        """Return where the file has each row.

        llama.cpp turns neighbouring values of a head, transformers those half a head apart, so
        that rows ``[heads, 2, half]`` lie in the file as ``[heads, half, 2]``.
        """
        import numpy as np

        stored = np.arange(self.shape[0]).reshape(self.heads, -1, 2)
        return stored.transpose(0, 2, 1).reshape(-1)
