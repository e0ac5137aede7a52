"""From safetensors to OpenVINO IR, quantized once, which OpenVINO loads in a second.

Every source of a model ends in a safetensors folder. It is written tensor by tensor to a GGUF
without a vocabulary, which OpenVINO GenAI reads in a process of its own and saves as IR. The
tokenizer stays in the safetensors folder.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.gguf_layout import (
    interleave,
    interleaved_heads,
    row_slices,
    tensor_namer,
)
from codeface_jupyter.models.conversion.manifest import read_manifest, write_manifest
from codeface_jupyter.models.folder_check import (
    IR_FILE,
    IR_WEIGHTS_FILE,
    read_config,
    weight_files,
)
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.storage import (
    ModelStorage,
    ensure_free_space,
    new_folder,
    writing_into,
)

__all__ = ["QUANTIZATIONS", "OpenVINOForm", "Quantization", "unsupported_reason"]

Quantization = Literal["int8", "int4", "q8_0", "q4_0"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)

# To be raised when what earlier versions saved must be converted again.
CONVERTER_VERSION = 2
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
BLOCK_VALUES = 32
# The blocks in the GGUF; int8 and int4 are packed from eight-bit blocks after it is read.
GGUF_KINDS: Mapping[Quantization, str] = {
    "int8": "q8_0",
    "int4": "q8_0",
    "q8_0": "q8_0",
    "q4_0": "q4_0",
}
# A block holds 32 codes of eight or four bits, and one scale of two bytes.
BYTES_PER_VALUE = {"q8_0": 34 / 32, "q4_0": 18 / 32}
# On the disk at once: the GGUF, the IR made of it, and that IR packed anew; each with a graph.
GRAPH_BYTES = 8_000_000
FORMS_AT_ONCE = 3
# The first and the last matrix decide single tokens; four bits there cost more than they save.
FINE_TENSORS = ("token_embd.weight", "output.weight")
WRITER = Path(__file__).with_name("openvino_ir_writer.py")
POLL_S = 0.1
SHOWN_ERROR_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True)
class OpenVINOForm:
    """A model's weights as OpenVINO IR, which may have to be made yet.

    Attributes
    ----------
    local
        The model whose weights they are.
    quantization
        How they are quantized.
    cache_dir
        The user's cache folder, which they are kept in.
    """

    local: LocalModel
    quantization: Quantization
    cache_dir: Path

    @property
    def folder(self) -> Path:
        """The folder of the IR, existing or not."""
        return self._storage.openvino(self.quantization)

    @property
    def _storage(self) -> ModelStorage:
        return ModelStorage(self.cache_dir, self.local.name)

    def find(self) -> Path | None:
        """Return the folder; None unless it is complete and of the model's present weights."""
        manifest = read_manifest(self.folder, converter_version=CONVERTER_VERSION)
        if manifest is None or manifest.get("source") != self.local.revision:
            return None
        return self.folder if manifest.get("quantization") == self.quantization else None

    def ensure(self, job: Job) -> Path:
        """Return the folder, converting the model if that has not been done.

        Safe to call from several processes at once: one works, the others wait. The folder
        appears under its name only when it is complete.

        Raises
        ------
        ModelFilesError
            If the model cannot be converted.
        FetchError
            If the disk cannot hold the result.
        Cancelled
            If ``job`` was stopped.
        """
        found = self.find()
        if found is not None:
            return found
        with writing_into(self.cache_dir), self._storage.lock(job):
            # Another process may have finished it while this one waited.
            if self.find() is None:
                _convert(self, job)
        return self.folder

    def discard(self) -> None:
        """Remove the folder, which turned out to be broken."""
        shutil.rmtree(self.folder, ignore_errors=True)


