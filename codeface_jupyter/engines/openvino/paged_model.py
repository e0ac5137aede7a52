"""A model in OpenVINO that reads tokens of several sequences in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.jobs import Job
from codeface_jupyter.models.folder_check import IR_FILE
from codeface_jupyter.models.memory_usage import says_memory_ran_out
from codeface_jupyter.models.openvino_library import import_openvino

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "OpenVINOFailedError",
    "PagedModel",
    "Piece",
    "ShortOfMemoryError",
    "UnreadableModelError",
]

LOGITS_WANTED = "logits_wanted"
# The inputs of a decoder whose attention finds keys and values in blocks, but for the blocks:
# tokens of all sequences in one row, and for each sequence where its tokens and blocks begin.
INPUTS = {
    "input_ids",
    "position_ids",
    "max_context_len",
    "past_lens",
    "subsequence_begins",
    "block_indices",
    "block_indices_begins",
    LOGITS_WANTED,
}
KEYS, VALUES = "key_cache.", "value_cache."


class OpenVINOFailedError(Exception):
    """OpenVINO cannot load a model, or a pass of it failed; the text says why."""


class ShortOfMemoryError(OpenVINOFailedError):
    """Memory ran out."""


class UnreadableModelError(OpenVINOFailedError):
    """A model's files are damaged, or this OpenVINO cannot read them."""


@dataclass(frozen=True)
class Piece:
    """The part of one sequence that a pass reads.

    Attributes
    ----------
    token_ids
        The tokens to read.
    past
        How many tokens of the sequence were read before.
    blocks
        The blocks of its keys and values, including those to be written.
    wanted
        For how many of the last tokens logits are wanted.
    """

    token_ids: Sequence[int]
    past: int
    blocks: Sequence[int]
    wanted: int

    @property
    def length(self) -> int:
        """The sequence's length after the pass."""
        return self.past + len(self.token_ids)


