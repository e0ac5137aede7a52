"""The check that a model folder can be loaded, and safely: complete and without pickles."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codeface_jupyter import small_files
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.errors import ModelFilesError, first_line
from codeface_jupyter.models.figures_check import TensorShapes, disagreement, impossible_figure
from codeface_jupyter.models.local_model import path_named
from codeface_jupyter.models.safetensors_header import read_safetensors_header
from codeface_jupyter.well_formed import well_formed

__all__ = [
    "IR_FILE",
    "IR_WEIGHTS_FILE",
    "PICKLE_INDEX_FILE",
    "SINGLE_FILE",
    "check_model_folder",
    "fingerprint",
    "folder_revision",
    "has_weights",
    "is_ir_file",
    "is_ir_folder",
    "is_only_ir",
    "is_pickled_file",
    "is_side_file",
    "is_weight_file",
    "pickled_weights_error",
    "read_config",
    "read_json",
    "weight_files",
]

# OpenVINO's own names for a model saved as IR: the graph, and its constants.
IR_FILE, IR_WEIGHTS_FILE = "openvino_model.xml", "openvino_model.bin"
SINGLE_FILE, INDEX_FILE = "model.safetensors", "model.safetensors.index.json"
PICKLE_INDEX_FILE = "pytorch_model.bin.index.json"
WEIGHT_FILE = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
SIDE_FILE = re.compile(r"[^/]+\.(json|model|txt|jinja)|(LICENSE|LICENCE|NOTICE|USE_POLICY)[^/]*")
# tokenizer.json, or what a tokenizer was made of before there was one.
TOKENIZER_FILE = re.compile(
    r"tokenizer\.json|tekken\.json|vocab\.(json|txt|bpe)|.*\.(model|tiktoken)"
)
# In bytes, on every file system.
LONGEST_NAME = 255
# The largest tokenizers have 40 MB.
LARGEST_JSON_BYTES = 200 * 2**20
PICKLED_FILE = re.compile(r"pytorch_model.*\.bin|.*\.(pt|pth|ckpt|pkl)")
# Of a file of any size, 256 KiB are enough to notice other weights.
SAMPLES, SAMPLE_BYTES = 64, 4_096
# What safetensors says of a file whose size is not its header's.
NOT_COVERED = "file not fully covered"
# What is read of a configuration here, beside figures and architectures.
EXPECTED_TYPES: Mapping[str, type] = {
    "auto_map": Mapping,
    "model_type": str,
    "quantization_config": Mapping,
    "text_config": Mapping,
}
CAUSAL_ARCHITECTURE = re.compile(r"For(CausalLM|ConditionalGeneration)$|LMHeadModel$")


def is_weight_file(name: str) -> bool:
    """Whether a repository's file holds the default variant of the weights."""
    return WEIGHT_FILE.fullmatch(name) is not None


def is_ir_file(name: str) -> bool:
    """Whether a repository's file is part of a model in OpenVINO IR."""
    return name in {IR_FILE, IR_WEIGHTS_FILE}


def is_ir_folder(folder: Path) -> bool:
    """Whether ``folder`` holds a model in OpenVINO IR."""
    return (folder / IR_FILE).is_file()


def is_only_ir(folder: Path, *, permissions: Permissions = NOTHING_MORE) -> bool:
    """Whether all weights in ``folder`` that may be read are OpenVINO IR."""
    if not is_ir_folder(folder) or has_weights(folder):
        return False
    return not (permissions.allow_pickle and _pickled_files(folder))


def is_side_file(name: str) -> bool:
    """Whether a repository's file is configuration, tokenizer, index or licence."""
    return SIDE_FILE.fullmatch(name) is not None


