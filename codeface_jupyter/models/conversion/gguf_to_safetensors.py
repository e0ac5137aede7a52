"""From GGUF to a folder that transformers loads in a second: bfloat16 safetensors and tokenizer.

Reading a GGUF through transformers takes most of a minute at every start; here it is paid once.
Tensors are dequantized piece by piece and written shard by shard, so that the peak of memory is
two shards, whatever the model's size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import FetchError, ModelFilesError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import DTYPE_BYTES, Architecture
from codeface_jupyter.models.conversion.gguf_layout import (
    deinterleave,
    interleaved_heads,
    row_slices,
    tensor_namer,
)
from codeface_jupyter.models.conversion.manifest import read_manifest, write_json, write_manifest
from codeface_jupyter.models.end_tokens import end_token_ids
from codeface_jupyter.models.storage import ensure_free_space, new_folder

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

__all__ = ["CONVERTER_VERSION", "convert_gguf", "is_converted"]

# To be raised when folders of earlier versions must be converted again.
CONVERTER_VERSION = 1
SHARD_BYTES = 512 * 2**20
BFLOAT16_BYTES = DTYPE_BYTES["bfloat16"]
SUPPORTED_ARCHITECTURES = ("llama", "qwen2")
# Two quantizations of one matrix are closer than this; two trained matrices are far from it.
SAME_MATRIX_COSINE = 0.95
SAMPLED_ROWS = slice(64)


def is_converted(folder: Path, *, sha256: str) -> bool:
    """Whether this converter made ``folder`` of the GGUF with that digest, and it is complete."""
    manifest = read_manifest(folder, converter_version=CONVERTER_VERSION)
    return manifest is not None and manifest.get("source_sha256") == sha256


def convert_gguf(gguf: Path, target: Path, *, sha256: str, job: Job) -> None:
    """Convert ``gguf`` to a folder that ``AutoModelForCausalLM.from_pretrained`` loads.

    The folder appears under its name only when it is complete; what an interrupted run left
    behind is removed.

    Parameters
    ----------
    gguf, target
        The file to read and the folder to make.
    sha256
        The file's digest, kept in the manifest as the weights' origin.
    job
        Reports progress and may stop the work.

    Raises
    ------
    ModelFilesError
        If the file is not a GGUF, or of an architecture that is not supported.
    FetchError
        If the disk cannot hold the result.
    """
    with new_folder(target) as work:
        job.progress(f"Reading {gguf.name}")
        source = _GgufSource(gguf)
        job.check()
        _convert(source, work, job=job)
        write_manifest(work, converter_version=CONVERTER_VERSION, facts=_facts(gguf, sha256))


def _convert(source: _GgufSource, work: Path, *, job: Job) -> None:
    config = source.config()
    shapes = _parameter_shapes(config)
    total = _total_bytes(shapes)
    ensure_free_space(work.parent, needed_bytes=total, purpose=source.stage)
    job.progress(source.stage, 0, total, "B")
    tokenizer = source.tokenizer()
    tokenizer.save_pretrained(work)
    _save_settings(config, tokenizer, work)
    _save_weights(source, config, shapes, work, job=job)


@dataclass
class _Tensor:
    """One tensor of the file, dequantized on demand.

    ``packed`` has as many rows as ``shape``. Each holds whole blocks of values that share a
    scale, so that any rows can be dequantized without the others.
    """

    name: str
    shape: tuple[int, ...]
    packed: Any
    quantization: Any

    def rows(self, rows: slice) -> Any:
        """Return rows in float32, shape ``[rows, …]``."""
        from gguf import dequantize

        return dequantize(self.packed[rows], self.quantization)


class _GgufSource:
    """A GGUF file: its tensors by name, and what transformers makes of its metadata."""

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader, GGUFValueType

        self.path = path
        self.stage = f"Converting {path.stem} (once)"
        try:
            reader = GGUFReader(path)
            self.architecture = str(reader.fields["general.architecture"].contents())
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise ModelFilesError(f"{path} is not a readable GGUF file: {error}.") from error
        if self.architecture not in SUPPORTED_ARCHITECTURES:
            raise ModelFilesError(
                f"{path} holds a {self.architecture} model, which cannot be converted; "
                f"supported are {', '.join(SUPPORTED_ARCHITECTURES)}.",
                hint="Use the model's safetensors from the hub instead.",
            )
        # The reader itself is not kept: its fields hold a vocabulary in half a gigabyte.
        self._scalars = {
            name: (field.contents(), field.types[0])
            for name, field in reader.fields.items()
            if not name.startswith("GGUF.") and name != "general.architecture"
            if field.types and field.types[0] is not GGUFValueType.ARRAY
        }
        self._tensors = {
            tensor.name: _Tensor(
                name=tensor.name,
                # A GGUF lists the dimension that varies fastest first, torch last.
                shape=tuple(int(n) for n in reversed(tensor.shape)),
                packed=tensor.data,
                quantization=tensor.tensor_type,
            )
            for tensor in reader.tensors
        }

    def config(self) -> PretrainedConfig:
        """Return the model's configuration, which says whether its embeddings are tied."""
        from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

        with tempfile.TemporaryDirectory(prefix="codeface-") as folder:
            # Without the vocabulary: it takes ten seconds to read and is not needed here.
            self._write_scalars(Path(folder) / "scalars.gguf")
            config = AutoConfig.from_pretrained(folder, gguf_file="scalars.gguf")
        config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].__name__]
        config.dtype = "bfloat16"
        config.name_or_path = ""
        config.tie_word_embeddings = self._output_repeats_embedding()
        return config

    def _write_scalars(self, file: Path) -> None:
        """Write a GGUF with the same settings, but without lists and tensors."""
        from gguf import GGUFWriter

        writer = GGUFWriter(file, self.architecture)
        for name, (value, kind) in self._scalars.items():
            writer.add_key_value(name, value, kind)
        vocabulary = f"{self.architecture}.vocab_size"
        if vocabulary not in self._scalars:
            writer.add_uint32(vocabulary, self._tensors["token_embd.weight"].shape[0])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer with its chat template."""
        from transformers import AutoTokenizer

        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            self.path.parent, gguf_file=self.path.name
        )
        return tokenizer

    def tensor_for(self, parameter: str, *, num_layers: int) -> _Tensor:
        """Return the tensor that holds ``parameter``, named as in transformers."""
        name = tensor_namer(self.architecture, num_layers=num_layers)(parameter)
        # A tied matrix may be stored twice; the output's copy is quantized more finely.
        if name == "token_embd.weight" and self._output_repeats_embedding():
            name = "output.weight" if "output.weight" in self._tensors else name
        if name is None or name not in self._tensors:
            raise ModelFilesError(f"{self.path} has no tensor for {parameter}.")
        return self._tensors[name]

    def _output_repeats_embedding(self) -> bool:
        """Whether output and embedding are one matrix, apart from its quantization."""
        import numpy as np

        output, embedding = self._tensors.get("output.weight"), self._tensors["token_embd.weight"]
        if output is None:
            return True
        # Both have shape [vocabulary, hidden]; the first tokens tell.
        a, b = output.rows(SAMPLED_ROWS).ravel(), embedding.rows(SAMPLED_ROWS).ravel()
        if a.shape != b.shape:
            return False
        cosine = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))
        return cosine > SAME_MATRIX_COSINE


def _parameter_shapes(config: PretrainedConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter, tied ones once, in the model's order."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _save_weights(
    source: _GgufSource,
    config: PretrainedConfig,
    shapes: Mapping[str, tuple[int, ...]],
    work: Path,
    *,
    job: Job,
) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    total = _total_bytes(shapes)
    shards = list(_shards(shapes))
    sizes = Architecture.of(config)
    weight_map: dict[str, str] = {}
    done = 0
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {}
        for name in names:
            tensors[name] = _unpack(source, name, shapes[name], sizes)
            done += prod(shapes[name]) * BFLOAT16_BYTES
            job.progress(source.stage, done, total, "B")
        try:
            save_file(tensors, work / file, metadata={"format": "pt"})
        except SafetensorError as error:
            raise FetchError(
                f"{work / file} could not be written: {error}.",
                hint="No incomplete file was kept. Check the disk's free space, then run it again.",
            ) from error
        weight_map |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    write_json(work / "model.safetensors.index.json", index)


def _shards(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[list[str]]:
    """Yield the names of the parameters of each file, at most `SHARD_BYTES` or one tensor."""
    names: list[str] = []
    size = 0
    for name, shape in shapes.items():
        tensor_bytes = prod(shape) * BFLOAT16_BYTES
        if names and size + tensor_bytes > SHARD_BYTES:
            yield names
            names, size = [], 0
        names.append(name)
        size += tensor_bytes
    yield names


def _unpack(
    source: _GgufSource, name: str, shape: tuple[int, ...], sizes: Architecture
) -> torch.Tensor:
    """Return a parameter in bfloat16; only a piece of it at a time is in float32."""
    import torch

    tensor = source.tensor_for(name, num_layers=sizes.num_layers)
    if tensor.shape != shape:
        raise ModelFilesError(
            f"{source.path}: {tensor.name} has shape {tensor.shape} instead of {shape}."
        )
    result = torch.empty(shape, dtype=torch.bfloat16)
    for rows in row_slices(shape):
        # A copy: what is not quantized are the mapped file's own pages, which are read-only.
        piece = torch.from_numpy(tensor.rows(rows).copy())
        result[rows] = piece.reshape(-1, *shape[1:])
    heads = interleaved_heads(tensor.name, architecture=source.architecture, sizes=sizes)
    return result if heads is None else deinterleave(result, heads)


def _save_settings(
    config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, work: Path
) -> None:
    from transformers import GenerationConfig

    stops = stop_token_ids(tokenizer)
    # Without sampling parameters, which are each request's choice.
    generation = GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=stops,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0],
    )
    config.save_pretrained(work)
    generation.save_pretrained(work)


def stop_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end an answer: the tokenizer's own first, then the usual ones."""
    vocabulary = tokenizer.get_vocab()
    own = [vocabulary[tokenizer.eos_token]] if tokenizer.eos_token in vocabulary else []
    return list(dict.fromkeys([*own, *end_token_ids(vocabulary)]))


def _facts(gguf: Path, sha256: str) -> dict[str, str]:
    import transformers

    return {
        "source": gguf.name,
        "source_sha256": sha256,
        "dtype": "bfloat16",
        "transformers_version": transformers.__version__,
    }


def _total_bytes(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(prod(shape) for shape in shapes.values()) * BFLOAT16_BYTES
