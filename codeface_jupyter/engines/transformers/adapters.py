"""LoRA adapters by PEFT, applied to a model's weights."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from codeface_jupyter.errors import (
    EngineUnavailableError,
    ModelFilesError,
    first_line,
    install_hint,
)
from codeface_jupyter.models.folder_check import fingerprint, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["adapter_identity", "apply_adapter", "check_adapter"]

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE, PICKLED_FILE = "adapter_model.safetensors", "adapter_model.bin"
SHOWN_CHARACTERS = 200


def check_adapter(folder: Path) -> None:
    """Refuse an adapter that is missing, incomplete or pickled.

    Raises
    ------
    EngineUnavailableError
        If PEFT is not installed.
    ModelFilesError
        Naming the file that is wrong.
    """
    if find_spec("peft") is None:
        raise EngineUnavailableError(
            "The option adapter needs the package peft, which is not installed.",
            hint=install_hint("peft"),
        )
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise _missing(folder, name)
    try:
        kind = read_json(folder / CONFIG_FILE)["peft_type"]
    except KeyError:
        raise ModelFilesError(
            f"{folder / CONFIG_FILE} is not an adapter configuration: it has no peft_type."
        ) from None
    if kind != "LORA":
        raise ModelFilesError(f"{folder / CONFIG_FILE} describes {kind}; expected LORA.")


def adapter_identity(folder: Path | None) -> str:
    """Return the adapter's fingerprint, or an empty text without one."""
    if folder is None:
        return ""
    return fingerprint([folder / CONFIG_FILE, folder / WEIGHTS_FILE])


def apply_adapter(model: PreTrainedModel, folder: Path, *, merge: bool) -> PreTrainedModel:
    """Return ``model`` with the adapter of ``folder``.

    Parameters
    ----------
    model
        As loaded; it is changed.
    folder
        Checked by `check_adapter`.
    merge
        Whether to add the adapter to the weights, so that it costs no time of its own;
        quantized weights would lose precision.

    Raises
    ------
    ModelFilesError
        If the adapter was made for another model.
    """
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            # PEFT 0.21 uses a name that transformers 5 deprecates: nothing a user can change.
            warnings.simplefilter("ignore", FutureWarning)
            # Otherwise another model's adapter would be applied without its weights.
            warnings.filterwarnings("error", "Found missing adapter keys", UserWarning)
            adapted = PeftModel.from_pretrained(model, str(folder), local_files_only=True)
    except (ValueError, RuntimeError, KeyError, UserWarning) as error:
        reason = first_line(error)[:SHOWN_CHARACTERS]
        raise ModelFilesError(
            f"{folder / WEIGHTS_FILE} does not fit a {type(model).__name__}: {reason}.",
            hint="An adapter only works with the model that it was trained on.",
        ) from error
    base: PreTrainedModel = adapted.merge_and_unload() if merge else adapted.get_base_model()
    return base


def _missing(folder: Path, name: str) -> ModelFilesError:
    if name == WEIGHTS_FILE and (folder / PICKLED_FILE).is_file():
        return ModelFilesError(
            f"{folder / PICKLED_FILE} holds pickled weights, which can run code when they are "
            "read; expected safetensors.",
            hint="If you trust it, save it again: PEFT's save_pretrained writes safetensors.",
        )
    return ModelFilesError(
        f"{folder / name} is missing.",
        hint="Set adapter to a folder with adapter_config.json and adapter_model.safetensors, "
        "as PEFT's save_pretrained writes them.",
    )
