"""GGUF into what transformers loads in a second: bfloat16 safetensors, tokenizer, settings.

Reading a GGUF through transformers costs most of a minute at every start; this pays it once.
Tensors are unpacked piece by piece and written shard by shard, so that the peak of memory is
two shards, whatever the model's size.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import FetchError, ModelFilesError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.storage import ensure_free_space, replace_folder

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

__all__ = ["CONVERTER_VERSION", "convert_gguf", "read_manifest"]

# Raise it when converted folders of before must be made again.
CONVERTER_VERSION = 1
MANIFEST = "codeface.json"
SHARD_BYTES = 512 * 2**20
PIECE_VALUES = 1 << 24
BFLOAT16_BYTES = 2
SUPPORTED_ARCHITECTURES = ("llama", "qwen2")
# Rotary weights that llama.cpp stores with the halves of each head interleaved.
INTERLEAVED = ("attn_q.weight", "attn_k.weight")
SAME_MATRIX_COSINE = 0.95
# End-of-turn tokens of the usual chat formats; those that the vocabulary holds end an answer.
STOP_TOKENS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return a converted folder's manifest, or None if this version did not write it whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("converter_version") != CONVERTER_VERSION:
        return None
    return manifest


def convert_gguf(
    gguf: Path,
    target: Path,
    *,
    sha256: str,
    job: Job,
) -> None:
    """Turn ``gguf`` into a folder that ``AutoModelForCausalLM.from_pretrained`` loads.

    The folder appears under its name only when it is complete; what an interrupted run left
    behind is removed.

    Parameters
    ----------
    gguf, target
        The file to read and the folder to make.
    sha256
        The file's digest, kept in the manifest as the weights' origin.
    job
        Told of the progress; stopped, it ends the work.

    Raises
    ------
    ModelFilesError
        If the file is no GGUF, or of an architecture that is not known here.
    FetchError
        If the disk cannot hold the result.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}.part-*"):
        shutil.rmtree(stale, ignore_errors=True)
    job.progress(f"Reading {gguf.name}")
    source = _GgufSource(gguf)
    job.check()
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=target.parent))
    try:
        _convert(source, work, job=job)
        _write_manifest(work, gguf, sha256)
        replace_folder(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _convert(source: _GgufSource, work: Path, *, job: Job) -> None:
    config = source.config()
    shapes = _parameter_shapes(config)
    total = _total_bytes(shapes)
    ensure_free_space(work, needed_bytes=total, purpose=source.stage)
    job.progress(source.stage, 0, total, "B")
    job.check()
    tokenizer = source.tokenizer()
    tokenizer.save_pretrained(work)
    _save_settings(config, tokenizer, work)
    _save_weights(source, config, shapes, work, job=job)


@dataclass
class _Tensor:
    """One tensor of the file: its packed rows, unpacked on demand."""

    name: str
    shape: tuple[int, ...]
    packed: Any
    quantization: Any

    def rows(self, start: int, stop: int) -> Any:
        """Unpack rows into float32, shape ``[stop - start, …]``."""
        from gguf import dequantize

        return dequantize(self.packed[start:stop], self.quantization)


class _GgufSource:
    """A GGUF file as a set of named tensors plus what transformers makes of its metadata."""

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
                f"{path} holds a {self.architecture} model; conversion knows "
                f"{', '.join(SUPPORTED_ARCHITECTURES)}.",
                hint="Use the model's safetensors from the hub instead.",
            )
        # Not the reader's own fields: a vocabulary takes half a gigabyte in them.
        self._scalars = {
            name: (field.contents(), field.types[0])
            for name, field in reader.fields.items()
            if not name.startswith("GGUF.") and name != "general.architecture"
            if field.types and field.types[0] is not GGUFValueType.ARRAY
        }
        self._tensors = {
            tensor.name: _Tensor(
                name=tensor.name,
                # GGUF counts dimensions from the fastest one.
                shape=tuple(int(n) for n in reversed(tensor.shape)),
                packed=tensor.data,
                quantization=tensor.tensor_type,
            )
            for tensor in reader.tensors
        }

    def config(self) -> PretrainedConfig:
        """Return the model's configuration, with tied embeddings told apart from a copy."""
        from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

        with tempfile.TemporaryDirectory(prefix="codeface-") as folder:
            # Without the vocabulary, which takes ten seconds to read and says nothing here.
            self._write_scalars(Path(folder) / "scalars.gguf")
            config = AutoConfig.from_pretrained(folder, gguf_file="scalars.gguf")
        config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].__name__]
        config.dtype = "bfloat16"
        config.name_or_path = ""
        config.tie_word_embeddings = self._output_repeats_embedding()
        return config

    def _write_scalars(self, file: Path) -> None:
        """Write a GGUF that holds this one's settings, no lists and no tensors."""
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
        """Return the tensor that holds ``parameter``, named as transformers does."""
        from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

        architecture = next(k for k, v in MODEL_ARCH_NAMES.items() if v == self.architecture)
        names = get_tensor_name_map(architecture, num_layers)
        name = names.get_name(parameter, try_suffixes=(".weight", ".bias"))
        # A tied matrix may be stored twice; the output's copy is quantised more finely.
        if name == "token_embd.weight" and self._output_repeats_embedding():
            name = "output.weight" if "output.weight" in self._tensors else name
        if name is None or name not in self._tensors:
            raise ModelFilesError(f"{self.path} has no tensor for {parameter}.")
        return self._tensors[name]

    def is_interleaved(self, tensor: _Tensor) -> bool:
        """Whether the rows of each head must be put back into transformers' order."""
        return self.architecture == "llama" and tensor.name.endswith(INTERLEAVED)

    def _output_repeats_embedding(self) -> bool:
        """Whether output and embedding are one matrix, but for how it was quantised."""
        import numpy as np

        output, embedding = self._tensors.get("output.weight"), self._tensors["token_embd.weight"]
        if output is None:
            return True
        sample = min(64, output.shape[0])
        a, b = output.rows(0, sample).ravel(), embedding.rows(0, sample).ravel()
        if a.shape != b.shape:
            return False
        cosine = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))
        return cosine > SAME_MATRIX_COSINE


