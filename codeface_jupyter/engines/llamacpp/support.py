"""What the llamacpp engine can serve, by settings and files; nothing of llama.cpp is imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.torch_only import setting_problems
from codeface_jupyter.errors import (
    EngineUnavailableError,
    ModelError,
    ModelFilesError,
    install_hint,
)
from codeface_jupyter.models.catalog import find
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.gguf_files import hub_gguf
from codeface_jupyter.models.local_model import LocalModel, ModelRequest

__all__ = ["ModelKind", "gguf_of", "model_kind", "require_package", "setting_problem"]

PACKAGE = "xllamacpp"


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """What is known of a model before anything is fetched or loaded.

    Attributes
    ----------
    problem
        Why the llamacpp engine cannot serve it; empty if it can.
    is_only_gguf
        Whether only this engine can.
    """

    problem: str = ""
    is_only_gguf: bool = False


def model_kind(settings: Settings) -> ModelKind:
    """Look at the model that ``settings`` name."""
    is_named_so = hub_gguf(settings.model) is not None
    try:
        local = locate(ModelRequest.of(settings))
    except ModelError as error:
        return ModelKind(problem=error.message.removesuffix("."), is_only_gguf=is_named_so)
    if local is not None:
        return _kind_of(local)
    entry = find(settings.model)
    is_wheels = entry is not None and entry.wheels is not None and settings.revision is None
    if is_named_so or is_wheels:
        return ModelKind(is_only_gguf=is_named_so)
    return ModelKind(problem=f"{settings.model} does not come as GGUF")


def setting_problem(settings: Settings) -> str:
    """Return why the engine cannot serve these, whatever the model; empty if it can."""
    if find_spec(PACKAGE) is None:
        return f"llama.cpp is not installed ({install_hint('llamacpp')})"
    return next((problem for problem, _ in setting_problems(settings, engine="llamacpp")), "")


def require_package() -> None:
    """Refuse to go on without llama.cpp.

    Raises
    ------
    EngineUnavailableError
        If it is not installed.
    """
    if find_spec(PACKAGE) is None:
        raise EngineUnavailableError(
            f"The llamacpp engine needs the package {PACKAGE}, which is not installed.",
            hint=install_hint("llamacpp"),
        )


def gguf_of(files: LocalModel) -> Path:
    """Return the GGUF of a model that is here.

    Raises
    ------
    ModelFilesError
        If there is none.
    """
    if files.gguf is None:
        raise ModelFilesError(
            f"The llamacpp engine cannot run {files.name}: it does not come as GGUF.",
            hint="Set engine = 'auto', or name a GGUF of it, such as owner/name-GGUF:Q4_K_M.",
        )
    return files.gguf


def _kind_of(local: LocalModel) -> ModelKind:
    if local.gguf is None:
        return ModelKind(problem=f"{local.name} is here, but not as GGUF")
    return ModelKind(is_only_gguf=local.source == "gguf")
