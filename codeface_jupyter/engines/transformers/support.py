"""What the transformers engine cannot serve, by settings and files.

Neither torch nor transformers is imported here.
"""

from __future__ import annotations

from importlib.util import find_spec

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.engines.transformers.adapters import check_adapter
from codeface_jupyter.engines.transformers.options import TransformersOptions
from codeface_jupyter.engines.transformers.quantization import settle_quantization
from codeface_jupyter.errors import (
    CodeFaceError,
    EngineUnavailableError,
    ModelError,
    ModelFilesError,
)
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.folder_check import is_only_ir
from codeface_jupyter.models.local_model import LocalModel, ModelRequest

__all__ = ["no_flash_attention", "problem_with", "refuse_other_forms"]


def problem_with(settings: Settings, options: TransformersOptions, *, device_type: str) -> str:
    """Return why the engine cannot serve these; empty if that is not known before it tries.

    ``device_type`` is where the work will probably be done: ``cpu``, ``cuda``, ``mps``.
    """
    try:
        _check_form(settings)
        if options.adapter is not None:
            check_adapter(options.adapter.expanduser())
        if options.attn_implementation == "flash_attention_2" and find_spec("flash_attn") is None:
            raise no_flash_attention()
        settle_quantization(options.quantization, device_type=device_type)
    except CodeFaceError as error:
        return error.message.removesuffix(".")
    return ""


def refuse_other_forms(files: LocalModel, permissions: Permissions) -> None:
    """Refuse a model that only another engine can read.

    Raises
    ------
    ModelFilesError
        If it is a GGUF file, or all its weights are OpenVINO IR.
    """
    if files.path.is_file():
        raise ModelFilesError(
            f"{files.name} is a GGUF file.",
            hint="The llamacpp engine can run it: set engine = 'llamacpp'.",
        )
    if not is_only_ir(files.path, permissions=permissions):
        return
    hint = "The openvino engine can run it: set engine = 'openvino'."
    if permissions.allow_pickle:
        hint = (
            "Leave out --allow-pickle and set engine = 'openvino'. Or, for a model of the hub, "
            "remove it from the hub's cache first: fetched again, it comes with pickled weights."
        )
    raise ModelFilesError(f"{files.name} has its weights as OpenVINO IR only.", hint=hint)


def no_flash_attention() -> EngineUnavailableError:
    """Return the refusal of an attention kernel that is not installed."""
    return EngineUnavailableError(
        "attn_implementation = 'flash_attention_2' needs a CUDA device and the package "
        "flash-attn, which is not installed.",
        hint="Set attn_implementation = 'auto', or: pip install flash-attn",
    )


def _check_form(settings: Settings) -> None:
    try:
        files = locate(ModelRequest.of(settings))
    except ModelError:
        return  # No engine can load it, and its own error says best why.
    if files is not None:
        refuse_other_forms(files, settings.permissions)
