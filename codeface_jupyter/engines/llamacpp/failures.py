"""What the end of llama.cpp's process means to the user, and what to do about it."""

from __future__ import annotations

import re

from codeface_jupyter.engines.llamacpp.child import ChildDiedError
from codeface_jupyter.errors import (
    CodeFaceError,
    EngineUnavailableError,
    GenerationError,
    ModelFilesError,
)
from codeface_jupyter.models.memory_usage import says_memory_ran_out

__all__ = ["answer_failure", "load_failure"]

# Windows' code for an instruction that the processor does not know.
WINDOWS_ILLEGAL_INSTRUCTION = 0xC000001D
FAILED_IMPORTS = ("ImportError: ", "ModuleNotFoundError: ")
UNKNOWN_ARCHITECTURE = re.compile(r"unknown model architecture: (?P<name>'[^']*')")
BUILD_HINT = (
    "Build it for this processor: pip install --force-reinstall --no-binary xllamacpp xllamacpp "
    "(docs/models.md says what that needs). Or set engine = 'openvino' or 'transformers'."
)
RELOAD_HINT = "The model has been unloaded; ask again to reload it."


def load_failure(death: ChildDiedError, *, model: str) -> CodeFaceError:
    """Return the error for a process that ended before it could be asked anything."""
    if (unusable := _unusable(death)) is not None:
        return unusable
    if death.returncode is None:
        return ModelFilesError(
            f"llama.cpp did not get on with loading {model}, so it was ended.",
            hint="Its chat template may never come to an end: fetch it from its publisher.",
        )
    if shortage := _shortage(death, model=model):
        return GenerationError(
            shortage,
            hint="Use a smaller model, set context_tokens, or delete variables of your own.",
        )
    if (unknown := UNKNOWN_ARCHITECTURE.search(death.said)) is not None:
        return ModelFilesError(
            f"llama.cpp does not know the architecture {unknown['name']} of {model}.",
            hint="A newer release may: pip install --upgrade xllamacpp",
        )
    if "chat template" in death.said:
        return ModelFilesError(
            f"llama.cpp cannot use the chat template of {model}: a plain conversation fails in it.",
            hint="Fetch the model from its publisher, or another conversion of it.",
        )
    return ModelFilesError(
        f"llama.cpp cannot load {model}: {_reason(death)}.",
        hint="Fetch the file again; if that does not help, another engine may read the model.",
    )


def answer_failure(death: ChildDiedError, *, model: str, has_changed: bool) -> CodeFaceError:
    """Return the error for a process that ended while it worked.

    Parameters
    ----------
    death
        How it ended.
    model
        The model's name.
    has_changed
        Whether the model's files are no longer those that were loaded.
    """
    if (unusable := _unusable(death)) is not None:
        return unusable
    if has_changed:
        return ModelFilesError(
            f"The files of {model} were changed while it was in use, so llama.cpp failed.",
            hint=RELOAD_HINT,
        )
    if death.signal_name == "SIGKILL":
        return GenerationError(
            "llama.cpp's process was ended from outside; most likely memory ran out.",
            hint=RELOAD_HINT,
        )
    return GenerationError(f"llama.cpp failed: {_reason(death)}.", hint=RELOAD_HINT)


def _unusable(death: ChildDiedError) -> EngineUnavailableError | None:
    """Return the error for a build that cannot run here."""
    if death.signal_name == "SIGILL" or death.returncode == WINDOWS_ILLEGAL_INSTRUCTION:
        return EngineUnavailableError(
            "The installed llama.cpp uses instructions that this processor lacks.", hint=BUILD_HINT
        )
    if death.said.startswith(FAILED_IMPORTS):
        return EngineUnavailableError(
            f"llama.cpp cannot be imported: {death.said.partition(': ')[2]}.",
            hint="Install it anew: pip install --force-reinstall xllamacpp",
        )
    return None


def _shortage(death: ChildDiedError, *, model: str) -> str:
    """Return how memory ran out while a model was loaded; empty if nothing tells of that."""
    if death.signal_name == "SIGKILL":
        return f"The system ended llama.cpp while it loaded {model}; most likely memory ran out."
    if says_memory_ran_out(death.said):
        return f"Memory ran out while llama.cpp loaded {model}: {death.said}."
    return ""


def _reason(death: ChildDiedError) -> str:
    if death.said:
        return death.said
    return death.signal_name or f"it ended with status {death.returncode}"
