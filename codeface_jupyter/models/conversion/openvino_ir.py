"""From a model's weights to OpenVINO IR, quantized once, which OpenVINO loads in a second.

The weights are read where they were fetched to, a GGUF or safetensors, and packed straight into
the graph, in a process of its own. The tokenizer stays in the model's folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.jobs import Job, Step
from codeface_jupyter.models.conversion.gguf_tensors import GgufTensors, safetensors_tensors
from codeface_jupyter.models.conversion.manifest import read_manifest, write_manifest
from codeface_jupyter.models.conversion.openvino_ir_writer import WeightTensor, write_tensors
from codeface_jupyter.models.conversion.openvino_skeleton import write_skeleton
from codeface_jupyter.models.conversion.packed_matrix import (
    BYTES_PER_VALUE,
    GROUP_VALUES,
    Quantization,
    packing,
)
from codeface_jupyter.models.folder_check import IR_WEIGHTS_FILE, read_config
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.processes import lines
from codeface_jupyter.models.storage import (
    ModelStorage,
    ensure_free_space,
    new_folder,
    writing_into,
)

__all__ = ["OpenVINOForm", "unsupported_reason"]

# To be raised when what earlier versions saved must be converted again.
CONVERTER_VERSION = 2
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
# It is written as a float32.
LARGEST_ROPE_BASE = 1e38
# What every published configuration of these gives.
FIGURES: Mapping[str, type | tuple[type, ...]] = {
    "hidden_size": int,
    "intermediate_size": int,
    "num_hidden_layers": int,
    "num_attention_heads": int,
    "max_position_embeddings": int,
    "rms_norm_eps": (int, float),
}
# The graph itself, beside its weights.
GRAPH_BYTES = 8_000_000
# Isolated from the folder it is started in; the package is found last, wherever it is.
WRITER = """
import sys
sys.path.append(sys.argv.pop())
from codeface_jupyter.models.ending_with_parent import end_with
end_with(int(sys.argv.pop()))
from codeface_jupyter.models.conversion.openvino_ir_writer import main
main()
"""
PACKAGE_PARENT = Path(__file__).parents[3]
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
    if (missing := _missing_figure(config)) is not None:
        return f"its config.json gives no usable {missing}"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rows = (config["hidden_size"], config["intermediate_size"])
    problems = {
        "its weights are already quantized": config.get("quantization_config"),
        "its rotary embedding is scaled": _rope_type(rope) != "default",
        "its projections have a bias": config.get("attention_bias") or config.get("mlp_bias"),
        "its attention has a sliding window": config.get("use_sliding_window"),
        f"its row size is no multiple of {GROUP_VALUES}": any(n % GROUP_VALUES for n in rows),
    }
    return next((problem for problem, is_there in problems.items() if is_there), None)


def _missing_figure(config: Mapping[str, Any]) -> str | None:
    """Return what the graph cannot be made without, and the configuration does not give."""
    for name, kinds in FIGURES.items():
        if not isinstance(config.get(name), kinds) or not config[name] > 0:
            return name
    for table in ("rope_parameters", "rope_scaling"):
        if not isinstance(config.get(table) or {}, Mapping):
            return table
    base = (config.get("rope_parameters") or config).get("rope_theta", 1)
    is_usable = isinstance(base, int | float) and 0 < base < LARGEST_ROPE_BASE
    return None if is_usable else "rope_theta"


def _convert(form: OpenVINOForm, job: Job) -> None:
    job = job.in_step(Step.CONVERT)
    local, target = form.local, form.folder
    reason = unsupported_reason(local.path)
    if reason is not None:
        raise ModelFilesError(
            f"{local.name} cannot be converted for the openvino engine: {reason}.",
            hint="The transformers engine runs it: engine = 'transformers'.",
        )
    stage = f"Preparing {local.name} for OpenVINO (once)"
    job.progress(stage)
    config = read_config(local.path)
    tensors = list(_tensors(local, config, quantization=form.quantization))
    with new_folder(target) as work:
        needed = GRAPH_BYTES + sum(map(_packed_bytes, tensors))
        ensure_free_space(target.parent, needed_bytes=needed, purpose=stage)
        _write_ir(work, tensors, config=config, stage=stage, job=job)
        write_manifest(
            work,
            converter_version=CONVERTER_VERSION,
            facts={
                "source": local.revision,
                "quantization": form.quantization,
                "openvino_genai_version": version("openvino-genai"),
            },
        )


def _tensors(
    local: LocalModel, config: Mapping[str, Any], *, quantization: Quantization
) -> Iterator[WeightTensor]:
    """Yield the model's tensors, from its GGUF if it has one."""
    if local.gguf is not None:
        found = GgufTensors(local.gguf, folder=local.path).by_name
    else:
        found = safetensors_tensors(local.path, architecture=_architecture(config))
    for name, stored in found.items():
        yield WeightTensor(name=name, stored=stored, packing=packing(name, quantization))


def _architecture(config: Mapping[str, Any]) -> str:
    return ARCHITECTURES[config["architectures"][0]]


def _packed_bytes(tensor: WeightTensor) -> int:
    return int(tensor.stored.count * BYTES_PER_VALUE[tensor.packing])


def _rope_type(rope: Mapping[str, Any]) -> str:
    # Older configurations name the key "type".
    return str(rope.get("rope_type", rope.get("type", "default")))


def _write_ir(
    work: Path,
    tensors: Sequence[WeightTensor],
    *,
    config: Mapping[str, Any],
    stage: str,
    job: Job,
) -> None:
    """Write the graph and its packed weights into ``work``."""
    skeleton = work / "skeleton"
    skeleton.mkdir()
    write_skeleton(skeleton, tensors, architecture=_architecture(config), config=config)
    write_tensors(tensors, skeleton)
    with _writer(skeleton) as (process, errors):
        for line in lines(process, job):
            # OpenVINO may print lines of its own.
            match line.split():
                case [done, total] if done.isdecimal() and total.isdecimal():
                    job.progress(stage, int(done), int(total))
        status = process.wait()
        if status != 0 or not (work / IR_WEIGHTS_FILE).is_file():
            raise _writer_error(errors, status)
    shutil.rmtree(skeleton)


@contextmanager
def _writer(skeleton: Path) -> Iterator[tuple[subprocess.Popen[str], IO[bytes]]]:
    """Run the writer, and leave no process behind."""
    arguments = (str(skeleton), str(os.getpid()), str(PACKAGE_PARENT))
    command = [sys.executable, "-I", "-c", WRITER, *arguments]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603 - this interpreter, and code of our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process, errors
        finally:
            process.kill()


def _writer_error(errors: IO[bytes], status: int) -> ModelFilesError:
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().splitlines()
    reason = said[-1] if said else f"exit status {status}"
    return ModelFilesError(
        f"OpenVINO could not read the converted model: {reason[:SHOWN_ERROR_CHARACTERS]}",
        hint="The transformers engine runs it: engine = 'transformers'.",
    )
