"""A GGUF in llama.cpp's process: prompts become text and tokens there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psutil

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.llamacpp.answer import Question
from codeface_jupyter.engines.llamacpp.child import ServerProcess
from codeface_jupyter.engines.llamacpp.connection import Connection
from codeface_jupyter.engines.llamacpp.options import LlamaCppOptions
from codeface_jupyter.engines.text.chat_layout import ChatLayout, completing
from codeface_jupyter.engines.text.context_window import capacity_tokens, check_prompt_fits
from codeface_jupyter.engines.text.infill_layout import InfillLayout, infill_text
from codeface_jupyter.generation import GenerationRequest
from codeface_jupyter.infilling import InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.gguf_files import gguf_parts
from codeface_jupyter.models.gguf_header import GgufHeader, read_gguf_header
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.memory import MemoryEstimate, check_fits, gguf_estimate
from codeface_jupyter.prompts import Prompt

__all__ = ["SLOTS", "GgufModel", "RunningModel", "start"]

# Requests that are worked on at once; each also keeps the prefix of its last prompt.
SLOTS = 8
# Between two batches llama.cpp looks whether it is to stop. See decision 17 for the figures.
BATCH_TOKENS = 128


@dataclass(frozen=True, kw_only=True)
class GgufModel:
    """What is known of a GGUF before it is loaded.

    Attributes
    ----------
    files
        Where it is.
    header
        What it says of itself.
    parts
        All of its files.
    stamps
        What the system says of each when it was read.
    """

    files: LocalModel
    header: GgufHeader
    parts: tuple[Path, ...]
    stamps: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, files: LocalModel, gguf: Path) -> GgufModel:
        """Read the header of ``gguf`` and see that all its parts are here.

        Raises
        ------
        ModelFilesError
            If one of them is missing or broken.
        """
        parts = tuple(gguf_parts(gguf))
        return cls(files=files, header=read_gguf_header(gguf), parts=parts, stamps=_stamps(parts))

    @property
    def has_changed(self) -> bool:
        """Whether its files are no longer those that were read."""
        return _stamps(self.parts) != self.stamps

    def context_tokens(self, options: LlamaCppOptions) -> int:
        """Return how many tokens its context is to hold."""
        wanted = options.context_tokens or capacity_tokens(self.header.kv_bytes_per_token)
        return min(wanted, self.header.context_window or wanted)

    def memory(self, context_tokens: int) -> MemoryEstimate:
        """Return the memory that it takes once it is loaded."""
        file_bytes = sum(size for _, size, _ in self.stamps)
        return gguf_estimate(self.header, file_bytes=file_bytes, context_tokens=context_tokens)


@dataclass(frozen=True, kw_only=True)
class RunningModel:
    """A GGUF that llama.cpp has loaded.

    Attributes
    ----------
    model
        What was loaded.
    connection
        Leads to the process.
    context_tokens
        How many tokens the context holds.
    """

    model: GgufModel
    connection: Connection
    context_tokens: int
    _layout: ChatLayout = field(init=False)

    def __post_init__(self) -> None:
        layout = ChatLayout(
            self.model.header.control_tokens,
            context_window=self.context_tokens,
            model_name=self.model.files.name,
        )
        object.__setattr__(self, "_layout", layout)

    @cached_property
    def _infill_layout(self) -> InfillLayout | None:
        return InfillLayout.of(self.model.header.control_tokens)

    @property
    def is_chat(self) -> bool:
        """Whether the file has a chat template."""
        return bool(self.model.header.chat_template)

    @property
    def process(self) -> ServerProcess:
        """The process it runs in."""
        return self.connection.process

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the file's chat template, or as a script for a base model.

        Raises
        ------
        ModelFilesError
            If the template refuses a plain conversation, or does not come to an end.
        """
        lay_out = self.connection.apply_template if self.is_chat else None
        return self._layout.text(prompt, lay_out=lay_out)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, without special tokens."""
        return len(self.connection.tokenize(text, is_prompt=False))

    def question(self, request: GenerationRequest) -> Question:
        """Return what llama.cpp is asked for ``request``.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the context.
        """
        text = self.format_prompt(request.prompt)
        prompt_ids = tuple(self.connection.tokenize(text, is_prompt=True))
        sampling = request.sampling if self.is_chat else completing(request.sampling)
        self._check_fits(prompt_ids, max_new_tokens=sampling.max_new_tokens)
        return Question(prompt_ids=prompt_ids, sampling=sampling)

    @property
    def can_infill(self) -> bool:
        """Whether it completes code: chat models do if they were trained to fill gaps."""
        return self._infill_layout is not None or not self.is_chat

    def infill_ids(self, request: InfillRequest) -> tuple[int, ...]:
        """Return the tokens that are continued with what fills a gap.

        A base model that was not trained for it continues the text before the gap.

        Raises
        ------
        PromptTooLongError
            If prompt and completion do not fit the context.
        """
        text = infill_text(request.prompt, layout=self._infill_layout, defused=self._layout.defused)
        prompt_ids = tuple(self.connection.tokenize(text, is_prompt=True))
        self._check_fits(prompt_ids, max_new_tokens=request.max_new_tokens)
        return prompt_ids

    def _check_fits(self, prompt_ids: tuple[int, ...], *, max_new_tokens: int) -> None:
        check_prompt_fits(
            prompt_tokens=len(prompt_ids),
            max_new_tokens=max_new_tokens,
            context_window=self.context_tokens,
        )

    def held_bytes(self) -> dict[str, int]:
        """Return what the process holds, in bytes."""
        held = self.process.held_bytes()
        kv_cache = min(held, self.model.memory(self.context_tokens).kv_cache_bytes)
        return {"weights": held - kv_cache, "KV prefixes": kv_cache}


def start(
    model: GgufModel, *, settings: Settings, options: LlamaCppOptions, job: Job
) -> RunningModel:
    """Start llama.cpp's process with ``model`` and wait until it is loaded.

    Raises
    ------
    NotEnoughMemoryError
        If it does not fit and ``force_load`` is off.
    ChildDiedError
        If the process ends, or gets stuck, before it is.
    Cancelled
        If ``job`` was stopped.
    """
    context_tokens = model.context_tokens(options)
    needed = model.memory(context_tokens)
    if not settings.force_load:
        check_fits(needed, model=model.files.name)
    asked = {
        "file": str(model.parts[0]),
        "name": model.files.name,
        "context_tokens": context_tokens,
        "slots": SLOTS,
        "batch_tokens": BATCH_TOKENS,
        "threads": _threads(),
        "gpu_layers": options.n_gpu_layers,
    }
    process = ServerProcess(asked, expected_bytes=needed.total_bytes, job=job)
    return RunningModel(
        model=model,
        connection=Connection(process, model=model.files.name),
        context_tokens=context_tokens,
    )


def _threads() -> int:
    """Return how many threads compute: one for each physical core that may be used."""
    if sys.platform == "darwin":
        return -1  # llama.cpp tells fast cores from slow ones.
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else cores
    return min(cores, allowed)


def _stamps(parts: tuple[Path, ...]) -> tuple[tuple[int, int, int], ...]:
    """Return what tells a file from another; of one that is gone, zeros."""
    return tuple(_stamp(part) for part in parts)


def _stamp(part: Path) -> tuple[int, int, int]:
    try:
        status = part.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)