def unsupported_reason(folder: Path) -> str | None:
    """Return why the model in ``folder`` cannot be converted to OpenVINO IR; None if it can.

    Raises
    ------
    ModelFilesError
        If ``config.json`` is missing or broken.
    """
    config = read_config(folder)
    architecture = next(iter(config.get("architectures") or ["model of unknown architecture"]))
    if architecture not in ARCHITECTURES:
        return f"it is a {architecture}; only {', '.join(ARCHITECTURES)} can be converted"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rows = (config["hidden_size"], config["intermediate_size"])
    problems = {
        "its weights are already quantized": config.get("quantization_config"),
        "its rotary embedding is scaled": _rope_type(rope) != "default",
        "its projections have a bias": config.get("attention_bias") or config.get("mlp_bias"),
        "its attention has a sliding window": config.get("use_sliding_window"),
        f"its row size is no multiple of {BLOCK_VALUES}": any(n % BLOCK_VALUES for n in rows),
    }
    return next((problem for problem, is_there in problems.items() if is_there), None)


def _convert(form: OpenVINOForm, job: Job) -> None:
    local, target = form.local, form.folder
    reason = unsupported_reason(local.path)
    if reason is not None:
        raise ModelFilesError(
            f"{local.name} cannot be converted for the openvino engine: {reason}.",
            hint="The transformers engine runs it: engine = 'transformers'.",
        )
    stage = f"Preparing {local.name} for OpenVINO (once)"
    job.progress(stage)
    source = _Checkpoint(local.path)
    needed = FORMS_AT_ONCE * source.quantized_bytes(form.quantization) + GRAPH_BYTES
    with new_folder(target) as work:
        ensure_free_space(target.parent, needed_bytes=needed, purpose=stage)
        gguf = work / "model.gguf"
        _write_gguf(source, gguf, quantization=form.quantization, stage=stage, job=job)
        _save_as_ir(source, gguf, quantization=form.quantization, stage=stage, job=job)
        gguf.unlink()
        write_manifest(
            work,
            converter_version=CONVERTER_VERSION,
            facts={
                "source": local.revision,
                "quantization": form.quantization,
                "openvino_genai_version": version("openvino-genai"),
            },
        )


def _rope_type(rope: Mapping[str, Any]) -> str:
    # Older configurations name the key "type".
    return str(rope.get("rope_type", rope.get("type", "default")))


@dataclass(frozen=True)
class _Tensor:
    """A tensor: the checkpoint's parameter, its name in the GGUF and its shape."""

    parameter: str
    name: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


class _Checkpoint:
    """A safetensors folder, read tensor by tensor as a GGUF has them."""

    def __init__(self, folder: Path) -> None:
        self.config = read_config(folder)
        self.sizes = Architecture.of(self.config)
        self.architecture = ARCHITECTURES[self.config["architectures"][0]]
        self._files: dict[str, Path] = {}
        self.tensors = list(self._find_tensors(folder))

    def quantized_bytes(self, quantization: Quantization) -> int:
        """Return about how many bytes all tensors take once they are quantized."""
        return sum(
            int(tensor.count * BYTES_PER_VALUE[_block_kind(tensor.name, quantization)])
            for tensor in self.tensors
        )

    def pieces(self, tensor: _Tensor) -> Iterator[Any]:
        """Yield a tensor's rows in the GGUF's order, some at a time, as float32 arrays."""
        import torch
        from safetensors import safe_open

        with safe_open(self._files[tensor.parameter], framework="pt") as file:
            values = file.get_tensor(tensor.parameter)
        heads = interleaved_heads(tensor.name, architecture=self.architecture, sizes=self.sizes)
        if heads is not None:
            values = interleave(values, heads)
        for rows in row_slices(tensor.shape):
            yield values[rows].to(torch.float32).numpy()

    def _find_tensors(self, folder: Path) -> Iterator[_Tensor]:
        from safetensors import safe_open

        gguf_name = tensor_namer(self.architecture, num_layers=self.sizes.num_layers)
        for path in weight_files(folder):
            with safe_open(path, framework="pt") as file:
                for parameter in file.keys():  # noqa: SIM118 - not a dict, and not iterable
                    # A tied output matrix may be stored as a copy; the GGUF needs none.
                    if parameter == "lm_head.weight" and self.config.get("tie_word_embeddings"):
                        continue
                    name = gguf_name(parameter)
                    if name is None:
                        raise ModelFilesError(
                            f"{path} holds {parameter}, which no {self.architecture} model has."
                        )
                    shape = tuple(file.get_slice(parameter).get_shape())
                    self._files[parameter] = path
                    yield _Tensor(parameter, name, shape)

    def write_settings(self, writer: Any, *, quantization: Quantization) -> None:
        """Write the metadata that OpenVINO's reader needs."""
        from gguf import LlamaFileType

        config, sizes = self.config, self.sizes
        # Where the base frequency is has changed with transformers 5.
        rope = config.get("rope_parameters") or config
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_block_count(sizes.num_layers)
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(sizes.num_heads)
        writer.add_head_count_kv(sizes.num_kv_heads)
        writer.add_key_length(sizes.head_dim)
        writer.add_value_length(sizes.head_dim)
        writer.add_rope_dimension_count(sizes.head_dim)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
        writer.add_vocab_size(config["vocab_size"])
        # From this the reader knows that the weights are quantized.
        writer.add_file_type(LlamaFileType[f"MOSTLY_{GGUF_KINDS[quantization].upper()}"])