def is_pickled_file(name: str) -> bool:
    """Whether a file holds pickled weights, which can run code when they are read."""
    return PICKLED_FILE.fullmatch(name) is not None


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``.

    Raises
    ------
    ModelFilesError
        If it is missing, or does not hold a JSON object with the names of architectures.
    """
    file = folder / "config.json"
    config = read_json(file)
    names = config.get("architectures")
    if names is not None and not (isinstance(names, list) and all(map(_is_text, names))):
        raise ModelFilesError(f"{file} has architectures that are no list of names: {names!r:.80}.")
    for name, expected in EXPECTED_TYPES.items():
        value = config.get(name)
        if value is not None and not isinstance(value, expected):
            raise ModelFilesError(f"{file} has a {name} of the wrong type: {value!r:.80}.")
    return config


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that the folder should hold, existing or not."""
    index = folder / INDEX_FILE
    if (folder / SINGLE_FILE).exists() or not index.exists():
        return [folder / SINGLE_FILE]
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise ModelFilesError(f"{index} has no weight_map.", hint="Fetch the model again.")
    names = sorted({str(name) for name in weight_map.values()})
    if outside := [name for name in names if Path(name).name != name]:
        raise ModelFilesError(f"{index} points outside its folder, to {outside[0]!r}.")
    if too_long := [name for name in names if len(os.fsencode(well_formed(name))) > LONGEST_NAME]:
        raise ModelFilesError(f"{index} names a file that cannot be: {too_long[0][:40]}…")
    return [folder / name for name in names]


def has_weights(folder: Path) -> bool:
    """Whether all weight files exist, whatever is in them."""
    try:
        return all(file.is_file() for file in weight_files(folder))
    except ModelFilesError:
        return False


def folder_revision(folder: Path) -> str:
    """Return a fingerprint of a folder's present contents, which stands for a commit.

    Configuration, tokenizer and weights count: each of them can change an answer.
    """
    return fingerprint(
        file
        for file in folder.iterdir()
        if file.is_file()
        and (is_side_file(file.name) or file.suffix in {".safetensors", ".py", ".bin", ".xml"})
    )


def fingerprint(files: Iterable[Path]) -> str:
    """Return a digest of ``files`` that takes milliseconds, whatever their size.

    Of small files every byte counts; of large ones name, size, time of modification and
    samples from end to end, so that equal times or equal shapes do not pass for equal weights.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        with file.open("rb") as stream:
            for offset in _sampled_offsets(status.st_size):
                stream.seek(offset)
                digest.update(stream.read(SAMPLE_BYTES))
    return f"fingerprint:{digest.hexdigest()}"


def _sampled_offsets(size: int) -> Iterable[int]:
    """Return where to read `SAMPLE_BYTES` each: a small file whole, the last bytes of any."""
    step = max(SAMPLE_BYTES, size // SAMPLES)
    return (*range(0, max(size - SAMPLE_BYTES, 0), step), max(size - SAMPLE_BYTES, 0))


def check_model_folder(folder: Path, *, permissions: Permissions = NOTHING_MORE) -> None:
    """Refuse a folder that is incomplete, corrupt, pickled or not a causal language model.

    Only the headers of safetensors files are read, so that it takes milliseconds whatever the
    model's size. OpenVINO IR does not say how large its weights should be.

    Parameters
    ----------
    folder
        The model's folder.
    permissions
        Whether its code must be there, and whether pickled weights may stand for safetensors.

    Raises
    ------
    ModelFilesError
        Naming the file that is at fault.
    """
    config = read_config(folder)
    _check_architecture(folder, config)
    if figure := impossible_figure(config):
        raise ModelFilesError(f"{folder / 'config.json'} describes no real model: {figure}.")
    if permissions.trust_remote_code:
        _check_code(folder, config)
    if not (permissions.allow_pickle and not has_weights(folder) and _pickled_files(folder)):
        _check_weights(folder, config)
    # A model's own code may bring a tokenizer of its own.
    if not permissions.trust_remote_code:
        _check_tokenizer(folder)


def _check_weights(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse weights that are missing, damaged, or others than ``config`` describes."""
    if is_only_ir(folder):
        weights = folder / IR_WEIGHTS_FILE
        if not weights.is_file():
            raise _missing_weights(folder, weights)
        return
    files = weight_files(folder)
    for file in files:
        if not file.is_file():
            raise _missing_weights(folder, file)
        _check_safetensors(file)
    if reason := disagreement(config, TensorShapes.of(files)):
        raise ModelFilesError(
            f"{folder / 'config.json'} and the weights beside it are not of the same model: "
            f"{reason}.",
            hint="Fetch the model again.",
        )


