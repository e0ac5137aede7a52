"""Weights in the form that OpenVINO loads in a second: quantised once, kept as OpenVINO IR.

From the safetensors folder, which every source of a model ends in, tensor by tensor into a GGUF
without a vocabulary; OpenVINO GenAI reads that, in a process of its own, and saves what it made
of it. The tokenizer stays the folder's own.
"""

from __future__ import annotations

import json
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
from typing import Any, Literal

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.jobs import Job
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
    replace_folder,
    writing_into,
)

__all__ = [
    "QUANTIZATIONS",
    "Quantization",
    "discard_openvino",
    "ensure_openvino",
    "find_openvino",
    "unsupported_reason",
]

Quantization = Literal["int8", "int4", "q8_0", "q4_0"]
QUANTIZATIONS: tuple[Quantization, ...] = ("int8", "int4", "q8_0", "q4_0")

# Raise it when saved forms of before must be made again.
CONVERTER_VERSION = 2
MANIFEST = "codeface.json"
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
BLOCK_VALUES = 32
# What the GGUF holds; of eight-bit blocks, int8 and int4 are made after it has been read.
GGUF_KINDS: Mapping[Quantization, str] = {
    "int8": "q8_0",
    "int4": "q8_0",
    "q8_0": "q8_0",
    "q4_0": "q4_0",
}
BYTES_PER_VALUE = {"q8_0": 34 / 32, "q4_0": 18 / 32}
# The graph that describes the weights; the GGUF, what is read of it and what is made of that.
GRAPH_BYTES = 8_000_000
FORMS_AT_ONCE = 3
PIECE_VALUES = 1 << 24
# First and last matrix decide single tokens; four bits there cost more than they save.
FINE_TENSORS = ("token_embd.weight", "output.weight")
# Rotary weights that a GGUF stores with the halves of each head interleaved.
INTERLEAVED = ("attn_q.weight", "attn_k.weight")
WRITER = Path(__file__).with_name("openvino_ir_writer.py")
POLL_S = 0.1
SHOWN_ERROR_CHARACTERS = 300


def unsupported_reason(folder: Path) -> str | None:
    """Return why the model in ``folder`` cannot be turned into OpenVINO's form; None if it can.

    Raises
    ------
    ModelFilesError
        If ``config.json`` is missing or broken.
    """
    config = read_config(folder)
    architecture = next(iter(config.get("architectures") or ["model of no known kind"]))
    if architecture not in ARCHITECTURES:
        return f"it is a {architecture}; {', '.join(ARCHITECTURES)} can be converted"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rows = (config["hidden_size"], config["intermediate_size"])
    problems = {
        "its weights are quantised already": config.get("quantization_config"),
        "its rotary embedding is scaled": _rope_type(rope) != "default",
        "its projections have a bias": config.get("attention_bias") or config.get("mlp_bias"),
        "its attention slides": config.get("use_sliding_window"),
        f"its rows are no multiple of {BLOCK_VALUES} values": any(n % BLOCK_VALUES for n in rows),
    }
    return next((problem for problem, is_there in problems.items() if is_there), None)


def find_openvino(local: LocalModel, *, quantization: Quantization, cache_dir: Path) -> Path | None:
    """Return the folder with the saved form of ``local``, or None if none is whole and its own."""
    folder = _target(local, quantization, cache_dir)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sizes = dict(manifest["files"])
        is_own = (
            manifest["converter_version"] == CONVERTER_VERSION
            and manifest["source"] == local.revision
            and manifest["quantization"] == quantization
        )
        is_whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return folder if is_own and is_whole else None


def ensure_openvino(
    local: LocalModel,
    *,
    quantization: Quantization,
    cache_dir: Path,
    job: Job,
) -> Path:
    """Find the saved form of ``local``, or make it.

    Safe to call from several processes at once: one works, the others wait. The folder
    appears under its name only when it is complete.

    Raises
    ------
    ModelFilesError
        If OpenVINO cannot take the model.
    FetchError
        If the disk cannot hold the result.
    Cancelled
        If ``job`` was stopped.
    """
    storage = ModelStorage(cache_dir, local.name)
    found = find_openvino(local, quantization=quantization, cache_dir=cache_dir)
    if found is not None:
        return found
    with writing_into(cache_dir), storage.lock(job):
        # Another process may have finished it while this one waited.
        found = find_openvino(local, quantization=quantization, cache_dir=cache_dir)
        if found is not None:
            return found
        return _make(local, quantization, cache_dir, job)


def discard_openvino(local: LocalModel, *, quantization: Quantization, cache_dir: Path) -> None:
    """Remove a saved form that turned out to be broken."""
    shutil.rmtree(_target(local, quantization, cache_dir), ignore_errors=True)