def _block_kind(name: str, quantization: Quantization) -> str:
    return "q8_0" if name in FINE_TENSORS else GGUF_KINDS[quantization]


def _write_gguf(
    source: _Checkpoint,
    file: Path,
    *,
    quantization: Quantization,
    stage: str,
    job: Job,
) -> None:
    """Write the checkpoint's tensors, quantized in blocks of `BLOCK_VALUES` along each row."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter, quant_shape_to_byte_shape, quantize

    writer = GGUFWriter(file, source.architecture)
    source.write_settings(writer, quantization=quantization)
    # Vectors (norms and biases) stay in float32: they are small, and every layer needs them.
    kinds = {
        tensor.name: GGMLQuantizationType.F32
        if len(tensor.shape) == 1
        else GGMLQuantizationType[_block_kind(tensor.name, quantization).upper()]
        for tensor in source.tensors
    }
    # All shapes and sizes come first, then the tensors' bytes in the same order.
    for tensor in source.tensors:
        kind = kinds[tensor.name]
        size = 4 * tensor.count
        if kind is not GGMLQuantizationType.F32:
            size = math.prod(quant_shape_to_byte_shape(tensor.shape, kind))
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    total, done = sum(tensor.count for tensor in source.tensors), 0
    for tensor in source.tensors:
        packed = [quantize(rows, kinds[tensor.name]) for rows in source.pieces(tensor)]
        writer.write_tensor_data(np.concatenate(packed))
        done += tensor.count
        job.progress(stage, done, total)
    writer.close()


def _save_as_ir(
    source: _Checkpoint,
    gguf: Path,
    *,
    quantization: Quantization,
    stage: str,
    job: Job,
) -> None:
    """Have OpenVINO GenAI read ``gguf`` and save it as IR beside it."""
    graph = gguf.with_name(IR_FILE)
    arguments = (str(gguf), str(graph), quantization, str(source.config["intermediate_size"]))
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, and a script of our own
            [sys.executable, "-I", str(WRITER), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            while process.poll() is None:
                job.progress(f"{stage}: saving")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode != 0 or not gguf.with_name(IR_WEIGHTS_FILE).is_file():
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else f"exit status {process.returncode}"
            raise ModelFilesError(
                f"OpenVINO could not read the converted model: {reason[:SHOWN_ERROR_CHARACTERS]}",
                hint="The transformers engine runs it: engine = 'transformers'.",
            )
