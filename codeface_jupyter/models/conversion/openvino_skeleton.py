"""A GGUF of a model's architecture, small, in which every tensor holds its own number.

OpenVINO GenAI makes the graph of such a file in a second, and the weights need not pass
through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.openvino_ir_writer import (
    LARGEST_NUMBER,
    SKELETON_GGUF,
    WeightTensor,
)

__all__ = ["write_skeleton"]

# In place of the model's width, of its projections' and of its vocabulary's size.
WIDTH = 32
# The dimension that is made of heads, of which the graph needs to know the number and the size.
HEADS_AXES: Final = {
    "attn_q": 0,
    "attn_k": 0,
    "attn_v": 0,
    "attn_q_norm": 0,
    "attn_k_norm": 0,
    "attn_output": 1,
}


def write_skeleton(
    folder: Path,
    tensors: Sequence[WeightTensor],
    *,
    architecture: str,
    config: Mapping[str, Any],
) -> None:
    """Write the GGUF; the tensors' numbers are their places, from one on.

    Parameters
    ----------
    folder
        Where to.
    tensors
        Names and shapes of the model's.
    architecture
        The GGUF's word for it, such as ``"llama"``.
    config
        The model's ``config.json``.

    Raises
    ------
    ModelFilesError
        If there are more tensors than numbers.
    """
    import numpy as np
    from gguf import GGUFWriter

    if len(tensors) > LARGEST_NUMBER:
        raise ModelFilesError(
            f"The model has {len(tensors):,} tensors; at most {LARGEST_NUMBER:,} are converted.",
            hint="The transformers engine runs it: engine = 'transformers'.",
        )
    writer = GGUFWriter(folder / SKELETON_GGUF, architecture)
    _add_settings(writer, config)
    for number, tensor in enumerate(tensors, start=1):
        # The reader takes vectors in float32 only, and matrices in float16.
        kind = np.float16 if tensor.is_matrix else np.float32
        writer.add_tensor(tensor.name, np.full(_shape(tensor), number, dtype=kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shape(tensor: WeightTensor) -> tuple[int, ...]:
    part = tensor.name.split(".")[-2]
    kept = HEADS_AXES.get(part)
    shape = enumerate(tensor.stored.shape)
    return tuple(length if axis == kept else WIDTH for axis, length in shape)


def _add_settings(writer: Any, config: Mapping[str, Any]) -> None:
    """Write the metadata that OpenVINO's reader needs."""
    from gguf import LlamaFileType

    sizes = Architecture.of(config)
    # Where the base frequency is has changed with transformers 5.
    rope = config.get("rope_parameters") or config
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(sizes.num_layers)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(sizes.num_heads)
    writer.add_head_count_kv(sizes.num_kv_heads)
    writer.add_key_length(sizes.head_dim)
    writer.add_value_length(sizes.head_dim)
    writer.add_rope_dimension_count(sizes.head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
    writer.add_vocab_size(WIDTH)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
