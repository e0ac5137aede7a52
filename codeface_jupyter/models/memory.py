"""The memory that a model needs, that the machine has free, and that this process has used.

The estimate is arithmetic on the model's configuration: accelerate lays the model out without
allocating it and adds up its modules; the KV cache follows from the architecture.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.errors import ModelFilesError, NotEnoughMemoryError, first_line
from codeface_jupyter.models.architecture import DTYPE_BYTES, Architecture
from codeface_jupyter.models.catalog import ASSUMED_CONTEXT_TOKENS, CATALOG
from codeface_jupyter.models.file_faults import file_faults
from codeface_jupyter.models.folder_check import read_config
from codeface_jupyter.models.gguf_header import GgufHeader
from codeface_jupyter.models.storage import format_bytes
from codeface_jupyter.models.torch_library import check_torch_can_be_imported

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = [
    "MAXRSS_BYTES",
    "WORKING_BYTES",
    "MemoryEstimate",
    "available_memory",
    "check_fits",
    "cuda_peak_bytes",
    "estimate",
    "gguf_estimate",
    "kv_cache_bytes",
    "main_memory",
    "models_that_fit",
    "process_peak_bytes",
]

# The interpreter, torch's own buffers and the activations of a prefill.
WORKING_BYTES = 300_000_000
# As many as a hint holds in one line.
SHOWN_MODELS = 5
CGROUP_V2, CGROUP_V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
# What ``ru_maxrss`` counts in: bytes on macOS, KiB on Linux and the BSDs.
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1_024
PROC_CGROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """The memory that a model takes, in bytes.

    Attributes
    ----------
    weights_bytes
        All parameters and buffers in the chosen type.
    kv_cache_bytes
        The KV cache of one sequence with ``context_tokens`` tokens.
    context_tokens
        The tokens assumed, no more than the model's window.
    """

    weights_bytes: int
    kv_cache_bytes: int
    context_tokens: int

    @property
    def total_bytes(self) -> int:
        """Weights, KV cache and working memory."""
        return self.weights_bytes + self.kv_cache_bytes + WORKING_BYTES


def available_memory(device: str = "cpu") -> int:
    """Return the memory that is free on ``device``, in bytes.

    Parameters
    ----------
    device
        ``"cpu"``, ``"cuda"`` (all visible devices together), one of them such as ``"cuda:1"``,
        or accelerate's ``"auto"`` and ``"balanced…"``: all of these and main memory. In a
        container the control group's limit counts, not the host's memory.

    Raises
    ------
    EngineUnavailableError
        If torch is needed and cannot be imported.
    """
    if device == "cpu":
        return _main_memory_bytes()
    check_torch_can_be_imported()
    import torch

    if device.startswith("cuda:"):
        return int(torch.cuda.mem_get_info(device)[0])
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    on_devices = sum(int(torch.cuda.mem_get_info(i)[0]) for i in range(count))
    return on_devices if device == "cuda" else on_devices + _main_memory_bytes()


def _main_memory_bytes() -> int:
    return main_memory()[1]


def main_memory() -> tuple[int, int]:
    """Return the size of main memory and how much of it is free, in bytes.

    In a container these are the control group's, if its limit is reached first.
    """
    machine = psutil.virtual_memory()
    limits = [(machine.total, machine.available), *_cgroup_limits()]
    return min(limits, key=lambda limit: limit[1])


def _cgroup_limits() -> list[tuple[int, int]]:
    """Return the limit of each enclosing control group and what is free below it, in bytes."""
    folders: list[tuple[Path, str, str]] = []
    for path in _own_cgroups():
        for folder in (path, *path.parents):
            if folder == CGROUP_V1 or CGROUP_V1 in folder.parents:
                folders.append((folder, "memory.limit_in_bytes", "memory.usage_in_bytes"))
            elif folder == CGROUP_V2 or CGROUP_V2 in folder.parents:
                folders.append((folder, "memory.max", "memory.current"))
    limits = []
    for folder, limit_file, usage_file in folders:
        limit, usage = _read_number(folder / limit_file), _read_number(folder / usage_file)
        if limit is not None and usage is not None:
            # The page cache counts as used but is given back on demand.
            free = limit - usage + _reclaimable_bytes(folder)
            limits.append((limit, min(max(0, free), limit)))
    return limits


def _own_cgroups() -> list[Path]:
    """Return the folders of this process's memory control groups."""
    found = [CGROUP_V2, CGROUP_V1]
    try:
        lines = PROC_CGROUP.read_text(encoding="ascii").split("\n")
    except (OSError, ValueError):
        return found
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            found.append(CGROUP_V2 / path.lstrip("/"))
        elif "memory" in controllers.split(","):
            found.append(CGROUP_V1 / path.lstrip("/"))
    return found


