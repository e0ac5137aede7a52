"""Which engines are installed, which of them ``engine = "auto"`` takes here, and why."""

from __future__ import annotations

import logging
import os
import platform
import sys
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import NOTHING_MORE
from codeface_jupyter.engines.base import Engine, EngineFactory
from codeface_jupyter.errors import EngineUnavailableError

__all__ = ["EngineChoice", "available_engines", "create_engine", "engine_choice"]

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "codeface_jupyter.engines"

# What drivers of NVIDIA and AMD leave where a program can see it, and WSL's way to either.
DEVICE_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
WINDOWS_DRIVER = "nvcuda.dll"


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine's name, and the reason for it in a few words.

    Attributes
    ----------
    name
        The engine's name.
    reason
        Why it was taken, as the user reads it.
    is_fallback
        Whether a faster engine was passed over.
    is_certain
        Whether it stays so once the model's files are here.
    """

    name: str
    reason: str
    is_fallback: bool = False
    is_certain: bool = True


def engine_choice(settings: Settings) -> EngineChoice:
    """Return which engine serves ``settings``; nothing heavy is imported without need."""
    if settings.engine != "auto":
        return EngineChoice(name=settings.engine, reason="the settings name it")
    from codeface_jupyter.engines.openvino.support import device, model_kind, setting_problem

    kind = model_kind(settings)
    choose = partial(EngineChoice, is_certain=kind.is_certain)
    if kind.is_only_ir:
        return choose(name="openvino", reason="its weights are in OpenVINO's own form")
    reason = _wants_torch(settings)
    if reason is not None:
        return choose(name="transformers", reason=reason)
    problem = setting_problem(settings) or kind.problem
    if problem is not None:
        return choose(name="transformers", reason=problem, is_fallback=True)
    return choose(
        name="openvino", reason=f"the fastest here for this model on the {device(settings)}"
    )


def available_engines() -> list[str]:
    """Return the names of the installed engines, sorted."""
    return sorted(entry_points(group=ENTRY_POINT_GROUP).names)


def create_engine(settings: Settings) -> Engine:
    """Make the engine that ``settings`` name; nothing is loaded yet.

    Raises
    ------
    EngineUnavailableError
        If no engine of that name is installed.
    """
    choice = engine_choice(settings)
    name = choice.name
    if choice.is_fallback and choice.is_certain:
        logger.info("engine = 'auto' takes %s: %s.", name, choice.reason)
    found = entry_points(group=ENTRY_POINT_GROUP, name=name)
    if not found:
        raise EngineUnavailableError(
            f"There is no engine {name!r}; installed are {', '.join(available_engines())}.",
            hint=f"Engines are registered under the entry point group {ENTRY_POINT_GROUP!r}.",
        )
    factory: EngineFactory = next(iter(found)).load()
    return factory(settings)


def _wants_torch(settings: Settings) -> str | None:
    """Return what only the general engine has, where the settings or the machine ask for it."""
    for name in ("dtype", "attn_implementation"):
        if getattr(settings, name) != "auto":
            return f"{name} = {getattr(settings, name)!r} is its setting"
    for name in ("adapter", "offload_folder"):
        if getattr(settings, name) is not None:
            return f"{name} is its setting"
    if settings.force_load or settings.permissions != NOTHING_MORE:
        return "force_load is its setting" if settings.force_load else "only it runs models' code"
    if settings.device_map == "auto" and _has_accelerator():
        return "torch finds an accelerator"
    return None


def _has_accelerator() -> bool:
    """Whether torch finds an accelerator; it is asked only where there is a sign of one."""
    if "torch" not in sys.modules and not _shows_accelerator():
        return False
    import torch

    return bool(torch.accelerator.is_available())


def _shows_accelerator() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return (system / WINDOWS_DRIVER).exists()
    return any(Path(file).exists() for file in DEVICE_FILES)