def _check_tokenizer(folder: Path) -> None:
    if not any(TOKENIZER_FILE.fullmatch(file.name) for file in folder.iterdir()):
        raise ModelFilesError(
            f"{folder} has no tokenizer: neither tokenizer.json nor another vocabulary is there.",
            hint="Put the original model's tokenizer.json and tokenizer_config.json there.",
        )


def _check_architecture(folder: Path, config: Mapping[str, Any]) -> None:
    architectures = config.get("architectures") or []
    if not architectures or any(CAUSAL_ARCHITECTURE.search(str(name)) for name in architectures):
        return
    raise ModelFilesError(
        f"{folder / 'config.json'} describes {architectures[0]}, which does not generate text.",
        hint="CodeFace needs a causal language model (…ForCausalLM).",
    )


def _check_code(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a folder whose config names Python files of its own that are not there."""
    references = config.get("auto_map") or {}
    for reference in references.values() if isinstance(references, Mapping) else ():
        file = folder / f"{str(reference).split('.')[0]}.py"
        # A double dash refers to another repository.
        if "--" not in str(reference) and path_named(str(file)) is None:
            raise ModelFilesError(
                f"{file} is missing, which config.json names as the model's code.",
                hint="Fetch the model again with --trust-remote-code.",
            )


def _pickled_files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if is_pickled_file(file.name))


def _missing_weights(folder: Path, expected: Path) -> ModelFilesError:
    if pickled := _pickled_files(folder):
        return pickled_weights_error(str(folder / pickled[0]))
    return ModelFilesError(
        f"{expected} is missing.", hint="The model's folder is incomplete: fetch it again."
    )


def pickled_weights_error(file: str) -> ModelFilesError:
    """Return the refusal of pickled weights."""
    return ModelFilesError(
        f"{file} holds pickled weights, which can run code when they are read; "
        "safetensors was expected.",
        hint="Convert it where it can do no harm: model.save_pretrained(folder) writes "
        "safetensors. If you trust its source, --allow-pickle reads it in that call.",
    )


def _check_safetensors(file: Path) -> None:
    """Refuse a file that is cut off, or whose tensors do not fill it exactly."""
    from safetensors import SafetensorError, safe_open

    try:
        # The file is mapped and its header read; NumPy, as torch would have to be imported.
        with safe_open(file, framework="numpy"):
            pass
    except SafetensorError as error:
        reason = first_line(error).rpartition("deserializing header: ")[2]
        # Then the header itself is whole, and says how much should follow.
        expected = f" instead of {_whole_size(file):,}" if NOT_COVERED in reason else ""
        raise ModelFilesError(
            f"{file} is corrupt: {reason}, in {file.stat().st_size:,} bytes{expected}.",
            hint="Delete the file and fetch the model again.",
        ) from error


def _whole_size(file: Path) -> int:
    """Return the bytes that a safetensors file should have, by its header."""
    header = read_safetensors_header(file)
    ends = (tensor["data_offsets"][1] for tensor in header.tensors.values())
    return header.size_bytes + max(ends, default=0)


def read_json(file: Path) -> dict[str, Any]:
    """Read a file of a model's folder.

    Raises
    ------
    ModelFilesError
        If it is missing, or does not hold a JSON object.
    """
    try:
        value = small_files.read_json(file, largest_bytes=LARGEST_JSON_BYTES)
    except FileNotFoundError:
        raise ModelFilesError(
            f"{file} is missing.", hint="A model folder holds config.json, tokenizer and weights."
        ) from None
    except (ValueError, OSError) as error:
        raise ModelFilesError(f"{file} cannot be read: {error}.") from None
    if not isinstance(value, dict):
        raise ModelFilesError(f"{file} does not hold a JSON object.")
    return value