def _make(
    local: LocalModel,
    quantization: Quantization,
    cache_dir: Path,
    job: Job,
) -> Path:
    reason = unsupported_reason(local.path)
    if reason is not None:
        raise ModelFilesError(
            f"{local.name} cannot be converted for the engine openvino: {reason}.",
            hint="The engine transformers runs it: engine = 'transformers'.",
        )
    target = _target(local, quantization, cache_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}.part-*"):
        shutil.rmtree(stale, ignore_errors=True)
    stage = f"Preparing {local.name} for OpenVINO (once)"
    job.progress(stage)
    source = _Checkpoint(local.path)
    needed = FORMS_AT_ONCE * source.quantized_bytes(quantization) + GRAPH_BYTES
    ensure_free_space(target.parent, needed_bytes=needed, purpose=stage)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=target.parent))
    try:
        gguf = work / "model.gguf"
        _write_gguf(source, gguf, quantization=quantization, stage=stage, job=job)
        _save_as_ir(source, gguf, quantization=quantization, stage=stage, job=job)
        gguf.unlink()
        _write_manifest(work, local, quantization)
        replace_folder(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _rope_type(rope: Mapping[str, Any]) -> str:
    # Older configurations call it type.
    return str(rope.get("rope_type", rope.get("type", "default")))


def _target(local: LocalModel, quantization: Quantization, cache_dir: Path) -> Path:
    return ModelStorage(cache_dir, local.name).openvino(quantization)


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the checkpoint and its place in the GGUF."""

    parameter: str
    name: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


class _Checkpoint:
    """A safetensors folder, read tensor by tensor under a GGUF's names."""

    def __init__(self, folder: Path) -> None:
        self.config = read_config(folder)
        self.architecture = ARCHITECTURES[self.config["architectures"][0]]
        self._files: dict[str, Path] = {}
        self.tensors = list(self._find_tensors(folder))

    def quantized_bytes(self, quantization: Quantization) -> int:
        """Return about what all tensors take once they are quantised."""
        return sum(
            int(tensor.count * BYTES_PER_VALUE[_block_kind(tensor.name, quantization)])
            for tensor in self.tensors
        )

    def pieces(self, tensor: _Tensor) -> Iterator[Any]:
        """Yield a tensor's rows in GGUF's order as float32, some at a time."""
        import torch
        from safetensors import safe_open

        with safe_open(self._files[tensor.parameter], framework="pt") as file:
            values = file.get_tensor(tensor.parameter)
        if self.architecture == "llama" and tensor.name.endswith(INTERLEAVED):
            is_key = tensor.name.endswith("attn_k.weight")
            values = _interleave(values, self._key_heads if is_key else self._heads)
        step = max(1, PIECE_VALUES // max(1, tensor.count // tensor.shape[0]))
        for start in range(0, tensor.shape[0], step):
            yield values[start : start + step].to(torch.float32).numpy()

    @property
    def _heads(self) -> int:
        return int(self.config["num_attention_heads"])

    @property
    def _key_heads(self) -> int:
        return int(self.config.get("num_key_value_heads") or self._heads)

    def _find_tensors(self, folder: Path) -> Iterator[_Tensor]:
        from gguf import MODEL_ARCH_NAMES, get_tensor_name_map
        from safetensors import safe_open

        architecture = next(k for k, v in MODEL_ARCH_NAMES.items() if v == self.architecture)
        names = get_tensor_name_map(architecture, int(self.config["num_hidden_layers"]))
        for path in weight_files(folder):
            with safe_open(path, framework="pt") as file:
                for parameter in file.keys():  # noqa: SIM118 - it is no dict and cannot be iterated
                    if parameter == "lm_head.weight" and self.config.get("tie_word_embeddings"):
                        continue
                    name = names.get_name(parameter, try_suffixes=(".weight", ".bias"))
                    if name is None:
                        raise ModelFilesError(
                            f"{path} holds {parameter}, which no {self.architecture} model has."
                        )
                    shape = tuple(file.get_slice(parameter).get_shape())
                    self._files[parameter] = path
                    yield _Tensor(parameter, name, shape)

    def write_settings(self, writer: Any, *, quantization: Quantization) -> None:
        """Write the settings that OpenVINO's reader looks at."""
        from gguf import LlamaFileType

        config = self.config
        rope = config.get("rope_parameters") or config
        heads = self._heads
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(heads)
        writer.add_head_count_kv(self._key_heads)
        head_size = config.get("head_dim") or config["hidden_size"] // heads
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
        writer.add_rope_dimension_count(head_size)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
        writer.add_vocab_size(config["vocab_size"])
        # The reader tells plain weights from quantised ones by it.
        writer.add_file_type(LlamaFileType[f"MOSTLY_{GGUF_KINDS[quantization].upper()}"])


def _interleave(weight: Any, heads: int) -> Any:
    """Order rotary rows as a GGUF does: ``[heads, 2, half, in]`` → ``[heads, half, 2, in]``."""
    rows, columns = weight.shape
    split = weight.reshape(heads, 2, rows // heads // 2, columns)
    return split.transpose(1, 2).reshape(rows, columns).contiguous()


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
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter, quant_shape_to_byte_shape, quantize

    writer = GGUFWriter(file, source.architecture)
    source.write_settings(writer, quantization=quantization)
    kinds = {
        tensor.name: GGMLQuantizationType.F32
        if len(tensor.shape) == 1
        else GGMLQuantizationType[_block_kind(tensor.name, quantization).upper()]
        for tensor in source.tensors
    }
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
        job.check()
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
    """Have OpenVINO GenAI read ``gguf`` and save its own form beside it."""
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
            reason = lines[-1] if lines else f"it ended with status {process.returncode}"
            raise ModelFilesError(
                f"OpenVINO could not read the converted model: {reason[:SHOWN_ERROR_CHARACTERS]}",
                hint="The engine transformers runs it: engine = 'transformers'.",
            )


def _write_manifest(work: Path, local: LocalModel, quantization: Quantization) -> None:
    manifest = {
        "converter_version": CONVERTER_VERSION,
        "source": local.revision,
        "quantization": quantization,
        "openvino_genai_version": version("openvino-genai"),
        "files": {file.name: file.stat().st_size for file in work.iterdir()},
    }
    text = json.dumps(manifest, indent=2, sort_keys=True)
    (work / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
