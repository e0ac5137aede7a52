"""LoRA adapters by PEFT, put on top of a model's weights."""

from __future__ import annotations

import json
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
from codeface_jupyter.models.folder_check import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["adapter_identity", "check_adapter", "put_on"]

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE, PICKLED_FILE = "adapter_model.safetensors", "adapter_model.bin"
SHOWN_CHARACTERS = 200


def check_adapter(folder: Path) -> None:
    """Refuse an adapter that is not there, not whole, or pickled.

    Raises
    ------
    EngineUnavailableError
        If PEFT is not installed.
    ModelFilesError
        Naming the file that is wrong.
    """
    if find_spec("peft") is None:
        raise EngineUnavailableError(
            "adapter needs the package peft, which is not installed.",
            hint=install_hint("peft"),
        )
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise _missing(folder, name)
    try:
        kind = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFilesError(
            f"{folder / CONFIG_FILE} is not an adapter configuration: {error!r}."
        ) from None
    if kind != "LORA":
        raise ModelFilesError(f"{folder / CONFIG_FILE} describes {kind}, but LORA was expected.")


def adapter_identity(folder: Path | None) -> str:
    """Return the adapter's fingerprint, or an empty text without one."""
    if folder is None:
        return ""
    return fingerprint([folder / CONFIG_FILE, folder / WEIGHTS_FILE])


def put_on(model: PreTrainedModel, folder: Path, *, merge: bool) -> PreTrainedModel:
    """Return ``model`` with the adapter of ``folder``.

    Parameters
    ----------
    model
        As loaded; it is changed.
    folder
        Checked by `check_adapter`.
    merge
        Whether to add the adapter into the weights, which then cost no time of their own;
        quantized weights would lose by it.

    Raises
    ------
    ModelFilesError
        If the adapter was made for another model.
    """
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            # PEFT 0.21 reads a name that transformers 5 calls old: nothing a user can change.
            warnings.simplefilter("ignore", FutureWarning)
            # Else a foreign adapter would be put on without its weights.
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
            "read; safetensors was expected.",
            hint="Save it again where you trust it: PEFT's save_pretrained writes safetensors.",
        )
    return ModelFilesError(
        f"{folder / name} is missing.",
        hint="adapter names a folder with adapter_config.json and adapter_model.safetensors, "
        "as PEFT's save_pretrained writes it.",
    )