class PagedModel:
    """Weights in memory, with keys and values in blocks that sequences can share.

    Attention that looks keys and values up block by block is Kwon et al.'s PagedAttention
    (2023), which OpenVINO makes of an ordinary decoder.

    Parameters
    ----------
    folder
        With ``openvino_model.xml``.
    device, properties
        As OpenVINO takes them.
    capacity_tokens
        For how many tokens' keys and values there is room.

    Attributes
    ----------
    block_tokens, block_count, block_bytes
        Tokens in a block, blocks, and the bytes of one in all layers.

    Raises
    ------
    UnreadableModelError
        If its files are damaged.
    OpenVINOFailedError
        If OpenVINO cannot load the model, or it is not a decoder's.
    """

    def __init__(
        self, folder: Path, *, device: str, properties: Mapping[str, object], capacity_tokens: int
    ) -> None:
        openvino = import_openvino()
        self._core, self._device = openvino.Core(), device
        self._precision = repr(sorted(properties.items()))
        with _openvino_errors(UnreadableModelError):
            model = self._core.read_model(str(folder / IR_FILE))
        with _openvino_errors():
            _page_attention(model)
            self._computes_only_wanted = _compute_only_wanted(model)
            compiled = self._core.compile_model(
                model, device, {"PERFORMANCE_HINT": "LATENCY", **properties}
            )
        inputs = {port.any_name: port for port in compiled.inputs}
        unknown = {name for name in inputs if not name.startswith((KEYS, VALUES))} - INPUTS
        if unknown:
            raise OpenVINOFailedError(f"it has unknown inputs: {', '.join(sorted(unknown))}")
        self._names = INPUTS & inputs.keys()
        self._cache_ports = [p for name, p in inputs.items() if name.startswith((KEYS, VALUES))]
        # (blocks, KV heads, block tokens, head size). With eight bits, the scales of keys take
        # more rows, those of values are beside each row: only values tell a block's tokens.
        values = next(port for name, port in inputs.items() if name.startswith(VALUES))
        self.block_tokens: int = values.get_partial_shape()[2].get_length()
        self.block_count = -(-capacity_tokens // self.block_tokens)
        self.block_bytes = sum(_bytes_per_block(port) for port in self._cache_ports)
        self._request: Any = compiled.create_infer_request()
        self._caches: list[Any] = []
        self.drop_keys()

    @property
    def can_copy_blocks(self) -> bool:
        """Whether keys and values are in this machine's memory, and not in a device's."""
        return self._device == "CPU"

    def drop_keys(self) -> None:
        """Free the memory of keys and values; it is taken again as blocks are written."""
        # One after another, so that a device never holds all of them twice.
        self._caches.clear()
        with _openvino_errors():
            for port in self._cache_ports:
                cache = self._new_cache(port)
                self._request.set_tensor(port, cache)
                self._caches.append(cache)

    def copy_block(self, source: int, target: int) -> None:
        """Copy the keys and values of one block to another."""
        for cache in self._caches:
            cache.data[target] = cache.data[source]

    @property
    def made_by(self) -> str:
        """All that the bytes of keys and values depend on, but for the weights."""
        openvino = import_openvino()

        with _openvino_errors():
            device = self._core.get_property(self._device, "FULL_DEVICE_NAME")
        shapes = [f"{p.get_element_type()}{p.get_partial_shape()}" for p in self._cache_ports]
        return "; ".join([openvino.__version__, device, self._precision, *shapes])

    def blocks(self, numbers: Sequence[int]) -> list[NDArray[np.generic]]:
        """Return copies of the keys and values in these blocks, cache by cache."""
        return [cache.data[list(numbers)] for cache in self._caches]

    def put_blocks(self, numbers: Sequence[int], contents: Sequence[NDArray[np.generic]]) -> bool:
        """Write what `blocks` returned into these blocks; return False if it does not fit."""
        wanted = [(len(numbers), *cache.data.shape[1:]) for cache in self._caches]
        if [content.shape for content in contents] != wanted:
            return False
        for cache, content in zip(self._caches, contents, strict=True):
            cache.data[list(numbers)] = content
        return True

    def read(self, pieces: Sequence[Piece], *, job: Job) -> NDArray[np.float32]:
        """Read all pieces in one pass.

        Returns
        -------
        ndarray
            The logits that are wanted, of shape ``(all wanted, vocabulary)``, in order.
            They hold until the next pass.

        Raises
        ------
        Cancelled
            If ``job`` was stopped; nothing of the pass counts then.
        OpenVINOFailedError
            If OpenVINO fails.
        """
        job.check()
        wanted = list(_wanted(pieces))
        inputs = _inputs(pieces, wanted)
        with _openvino_errors():
            # Through to its end: one that is cancelled leaves its shapes in the compiled model, by
            # which a later pass may fail (8 of 400 did, a third cancelled; OpenVINO 2026.4).
            self._request.infer({name: inputs[name] for name in self._names}, share_inputs=True)
        job.check()
        logits: NDArray[np.float32] = self._request.get_output_tensor(0).data
        # From [all tokens or all wanted, 1, vocabulary].
        logits = logits.reshape(-1, logits.shape[-1])
        return logits if self._computes_only_wanted else logits[wanted]

    def _new_cache(self, port: Any) -> Any:
        openvino = import_openvino()
        shape = [self.block_count, *(size.get_length() for size in port.get_partial_shape()[1:])]
        if self.can_copy_blocks:
            return openvino.Tensor(port.get_element_type(), openvino.Shape(shape))
        context = self._core.get_default_context(self._device)
        return context.create_tensor(port.get_element_type(), openvino.Shape(shape), {})


@contextmanager
def _openvino_errors(kind: type[OpenVINOFailedError] = OpenVINOFailedError) -> Iterator[None]:
    """Turn OpenVINO's exceptions into one with the reason, which is their last line."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or says_memory_ran_out(str(error)):
            raise ShortOfMemoryError("memory ran out") from error
        lines = str(error).strip().splitlines()
        raise kind(lines[-1] if lines else type(error).__name__) from error


def _page_attention(model: Any) -> None:
    """Make attention read keys and values from blocks that are inputs of the model."""
    # It has been imported, to read the model.
    from openvino._offline_transformations import (  # noqa: TID251 - see above
        paged_attention_transformation,
    )

    paged_attention_transformation(model)


def _compute_only_wanted(model: Any) -> bool:
    """Compute the logits of wanted tokens only; return False if the head is of another kind.

    The product with the vocabulary is a large part of reading a prompt, of which only the last
    token's logits count. So the hidden states that are wanted are gathered before it.
    """
    import numpy as np

    opset13 = import_openvino().opset13
    # Up from the logits to the product of hidden states and vocabulary, [tokens, 1, width].
    head = model.output(0).get_node().input_value(0).get_node()
    # Some models add to the logits or cap them.
    while head.get_type_name() in {"Add", "Convert", "Divide", "Multiply", "Tanh"}:
        head = head.input_value(0).get_node()
    if head.get_type_name() != "MatMul":
        return False
    wanted = opset13.parameter([-1], np.int64, name=LOGITS_WANTED)
    wanted.output(0).get_tensor().set_names({LOGITS_WANTED})
    gathered = opset13.gather(head.input_value(0), wanted, opset13.constant(np.int64(0)))
    head.input(0).replace_source_output(gathered.output(0))
    model.add_parameters([wanted])
    model.validate_nodes_and_infer_types()
    return True


def _bytes_per_block(port: Any) -> int:
    sizes: list[int] = [size.get_length() for size in port.get_partial_shape()[1:]]
    return prod(sizes) * int(port.get_element_type().bitwidth) // 8


def _wanted(pieces: Sequence[Piece]) -> Iterator[int]:
    """Yield the positions, among all pieces' tokens, of those whose logits are wanted."""
    end = 0
    for piece in pieces:
        end += len(piece.token_ids)
        yield from range(end - piece.wanted, end)


def _inputs(pieces: Sequence[Piece], wanted: Sequence[int]) -> dict[str, Any]:
    """Return the model's inputs, under their names.

    All are flat: ``[tokens]`` for ids and positions, ``[sequences]`` for what was read before,
    ``[sequences + 1]`` for where each sequence's tokens or blocks begin and the last one's end,
    and a scalar for the length of the longest sequence.
    """
    import numpy as np

    def begins(lengths: Sequence[int]) -> NDArray[np.int32]:
        return np.fromiter(accumulate(lengths, initial=0), dtype=np.int32)

    return {
        "input_ids": np.fromiter(chain.from_iterable(p.token_ids for p in pieces), np.int64),
        "position_ids": np.concatenate([np.arange(p.past, p.length) for p in pieces]),
        "max_context_len": np.array(max(p.length for p in pieces), np.int32),
        "past_lens": np.array([p.past for p in pieces], np.int32),
        "subsequence_begins": begins([len(p.token_ids) for p in pieces]),
        "block_indices": np.fromiter(chain.from_iterable(p.blocks for p in pieces), np.int32),
        "block_indices_begins": begins([len(p.blocks) for p in pieces]),
        LOGITS_WANTED: np.array(wanted, np.int64),
    }
