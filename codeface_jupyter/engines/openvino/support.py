"""What the openvino engine can serve, by settings and model folders.

Files only: neither OpenVINO nor torch is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.openvino.options import OpenVINOOptions
from codeface_jupyter.engines.text.fast_tokenizer import FastTokenizer
from codeface_jupyter.engines.torch_only import setting_problems
from codeface_jupyter.errors import ConfigError, ModelError, ModelFilesError, install_hint
from codeface_jupyter.models.architecture import DTYPE_BYTES, Architecture
from codeface_jupyter.models.catalog import find
from codeface_jupyter.models.conversion.openvino_ir import unsupported_reason
from codeface_jupyter.models.conversion.packed_matrix import Quantization
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.folder_check import is_ir_folder, is_only_ir
from codeface_jupyter.models.local_model import ModelRequest

__all__ = [
    "device",
    "folder_problem",
    "kv_bytes_per_token",
    "load_tokenizer",
    "model_kind",
    "quantization",
    "setting_problem",
]

# Eight bits lose next to nothing: see decision 6.
DEFAULT_QUANTIZATION: Quantization = "int8"
DEVICES = {"auto": "CPU", "cpu": "CPU", "gpu": "GPU"}


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """What is known of a model before anything is fetched or loaded.

    Attributes
    ----------
    problem
        Why the openvino engine cannot serve it; None if it can.
    is_only_ir
        Whether only this engine can: its weights are OpenVINO IR.
    is_certain
        Whether its files or the catalog say so; otherwise it has to be fetched first.
    """

    problem: str | None = None
    is_only_ir: bool = False
    is_certain: bool = True


def setting_problem(settings: Settings, options: OpenVINOOptions) -> str | None:
    """Return why the engine cannot serve these, whatever the model; None if it can."""
    if find_spec("openvino_genai") is None:
        return f"OpenVINO is not installed ({install_hint('openvino')})"
    if options.device_map.lower() not in DEVICES:
        return f"OpenVINO has no device {options.device_map!r}"
    return next((problem for problem, _ in setting_problems(settings, engine="openvino")), None)


def model_kind(settings: Settings) -> ModelKind:
    """Look at the model that ``settings`` name."""
    permissions = settings.permissions
    try:
        local = locate(ModelRequest.of(settings))
        if local is not None:
            is_only = is_only_ir(local.path, permissions=permissions)
            return ModelKind(problem=folder_problem(local.path), is_only_ir=is_only)
    except ModelError as error:
        return ModelKind(problem=error.message.removesuffix("."))
    entry = find(settings.model)
    # What comes as wheels is converted from a GGUF of a kind that is known here.
    if entry is not None and entry.wheels is not None and settings.revision is None:
        return ModelKind()
    hub_id = entry.hub_id if entry is not None else settings.model
    # The usual name of a hub repository with OpenVINO IR.
    if hub_id.lower().endswith("-ov"):
        return ModelKind(is_only_ir=True, is_certain=False)
    problem = f"{settings.model} has not been fetched yet, so its kind is not known"
    return ModelKind(problem=problem, is_certain=False)


def folder_problem(folder: Path) -> str | None:
    """Return why the model in ``folder`` cannot be served; None if it can."""
    if folder.is_file():
        return "it is a GGUF file"
    reason = None if is_ir_folder(folder) else unsupported_reason(folder)
    if reason is None and not FastTokenizer.is_in(folder):
        return "it has no tokenizer.json"
    return reason


def device(options: OpenVINOOptions) -> str:
    """Return OpenVINO's name of the device that ``device_map`` names.

    Raises
    ------
    ConfigError
        If OpenVINO has no such device.
    """
    name = DEVICES.get(options.device_map.lower())
    if name is None:
        raise ConfigError(
            f"device_map = {options.device_map!r} is not a device of the openvino engine.",
            hint=f"It accepts {', '.join(DEVICES)}; engine = 'transformers' accepts others.",
        )
    return name


def quantization(options: OpenVINOOptions) -> Quantization:
    """Return how to quantize the weights."""
    return DEFAULT_QUANTIZATION if options.quantization == "auto" else options.quantization


def load_tokenizer(folder: Path) -> FastTokenizer:
    """Read the tokenizer beside a model.

    Raises
    ------
    ModelFilesError
        If it is missing or broken.
    """
    tokenizer = FastTokenizer.from_folder(folder)
    if tokenizer is None:
        raise ModelFilesError(
            f"{folder} has no tokenizer.json, which the openvino engine needs.",
            hint="Put the original model's tokenizer.json and tokenizer_config.json there.",
        )
    return tokenizer


def kv_bytes_per_token(config: Mapping[str, Any], *, dtype: str) -> int:
    """Return the bytes that one token's keys and values take at most.

    0 if the config does not say. ``dtype`` is the option of that name.
    """
    # OpenVINO's own choice has sixteen bits at the most.
    value_bytes = DTYPE_BYTES["float16" if dtype == "auto" else dtype]
    return Architecture.of(config).kv_values_per_token * value_bytes
