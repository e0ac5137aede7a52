"""From a model's folder to tokenizer, config and weights, on the device that suits."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.engines.transformers.adapters import apply_adapter, check_adapter
from codeface_jupyter.engines.transformers.best_dtype import best_dtype
from codeface_jupyter.engines.transformers.options import TransformersOptions
from codeface_jupyter.engines.transformers.quantization import (
    quantization_config,
    settle_quantization,
)
from codeface_jupyter.engines.transformers.support import no_flash_attention
from codeface_jupyter.errors import ConfigError, EngineUnavailableError, ModelFilesError, first_line
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.end_tokens import token_ids
from codeface_jupyter.models.file_faults import file_faults
from codeface_jupyter.models.folder_check import has_weights
from codeface_jupyter.models.memory import available_memory, estimate
from codeface_jupyter.models.memory_usage import says_memory_ran_out
from codeface_jupyter.models.model_choice import LARGEST_SHARE
from codeface_jupyter.models.torch_library import check_torch_can_be_imported

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "Placement",
    "load_config",
    "load_tokenizer",
    "load_weights",
    "place",
    "suited_to_memory",
]

# With these, accelerate spreads the model over all devices; every other value names one.
SPREAD = frozenset({"auto", "balanced", "balanced_low_0", "sequential"})


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where and as what the weights are loaded.

    Attributes
    ----------
    device_map
        As accelerate takes it.
    device_type
        ``cpu``, ``cuda``, ``mps`` …: where most of the work is done.
    dtype
        The weights' type, by torch's name for it.
    attn_implementation
        The attention kernel; None leaves the choice to transformers.
    quantization
        How weights are made smaller and by which package; empty for whole weights.
    adapter
        The folder of a LoRA adapter.
    permissions
        What the call was allowed.
    """

    device_map: str
    device_type: str
    dtype: str
    attn_implementation: str | None
    quantization: str = ""
    adapter: Path | None = None
    permissions: Permissions = NOTHING_MORE

    @property
    def source_options(self) -> dict[str, Any]:
        """What every ``from_pretrained`` is given: no downloads, and code only if allowed."""
        trusted = self.permissions.trust_remote_code
        return {"local_files_only": True, "trust_remote_code": trusted}


def place(settings: Settings, options: TransformersOptions) -> Placement:
    """Decide what ``settings`` and ``options`` leave open, by what the machine has.

    Raises
    ------
    ConfigError
        If ``device_map`` is not a device.
    EngineUnavailableError
        If the device, or a package for the attention kernel, the quantization or the
        adapter, is missing.
    ModelFilesError
        If the adapter's files are not right.
    """
    check_torch_can_be_imported()
    device_map, device_type = _device(settings, options)
    adapter = options.adapter.expanduser() if options.adapter else None
    if adapter is not None:
        check_adapter(adapter)
    return Placement(
        device_map=device_map,
        device_type=device_type,
        dtype=best_dtype(device_type) if options.dtype == "auto" else options.dtype,
        attn_implementation=_attention(options.attn_implementation),
        quantization=settle_quantization(options.quantization, device_type=device_type),
        adapter=adapter,
        permissions=settings.permissions,
    )


def _device(settings: Settings, options: TransformersOptions) -> tuple[str, str]:
    import torch

    accelerator = torch.accelerator.current_accelerator() if _has_accelerator() else None
    wanted = options.device_map
    if wanted in SPREAD:
        if accelerator is not None:
            return wanted, accelerator.type
        # Spread only where the disk must help: one device needs no hooks between layers.
        return ("auto" if settings.force_load else "cpu"), "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise ConfigError(
            f"device_map = {wanted!r} is not a device that torch knows.",
            hint=f"Use one of {', '.join(sorted(SPREAD))}, or a device such as cpu or cuda:0.",
        ) from None
    if device.type != "cpu":
        _require_device(device, accelerator)
    return wanted, device.type


def _has_accelerator() -> bool:
    import torch

    return bool(torch.accelerator.is_available())


def _require_device(device: Any, accelerator: Any) -> None:
    import torch

    count = torch.accelerator.device_count() if accelerator is not None else 0
    if accelerator is None or device.type != accelerator.type or (device.index or 0) >= count:
        found = (
            f"{count} {accelerator.type} device(s)" if accelerator is not None else "no accelerator"
        )
        raise EngineUnavailableError(
            f"device_map = '{device}', but torch finds {found} on this machine.",
            hint="device_map = 'auto' uses what is there.",
        )


def suited_to_memory(placement: Placement, config: PretrainedConfig) -> Placement:
    """Return ``placement``, in 16 bits if 32 have no room or the weights are quantized."""
    if placement.dtype != "float32":
        return placement
    is_quantized = placement.quantization or getattr(config, "quantization_config", None)
    if not is_quantized:
        needed = estimate(config, dtype="float32", permissions=placement.permissions)
        if needed.total_bytes <= LARGEST_SHARE * available_memory("cpu"):
            return placement
    return replace(placement, dtype="bfloat16")


def _attention(name: str) -> str | None:
    from transformers.utils import is_flash_attn_2_available

    if name == "flash_attention_2" and not is_flash_attn_2_available():
        raise no_flash_attention()
    return None if name == "auto" else name


def load_config(folder: Path, placement: Placement) -> PretrainedConfig:
    """Read the model's config.

    Raises
    ------
    ModelFilesError
        If it is missing, broken or of an architecture that transformers does not know.
    """
    from transformers import AutoConfig

    with _file_errors(folder):
        return AutoConfig.from_pretrained(folder, **placement.source_options)


