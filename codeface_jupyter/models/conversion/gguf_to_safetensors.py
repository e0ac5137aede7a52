"""From a GGUF to bfloat16 safetensors, which transformers loads in a second.

Reading a GGUF through transformers takes most of a minute at every start; here it is paid once,
and only by those who use the transformers engine. Tensors are dequantized piece by piece and
written shard by shard, so that the peak of memory is two shards, whatever the model's size.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from codeface_jupyter.errors import FetchError
from codeface_jupyter.jobs import Job, Step
from codeface_jupyter.models.architecture import DTYPE_BYTES
from codeface_jupyter.models.conversion.gguf_folder import CONVERTER_VERSION
from codeface_jupyter.models.conversion.gguf_tensors import GgufTensors
from codeface_jupyter.models.conversion.manifest import (
    MANIFEST,
    read_manifest,
    write_json,
    write_manifest,
)
from codeface_jupyter.models.conversion.stored_tensor import StoredTensor
from codeface_jupyter.models.folder_check import has_weights
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.storage import (
    ModelStorage,
    ensure_free_space,
    new_folder,
    writing_into,
)

if TYPE_CHECKING:
    import torch

__all__ = ["ensure_safetensors"]

SHARD_BYTES = 512 * 2**20
BFLOAT16_BYTES = DTYPE_BYTES["bfloat16"]


def ensure_safetensors(local: LocalModel, *, cache_dir: Path, job: Job) -> None:
    """Put safetensors into a model's folder if its weights are only in a GGUF.

    Safe to call from several processes at once: one works, the others wait. The folder is
    replaced by a whole one at once; what an interrupted run left behind is removed.

    Parameters
    ----------
    local
        The model.
    cache_dir
        The user's cache folder.
    job
        Reports progress and may stop the work.

    Raises
    ------
    ModelFilesError
        If the GGUF cannot be converted.
    FetchError
        If the disk cannot hold the result.
    Cancelled
        If ``job`` was stopped.
    """
    if local.gguf is None or has_weights(local.path):
        return
    with writing_into(cache_dir), ModelStorage(cache_dir, local.name).lock(job):
        # Another process may have finished it while this one waited.
        if not has_weights(local.path):
            _convert(local.gguf, local.path, job=job)


def _convert(gguf: Path, folder: Path, *, job: Job) -> None:
    job = job.in_step(Step.CONVERT)
    stage = f"Converting {gguf.stem} (once)"
    job.progress(stage)
    shapes = _parameter_shapes(folder)
    total = _total_bytes(shapes)
    with new_folder(folder) as work:
        ensure_free_space(work.parent, needed_bytes=total, purpose=stage)
        for file in folder.iterdir():
            if file.name != MANIFEST:
                shutil.copy(file, work)
        _save_weights(GgufTensors(gguf, folder=folder), shapes, work, stage=stage, job=job)
        facts = read_manifest(folder, converter_version=CONVERTER_VERSION) or {}
        write_manifest(work, converter_version=CONVERTER_VERSION, facts=facts)


def _parameter_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter, tied ones once, in the model's order."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _save_weights(
    source: GgufTensors,
    shapes: Mapping[str, tuple[int, ...]],
    work: Path,
    *,
    stage: str,
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
            tensors[name] = _unpack(source.parameter(name, shape=shapes[name]))
            done += prod(shapes[name]) * BFLOAT16_BYTES
            job.progress(stage, done, total, "B")
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


def _unpack(tensor: StoredTensor) -> torch.Tensor:
    """Return a tensor in bfloat16; only a piece of it at a time is in float32."""
    import torch

    result = torch.empty(tensor.shape, dtype=torch.bfloat16)
    for rows in tensor.row_slices():
        # A copy: what is not quantized are the mapped file's own pages, which are read-only.
        result[rows] = torch.from_numpy(tensor.rows(rows).copy())
    return result


def _total_bytes(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(prod(shape) for shape in shapes.values()) * BFLOAT16_BYTES
