"""Keys and values of fixed length, which a recorded pass of a model reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

__all__ = ["StaticKeysValues"]


class StaticKeysValues:
    """A KV cache whose tensors stay where they are, for passes over one token.

    To a model it is what transformers' ``StaticCache`` is. That one counts positions in
    every layer, with three small kernels in each; here one position, on the device,
    serves all layers and the rotary embedding.

    Parameters
    ----------
    like
        A filled cache of the model: gives each layer's shapes, dtype and device.
    capacity
        How many positions it holds.

    Attributes
    ----------
    position
        Where the next token goes, of shape ``(1,)``, int64.
    is_compileable
        Tells transformers to mask what lies behind the position.
    """

    is_compileable = True

    def __init__(self, like: DynamicCache, *, capacity: int) -> None:
        self.capacity = capacity
        # Zeros: what is masked still meets the softmax's zeros, and nothing times NaN is NaN.
        self._keys = [_buffer(layer.keys, capacity) for layer in like.layers]
        self._values = [_buffer(layer.values, capacity) for layer in like.layers]
        self.position = self._keys[0].new_zeros(1, dtype=_int64())

    @property
    def size_bytes(self) -> int:
        """What the tensors take, in bytes."""
        return sum(int(tensor.nbytes) for tensor in (*self._keys, *self._values))

    def load(self, cache: DynamicCache) -> None:
        """Copy all positions of ``cache``."""
        for n, layer in enumerate(cache.layers):
            length = layer.keys.shape[-2]
            self._keys[n][..., :length, :].copy_(layer.keys)
            self._values[n][..., :length, :].copy_(layer.values)

    def write_back(self, cache: DynamicCache, *, length: int) -> None:
        """Give ``cache`` the first ``length`` positions, in tensors of its own."""
        for n, layer in enumerate(cache.layers):
            layer.keys = self._keys[n][..., :length, :].clone()
            layer.values = self._values[n][..., :length, :].clone()

    # What a model calls, under transformers' names.

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one token's states, ``(1, heads, 1, width)``; return all, masked ones too."""
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys.index_copy_(-2, self.position, key_states)
        values.index_copy_(-2, self.position, value_states)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> torch.Tensor:  # noqa: ARG002 - all are alike
        """Return the position."""
        return self.position

    def get_query_offset(self, layer_idx: int = 0) -> torch.Tensor:  # noqa: ARG002 - all are alike
        """Return the position."""
        return self.position

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:  # noqa: ARG002 - all are alike
        """Return the length that a mask covers, and where it begins."""
        return self.capacity, 0


def _buffer(states: torch.Tensor, capacity: int) -> torch.Tensor:
    *outer, _, width = states.shape
    return states.new_zeros((*outer, capacity, width))


def _int64() -> torch.dtype:
    import torch

    return torch.int64