def load_tokenizer(folder: Path, placement: Placement) -> PreTrainedTokenizerBase:
    """Read the model's tokenizer.

    Raises
    ------
    ModelFilesError
        If it is missing or broken.
    """
    from transformers import AutoTokenizer

    try:
        with _file_errors(folder):
            tokenizer = AutoTokenizer.from_pretrained(folder, **placement.source_options)
            # Some wrong settings only show when it is used.
            tokenizer("x")
    except Exception as error:
        # What reads tokenizer.json raises nothing more specific.
        if type(error) is not Exception:
            raise
        raise ModelFilesError(
            f"{folder} has no readable tokenizer: {first_line(error)}.",
            hint="Fetch the model again.",
        ) from error
    return tokenizer


def load_weights(
    folder: Path,
    *,
    config: PretrainedConfig,
    placement: Placement,
    offload_folder: Path | None,
    job: Job,
) -> PreTrainedModel:
    """Load the weights into memory, ready to generate.

    Raises
    ------
    ModelFilesError
        If the weights are missing, broken or pickled, or do not match the config.
    """
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = placement.source_options
    if placement.quantization:
        scheme = quantization_config(placement.quantization, dtype=placement.dtype)
        options["quantization_config"] = scheme
    # Pickled weights only if they are allowed and there are no others.
    is_pickled = placement.permissions.allow_pickle and not has_weights(folder)
    with _file_errors(folder), _loading_progress(job):
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=getattr(torch, placement.dtype),
            device_map=placement.device_map,
            attn_implementation=placement.attn_implementation,
            offload_folder=offload_folder,
            use_safetensors=not is_pickled,
            output_loading_info=True,
            **options,
        )
    if info["missing_keys"]:
        raise _missing_weights(folder, model, names=sorted(info["missing_keys"]))
    if placement.adapter is not None:
        job.progress("Applying the adapter")
        model = apply_adapter(model, placement.adapter, merge=not placement.quantization)
    _forget_sampling_defaults(model)
    return model.eval()


def _missing_weights(
    folder: Path, model: PreTrainedModel, *, names: Sequence[str]
) -> ModelFilesError:
    return ModelFilesError(
        f"{folder} lacks {len(names)} weights of a {type(model).__name__}, such as {names[0]}.",
        hint="The weights are incomplete or belong to another kind of model: fetch it again.",
    )


def _forget_sampling_defaults(model: PreTrainedModel) -> None:
    """Keep of the checkpoint's own defaults only what is no setting of the user's."""
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(
        eos_token_id=token_ids(own.eos_token_id) or None,
        bos_token_id=next(iter(token_ids(own.bos_token_id)), None),
    )


@contextmanager
def _file_errors(folder: Path) -> Iterator[None]:
    """Turn what transformers raises over a model's files into an error that names the folder."""
    from safetensors import SafetensorError

    try:
        yield
    except RuntimeError as error:
        # Other RuntimeErrors, such as running out of memory, are not about the files.
        if isinstance(error, RecursionError):
            raise ModelFilesError(f"{folder} has a file that is nested too deeply.") from error
        if "ignore_mismatched_sizes" not in str(error):
            raise
        raise ModelFilesError(
            f"{folder} has weights whose shapes do not match its config.json.",
            hint="The weights may belong to another model of the same kind: fetch it again.",
        ) from error
    except ImportError as error:
        raise EngineUnavailableError(
            f"{folder} needs a package that is not installed: {first_line(error)}."
        ) from error
    except file_faults(SafetensorError) as error:
        if isinstance(error, OSError) and (
            error.errno == errno.ENOMEM or says_memory_ran_out(str(error))
        ):
            raise MemoryError(str(error)) from error
        if "trust_remote_code" in str(error):
            raise ModelFilesError(
                f"{folder} contains Python code of its own, which only runs if you allow it.",
                hint="Read it first. If you trust it, add --trust-remote-code to the call.",
            ) from error
        raise ModelFilesError(
            f"{folder} cannot be loaded: {first_line(error)}.",
            hint="It must hold config, tokenizer and safetensors weights of a causal language "
            "model that this version of transformers knows.",
        ) from error


@contextmanager
def _loading_progress(job: Job) -> Iterator[None]:
    """Report transformers' own progress bars through ``job`` instead of printing them."""
    from transformers.utils import logging

    stage = "Loading the weights"
    thread = threading.get_ident()

    def bar(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # The hook is for the whole process: what the user loads meanwhile keeps its bars.
        if threading.get_ident() != thread:
            return factory(*args, **kwargs)
        return _ProgressBar(*args, job=job, stage=stage, **kwargs)

    job.progress(stage)
    previous = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(previous)


class _ProgressBar:
    """The part of tqdm's interface that transformers uses while it loads."""

    def __init__(
        self,
        iterable: Iterable[Any] = (),
        *,
        job: Job,
        stage: str,
        total: int | None = None,
        **_: Any,
    ) -> None:
        self._items = list(iterable)
        self._job = job
        self._stage = stage
        self._total = total or len(self._items)
        self._completed = 0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            yield item
            self.update()

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, steps: int = 1) -> None:
        """Count ``steps`` more items as done."""
        self._completed += steps
        self._job.progress(self._stage, self._completed, self._total)

    def close(self) -> None:
        """End the bar; nothing is left to show."""

    def set_description(self, *_: object, **__: object) -> None:
        """Keep the stage's own name."""

    set_postfix = set_description