def _reclaimable_bytes(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    values = dict(line.split(maxsplit=1) for line in lines if " " in line)
    return int(values.get("total_inactive_file", values.get("inactive_file", "0")))


def _read_number(file: Path) -> int | None:
    """Return a control file's number; None if it is absent or says ``max``."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def estimate(
    model: Path | PretrainedConfig,
    *,
    dtype: str = "bfloat16",
    context_tokens: int = ASSUMED_CONTEXT_TOKENS,
    permissions: Permissions = NOTHING_MORE,
) -> MemoryEstimate:
    """Return the memory that ``model`` takes, without reading its weights.

    Parameters
    ----------
    model
        A model folder, or a configuration of transformers.
    dtype
        ``"float32"``, ``"bfloat16"`` or ``"float16"``.
    context_tokens
        Tokens in the KV cache, prompt and answer together.
    permissions
        Whether a model's own code may lay it out.

    Raises
    ------
    ModelFilesError
        If the configuration is not one of a causal language model.
    """
    from transformers import PretrainedConfig

    config = model if isinstance(model, PretrainedConfig) else _load_config(Path(model))
    tokens = min(context_tokens, Architecture.of(config).context_window or context_tokens)
    return MemoryEstimate(
        weights_bytes=_weights_bytes(config, dtype, permissions),
        kv_cache_bytes=kv_cache_bytes(config, dtype=dtype, tokens=tokens),
        context_tokens=tokens,
    )


def gguf_estimate(
    header: GgufHeader, *, file_bytes: int, context_tokens: int = ASSUMED_CONTEXT_TOKENS
) -> MemoryEstimate:
    """Return the memory that a GGUF takes which is loaded as it is.

    Parameters
    ----------
    header
        What it says of itself.
    file_bytes
        The size of all its parts.
    context_tokens
        Tokens in the KV cache, prompt and answer together.
    """
    return MemoryEstimate(
        weights_bytes=file_bytes,
        kv_cache_bytes=context_tokens * header.kv_bytes_per_token,
        context_tokens=context_tokens,
    )


def kv_cache_bytes(config: PretrainedConfig, *, dtype: str, tokens: int) -> int:
    """Return the bytes of a KV cache that holds ``tokens``."""
    return tokens * Architecture.of(config).kv_values_per_token * DTYPE_BYTES[dtype]


def _load_config(folder: Path) -> PretrainedConfig:
    check_torch_can_be_imported()
    from transformers import AutoConfig, PretrainedConfig

    read_config(folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except file_faults() as error:
        raise ModelFilesError(
            f"{folder / 'config.json'} describes no model that transformers knows: "
            f"{first_line(error)}."
        ) from error
    if not isinstance(config, PretrainedConfig):
        raise ModelFilesError(f"{folder / 'config.json'} does not describe a model.")
    return config


def _weights_bytes(config: PretrainedConfig, dtype: str, permissions: Permissions) -> int:
    """Return the bytes of the model's parameters and buffers, tied weights counted once."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    try:
        with init_empty_weights(include_buffers=True):
            # If it were left out, transformers would ask on the keyboard.
            model = AutoModelForCausalLM.from_config(
                config, trust_remote_code=permissions.trust_remote_code
            )
        model.tie_weights()
    # Nothing is allocated here, so that a `RuntimeError` is about the figures.
    except file_faults(RuntimeError) as error:
        raise ModelFilesError(
            f"{type(config).__name__} is not a causal language model: {first_line(error)}."
        ) from error
    # Each comes once, in the type of the files: the one asked for may be larger.
    numbers = (t.numel() for t in (*model.parameters(), *model.buffers()) if t.is_floating_point())
    return int(sum(numbers)) * DTYPE_BYTES[dtype]


def check_fits(
    needed: MemoryEstimate, *, model: str, device: str = "cpu", available_bytes: int | None = None
) -> None:
    """Refuse a model that does not fit, before anything is loaded.

    Parameters
    ----------
    needed
        From `estimate`.
    model
        Its name, for the message.
    device
        Where it is to go.
    available_bytes
        What is free there; `available_memory` unless given.

    Raises
    ------
    NotEnoughMemoryError
        With both numbers; the hint names catalog models that fit.
    """
    free = available_memory(device) if available_bytes is None else available_bytes
    if needed.total_bytes <= free:
        return
    where = f" on {device}" if device.startswith("cuda") else ""
    fitting = models_that_fit(free)
    smaller = f"These fit: {', '.join(fitting)}. " if fitting else ""
    raise NotEnoughMemoryError(
        f"{model} needs {format_bytes(needed.total_bytes)} "
        f"({format_bytes(needed.weights_bytes)} weights, {format_bytes(needed.kv_cache_bytes)} "
        f"KV cache for {needed.context_tokens:,} tokens), "
        f"but {format_bytes(free)} are free{where}.",
        needed_bytes=needed.total_bytes,
        available_bytes=free,
        hint=f"{smaller}--force loads it anyway and offloads the rest to disk, which is slow.",
    )


def models_that_fit(available_bytes: int) -> list[str]:
    """Return some catalog models that fit into ``available_bytes``, the largest first."""
    fitting = [
        entry
        for entry in CATALOG.values()
        if entry.memory_bytes("bfloat16") + WORKING_BYTES <= available_bytes
    ]
    fitting.sort(key=lambda entry: entry.parameters, reverse=True)
    return [entry.name for entry in fitting[:SHOWN_MODELS]]


def process_peak_bytes() -> int:
    """Return the most physical memory that this process has held, in bytes."""
    if sys.platform == "win32":
        info: Any = psutil.Process().memory_info()
        return int(info.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES


def cuda_peak_bytes() -> int:
    """Return the most memory that torch has held on all CUDA devices, in bytes."""
    import torch

    if not torch.cuda.is_available():
        return 0
    devices = range(torch.cuda.device_count())
    return sum(int(torch.cuda.max_memory_allocated(device)) for device in devices)
