"""What the llamacpp engine can serve, by settings and files; nothing of llama.cpp is imported."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from codeface_jupyter.models.catalog import PublishedGguf, WheelSource
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.gguf_files import hub_gguf
from codeface_jupyter.models.local_model import LocalModel, ModelRequest

__all__ = [
    "ModelKind",
    "check_may_come",
    "gguf_of",
    "gguf_request",
    "model_kind",
    "published_gguf",
    "require_package",
    "setting_problem",
]

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
        local = locate(gguf_request(settings)) or locate(ModelRequest.of(settings))
    except ModelError as error:
        return ModelKind(problem=error.message.removesuffix("."), is_only_gguf=is_named_so)
    if local is not None:
        return _kind_of(local)
    if is_named_so or published_gguf(settings) is not None:
        return ModelKind(is_only_gguf=is_named_so)
    return ModelKind(problem=f"{settings.model} does not come as GGUF")


def gguf_request(settings: Settings) -> ModelRequest:
    """Return the request for the model that ``settings`` name, as a GGUF."""
    return replace(ModelRequest.of(settings), as_gguf=True)


def published_gguf(settings: Settings) -> PublishedGguf | WheelSource | None:
    """Return the GGUF that the catalog knows of the model that ``settings`` name."""
    request = ModelRequest.of(settings)
    if request.entry is None or not request.is_pinned:
        return None
    return request.entry.gguf or request.entry.wheels


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
        raise _not_gguf(files.name)
    return files.gguf


def check_may_come(settings: Settings) -> None:
    """Refuse a model of which no GGUF is known, before anything else of it is fetched.

    Raises
    ------
    ModelFilesError
        If it is neither here, nor does its name or the catalog tell of a GGUF.
    """
    is_known = hub_gguf(settings.model) is not None or published_gguf(settings) is not None
    if not is_known and locate(gguf_request(settings)) is None:
        raise _not_gguf(settings.model)


def _not_gguf(model: str) -> ModelFilesError:
    return ModelFilesError(
        f"The llamacpp engine cannot run {model}: it does not come as GGUF.",
        hint="Set engine = 'auto', or name a GGUF of it, such as owner/name-GGUF:Q4_K_M.",
    )


def _kind_of(local: LocalModel) -> ModelKind:
    if local.gguf is None:
        return ModelKind(problem=f"{local.name} is here, but not as GGUF")
    return ModelKind(is_only_gguf=local.source == "gguf")
