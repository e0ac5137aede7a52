"""The weights of a model as GGUF names them, whichever files they lie in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.stored_tensor import StoredTensor
from codeface_jupyter.models.folder_check import read_config, weight_files
from codeface_jupyter.models.gguf_header import read_gguf_header
from codeface_jupyter.models.safetensors_header import read_safetensors_header

__all__ = ["GgufTensors", "safetensors_tensors", "stored_tensors"]

EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"
# Only for this architecture does llama.cpp reorder the rows that make rotary values.
INTERLEAVED_ARCHITECTURE = "llama"
QUERY_WEIGHT, KEY_WEIGHT = "attn_q.weight", "attn_k.weight"
# The types that are read here; safetensors and ggml have the same words for them.
KINDS = ("F32", "F16", "BF16")


def _tensor_namer(architecture: str, *, num_layers: int) -> Callable[[str], str | None]:
    """Return what gives the GGUF's name of a parameter of transformers, None for an unknown one.

    ``architecture`` is the GGUF's word for it, such as ``"llama"``.
    """
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    known = next(key for key, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(known, num_layers)
    return lambda parameter: names.get_name(parameter, try_suffixes=(".weight", ".bias"))


def stored_tensors(gguf: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a GGUF by llama.cpp's names.

    Raises
    ------
    ModelFilesError
        If the file cannot be read, or holds values of a type that is not known here.
    """
    from gguf import GGMLQuantizationType

    found = {}
    for name, tensor in read_gguf_header(gguf).tensors.items():
        try:
            kind = GGMLQuantizationType(tensor.kind).name
        except ValueError:
            raise ModelFilesError(f"{gguf} holds {name} as type {tensor.kind}.") from None
        found[name] = StoredTensor(file=gguf, offset=tensor.offset, kind=kind, shape=tensor.shape)
    return found


class GgufTensors:
    """The tensors of a GGUF, as the model that its folder describes has them.

    Parameters
    ----------
    gguf
        The file with the weights.
    folder
        The folder with their configuration.

    Attributes
    ----------
    by_name
        Each tensor by its name in the GGUF; the matrix of tied embeddings once.
    """

    def __init__(self, gguf: Path, *, folder: Path) -> None:
        config = read_config(folder)
        self._gguf = gguf
        self._architecture = read_gguf_header(gguf).architecture
        self._sizes = Architecture.of(config)
        self._namer = _tensor_namer(self._architecture, num_layers=self._sizes.num_layers)
        tensors = stored_tensors(gguf)
        if config.get("tie_word_embeddings") and OUTPUT in tensors:
            # A tied matrix may be stored twice; the output's copy is quantized more finely.
            tensors[EMBEDDING] = tensors.pop(OUTPUT)
        self.by_name = {name: self._in_order(name, tensor) for name, tensor in tensors.items()}

    def parameter(self, parameter: str, *, shape: tuple[int, ...]) -> StoredTensor:
        """Return the tensor that holds ``parameter``, named as in transformers.

        Raises
        ------
        ModelFilesError
            If there is none, or one of another shape.
        """
        tensor = self.by_name.get(self._namer(parameter) or "")
        if tensor is None:
            raise ModelFilesError(f"{self._gguf} has no tensor for {parameter}.")
        if tensor.shape != shape:
            raise ModelFilesError(
                f"{self._gguf}: {parameter} has shape {tensor.shape} instead of {shape}."
            )
        return tensor

    def _in_order(self, name: str, tensor: StoredTensor) -> StoredTensor:
        if self._architecture != INTERLEAVED_ARCHITECTURE:
            return tensor
        if name.endswith(QUERY_WEIGHT):
            return replace(tensor, heads=self._sizes.num_heads)
        if name.endswith(KEY_WEIGHT):
            return replace(tensor, heads=self._sizes.num_kv_heads)
        return tensor


def safetensors_tensors(folder: Path, *, architecture: str) -> dict[str, StoredTensor]:
    """Return the tensors of a safetensors folder by their names in a GGUF.

    Raises
    ------
    ModelFilesError
        If the files hold what no model of ``architecture`` has.
    """
    config = read_config(folder)
    gguf_name = _tensor_namer(architecture, num_layers=Architecture.of(config).num_layers)
    tensors = {}
    for file in weight_files(folder):
        for parameter, tensor in _stored(file):
            # A tied output matrix may be stored as a copy.
            if parameter == "lm_head.weight" and config.get("tie_word_embeddings"):
                continue
            name = gguf_name(parameter)
            if name is None:
                raise ModelFilesError(
                    f"{file} holds {parameter}, which no {architecture} model has."
                )
            tensors[name] = tensor
    return tensors


def _stored(file: Path) -> Iterator[tuple[str, StoredTensor]]:
    """Yield the tensors of a safetensors file, whose header has been checked."""
    header = read_safetensors_header(file)
    for name, entry in header.tensors.items():
        if entry["dtype"] not in KINDS:
            raise ModelFilesError(
                f"{file} holds {name} as {entry['dtype']}; only {', '.join(KINDS)} are converted.",
                hint="The transformers engine may run it: engine = 'transformers'.",
            )
        yield (
            name,
            StoredTensor(
                file=file,
                offset=header.size_bytes + entry["data_offsets"][0],
                kind=entry["dtype"],
                shape=tuple(entry["shape"]),
            ),
        )
