"""The transformers engine before torch is imported."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import NOTHING_MORE
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank
from codeface_jupyter.engines.transformers.best_dtype import best_dtype
from codeface_jupyter.engines.transformers.options import TransformersOptions
from codeface_jupyter.errors import EngineUnavailableError
from codeface_jupyter.models.speed import EngineSpeed
from codeface_jupyter.models.torch_library import check_torch_can_be_imported

__all__ = ["plugin"]

# Device files of the drivers of NVIDIA and AMD, and WSL's for either.
DEVICE_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
BITS_PER_WEIGHT = {"float32": 32, "bfloat16": 16, "float16": 16, "int8": 8.5, "int4": 4.5}
WINDOWS_DRIVER = "nvcuda.dll"


class TransformersPlugin:
    """The engine that runs the most kinds of models, on the most kinds of devices."""

    name = "transformers"
    options = TransformersOptions

    def fitness(self, settings: Settings, options: TransformersOptions) -> Fitness:
        """Say what the settings or the machine ask torch for, and what stands in its way."""
        from codeface_jupyter.engines.transformers.support import problem_with

        problem = problem_with(settings, options, device_type=_device_type(options))
        reason = _asked_for(settings, options)
        if reason is not None:
            return Fitness(rank=Rank.ASKED_FOR, reason=reason, problem=problem)
        reason = "runs the most kinds of models"
        return Fitness(rank=Rank.GENERAL, reason=reason, problem=problem)

    def speed(self, settings: Settings, options: TransformersOptions) -> EngineSpeed:  # noqa: ARG002 - a plug-in's signature
        """Say what measurements came to: see decision 15."""
        device_type = _device_in_use(options)
        weights = _weights(options, device_type)
        return EngineSpeed(
            weights=weights,
            bits_per_weight=BITS_PER_WEIGHT[weights.partition("-")[0]],
            device="cuda" if device_type == "cuda" else "cpu",
            bandwidth_share=0.33,
            compute_ratio=0.9 if weights == "float32" else 1.5,
        )

    def create(self, settings: Settings, options: TransformersOptions) -> Engine:
        """Make the engine; nothing is loaded yet."""
        from codeface_jupyter.engines.transformers.engine import TransformersEngine

        return TransformersEngine(settings, options)


def _asked_for(settings: Settings, options: TransformersOptions) -> str | None:
    """Return why torch is asked for, by the settings or the machine; None if it is not."""
    for name in ("dtype", "attn_implementation"):
        if getattr(options, name) != "auto":
            return f"{name} = {getattr(options, name)!r} asks for torch"
    reasons = {
        "it can apply the adapter": options.adapter is not None,
        "it can use the offload_folder": options.offload_folder is not None,
        "it can offload weights to disk, as force_load asks": settings.force_load,
        "it can run a model's own code and read pickles": settings.permissions != NOTHING_MORE,
    }
    for reason, is_asked_for in reasons.items():
        if is_asked_for:
            return reason
    return _accelerator(settings) if options.device_map == "auto" else None


def _accelerator(settings: Settings) -> str | None:
    """Return what is known of an accelerator; torch is imported only to choose an engine by it."""
    if settings.engine == "auto" or "torch" in sys.modules:
        return "torch finds an accelerator" if _has_accelerator() else None
    return "there seems to be an accelerator" if _shows_accelerator() else None


def _has_accelerator() -> bool:
    """Whether torch finds an accelerator; it is asked only where there is a sign of one."""
    if "torch" not in sys.modules and not _shows_accelerator():
        return False
    check_torch_can_be_imported()
    import torch

    return bool(torch.accelerator.is_available())


def _device_type(options: TransformersOptions) -> str:
    if options.device_map == "cpu" or not _shows_accelerator():
        return "cpu"
    return "mps" if sys.platform == "darwin" else "cuda"


def _device_in_use(options: TransformersOptions) -> str:
    """Return the kind of device that torch computes on; it may be built without that driver."""
    device_type = _device_type(options)
    if device_type != "cuda":
        return device_type
    try:
        return "cuda" if _has_accelerator() else "cpu"
    except EngineUnavailableError:
        return "cpu"  # The load says why torch cannot be imported.


def _weights(options: TransformersOptions, device_type: str) -> str:
    """Return what the weights are held as, as the engine's identity names it."""
    from codeface_jupyter.engines.transformers.quantization import settle_quantization

    try:
        scheme = settle_quantization(options.quantization, device_type=device_type)
    except EngineUnavailableError:
        scheme = options.quantization  # Before its package has been installed.
    return scheme or (best_dtype(device_type) if options.dtype == "auto" else options.dtype)


def _shows_accelerator() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return (system / WINDOWS_DRIVER).exists()
    return any(Path(file).exists() for file in DEVICE_FILES)


plugin: EnginePlugin[TransformersOptions] = TransformersPlugin()
