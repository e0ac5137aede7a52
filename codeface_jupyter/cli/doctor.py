"""Check the installation: one finding for each thing that CodeFace needs or can use."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from codeface_jupyter.config import AUTO_MODEL, Settings
from codeface_jupyter.engines.auto_model import settled
from codeface_jupyter.engines.registry import engine_choice, engine_fitness
from codeface_jupyter.errors import CodeFaceError, EngineUnavailableError, install_hint
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.hub import is_offline, is_reachable
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory
from codeface_jupyter.models.storage import format_bytes
from codeface_jupyter.models.torch_library import check_torch_can_be_imported
from codeface_jupyter.trials.copy_support import copy_support

__all__ = ["PACKAGE", "Finding", "findings"]

PACKAGE = "codeface-jupyter"
PACKAGES = {
    "transformers": "the engine for every kind of model",
    "accelerate": "placing models on devices",
    "huggingface_hub": "fetching models from the hub",
    "gguf": "reading models from the package index",
    "ipywidgets": "live answers in the notebook",
}
OPTIONAL_PACKAGES = {
    "jupyterlab": install_hint("lab"),
    "notebook": install_hint("lab"),
    "ipykernel": install_hint("lab"),
    "pandas": "pip install pandas",
    "redis": install_hint("redis"),
}


@dataclass(frozen=True)
class Finding:
    """One line of ``codeface doctor``: what was checked, its state, what to do about it."""

    subject: str
    state: str
    is_ok: bool = True
    advice: str = ""


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield the findings, local checks first."""
    is_auto, settings = settings.model == AUTO_MODEL, settled(settings)
    yield Finding("codeface", f"{version(PACKAGE)} on Python {platform.python_version()}")
    yield from _torch_findings()
    yield _memory_finding()
    yield _disk_finding(settings.cache_dir)
    yield _model_finding(settings, is_auto=is_auto)
    yield from _engine_findings(settings)
    yield _trials_finding(settings)
    yield _hub_finding()
    for package, purpose in PACKAGES.items():
        yield _package_finding(package, advice=f"{purpose}: pip install {package}")
    for package, advice in OPTIONAL_PACKAGES.items():
        yield _package_finding(package, advice=f"optional: {advice}")


def _torch_findings() -> Iterator[Finding]:
    try:
        check_torch_can_be_imported()
        import torch
    except EngineUnavailableError as error:
        yield Finding("torch", error.message, False, error.hint)
        return
    except ImportError as error:
        yield Finding("torch", f"cannot be imported: {error}", False, "pip install torch")
        return
    yield Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        yield Finding("CUDA", "none; the model runs on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        state = f"{torch.cuda.get_device_name(index)}, {format_bytes(free)} of "
        yield Finding(f"CUDA {index}", f"{state}{format_bytes(total)} free")


def _memory_finding() -> Finding:
    free = available_memory("cpu")
    recommended = (entry for entry in CATALOG.values() if entry.is_recommended)
    needed = min(entry.memory_bytes("bfloat16") for entry in recommended) + WORKING_BYTES
    advice = "" if free >= needed else f"the smallest model for it needs {format_bytes(needed)}"
    return Finding("memory", f"{format_bytes(free)} free", free >= needed, advice)


def _disk_finding(folder: Path) -> Finding:
    # The folder itself is only made with the first model. `Path.exists` raises for one that is
    # below a folder of others.
    places = (folder, *folder.parents)
    existing = next(place for place in places if os.path.exists(place))  # noqa: PTH110 - see above
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            "cache folder", f"no permission to write to {folder}", False, "set CODEFACE_CACHE_DIR"
        )
    return Finding("cache folder", f"{folder}, {format_bytes(free)} free")


def _model_finding(settings: Settings, *, is_auto: bool) -> Finding:
    by = ", chosen by auto" if is_auto else ""
    try:
        found = locate(ModelRequest.of(settings))
    except CodeFaceError as error:
        return Finding("model", error.message, False, error.hint)
    if found is None:
        return Finding("model", f"{settings.model} is not fetched yet{by}", False, "codeface pull")
    return Finding("model", f"{found.name} in {found.path}{by}")


def _engine_findings(settings: Settings) -> Iterator[Finding]:
    """Yield what each installed engine can do, and which one would answer."""
    engines = engine_fitness(settings)
    for name, fitness in engines.items():
        state = fitness.problem or fitness.reason
        yield Finding(f"engine {name}", state, not fitness.problem)
    try:
        choice = engine_choice(settings, engines)
    except CodeFaceError as error:
        yield Finding("engine", error.message, False, error.hint)
        return
    if not choice.can_serve:
        state = f"{choice.name} was chosen but cannot serve: {choice.reason}"
        later = "is chosen once the model has been fetched"
        yield Finding("engine", state if choice.is_certain else later, not choice.is_certain)
        return
    # What the model's files turn out to be may still call for another engine.
    later = "" if choice.is_certain else " (may change once the model is fetched)"
    yield Finding("engine", f"{choice.name} would answer{later}: {choice.reason}")


def _trials_finding(settings: Settings) -> Finding:
    """Return whether answers can be tried on a copy of a kernel on this machine, and why not."""
    support = copy_support(tries=settings.tries)
    if support.is_possible:
        return Finding("trying answers", f"on a copy of the kernel. {support.why}")
    # Without it everything else works, and those who turned it off know.
    advice = "" if settings.tries == "off" else 'tries = "on" accepts a weaker guard'
    return Finding(
        "trying answers", f"not possible: {support.why}", settings.tries == "off", advice
    )


def _hub_finding() -> Finding:
    if is_offline():
        return Finding("hub", "switched off by HF_HUB_OFFLINE", False)
    if is_reachable():
        return Finding("hub", "reachable")
    return Finding(
        "hub", "does not answer", False, "models on the package index can be fetched without it"
    )


def _package_finding(package: str, *, advice: str) -> Finding:
    try:
        return Finding(package, version(package))
    except PackageNotFoundError:
        return Finding(package, "not installed", False, advice)