def _parameter_shapes(config: PretrainedConfig) -> dict[str, tuple[int, ...]]:
    """Return every parameter of the model, tied ones once, in the model's order."""
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
    weight_map: dict[str, str] = {}
    done = 0
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {}
        for name in names:
            job.check()
            tensors[name] = _unpack(source, name, shapes[name], config)
            done += _count(shapes[name]) * BFLOAT16_BYTES
            job.progress(source.stage, done, total, "B")
        try:
            save_file(tensors, work / file, metadata={"format": "pt"})
        except SafetensorError as error:
            raise FetchError(
                f"{work / file} could not be written: {error}.",
                hint="Nothing half-made was kept. Check the disk's free space, then run it again.",
            ) from error
        weight_map |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    _write_json(work / "model.safetensors.index.json", index)


def _shards(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[list[str]]:
    names: list[str] = []
    size = 0
    for name, shape in shapes.items():
        tensor_bytes = _count(shape) * BFLOAT16_BYTES
        if names and size + tensor_bytes > SHARD_BYTES:
            yield names
            names, size = [], 0
        names.append(name)
        size += tensor_bytes
    yield names


def _unpack(
    source: _GgufSource, name: str, shape: tuple[int, ...], config: PretrainedConfig
) -> torch.Tensor:
    """Return a parameter as bfloat16; no more than a piece of it is ever float32."""
    import torch

    tensor = source.tensor_for(name, num_layers=config.num_hidden_layers)
    if tensor.shape != shape:
        raise ModelFilesError(
            f"{source.path}: {tensor.name} has shape {tensor.shape}, {shape} was expected."
        )
    result = torch.empty(shape, dtype=torch.bfloat16)
    step = max(1, PIECE_VALUES // max(1, _count(shape[1:])))
    for start in range(0, shape[0], step):
        piece = tensor.rows(start, min(start + step, shape[0]))
        # A copy, as the file's own pages must not be written to.
        result[start : start + step] = torch.from_numpy(piece.copy()).reshape(-1, *shape[1:])
    if source.is_interleaved(tensor):
        heads = config.num_attention_heads
        if tensor.name.endswith("attn_k.weight"):
            heads = config.num_key_value_heads
        result = _deinterleave(result, heads)
    return result


def _deinterleave(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Undo llama.cpp's order of rows: ``[heads, half, 2, in]`` → ``[heads, 2, half, in]``."""
    rows, columns = weight.shape
    split = weight.reshape(heads, rows // heads // 2, 2, columns)
    return split.transpose(1, 2).reshape(rows, columns).contiguous()


def _save_settings(
    config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, work: Path
) -> None:
    from transformers import GenerationConfig

    stops = stop_token_ids(tokenizer)
    # Greedy unless asked otherwise: sampling is each request's choice.
    generation = GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=stops,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0],
    )
    config.save_pretrained(work)
    generation.save_pretrained(work)


def stop_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end an answer: end-of-sequence first, then known end-of-turn marks."""
    vocabulary = tokenizer.get_vocab()
    marks: Sequence[str | None] = (tokenizer.eos_token, *STOP_TOKENS)
    return list(dict.fromkeys(vocabulary[mark] for mark in marks if mark in vocabulary))


def _write_manifest(work: Path, gguf: Path, sha256: str) -> None:
    import transformers

    manifest = {
        "converter_version": CONVERTER_VERSION,
        "source": gguf.name,
        "source_sha256": sha256,
        "dtype": "bfloat16",
        "transformers_version": transformers.__version__,
    }
    _write_json(work / MANIFEST, manifest)


def _write_json(file: Path, value: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _total_bytes(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(_count(shape) for shape in shapes.values()) * BFLOAT16_BYTES


def _count(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
