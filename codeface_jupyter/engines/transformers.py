"""The general engine: any causal language model of the hub, on any device that torch knows."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.adapters import adapter_identity
from codeface_jupyter.engines.base import check_prompt_fits
from codeface_jupyter.engines.checkpoint import (
    Placement,
    load_config,
    load_tokenizer,
    load_weights,
    place,
)
from codeface_jupyter.engines.cpu_decode import (
    gains_without_onednn,
    single_tokens_without_onednn,
)
from codeface_jupyter.engines.decoding import (
    AnswerCriterion,
    cancellable,
    logits_processors,
    reading_only_what_is_new,
)
from codeface_jupyter.engines.kv_prefixes import PrefixStore, new_cache
from codeface_jupyter.engines.model_tokenizer import ModelTokenizer
from codeface_jupyter.engines.quantization import quantized_estimate
from codeface_jupyter.engines.streaming_text import AnswerWriter
from codeface_jupyter.errors import GenerationError, ModelNotFoundError
from codeface_jupyter.generation import (
    Cancelled,
    Done,
    Emit,
    EngineIdentity,
    FinishReason,
    GenerationMetrics,
    GenerationRequest,
    Progress,
)
from codeface_jupyter.models.fetch import LocalModel, ensure_local, locate
from codeface_jupyter.models.memory import (
    check_fits,
    cuda_peak_bytes,
    estimate,
    process_peak_bytes,
)
from codeface_jupyter.prompts import COMPLETION_STOP_STRINGS, Prompt

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["TransformersEngine"]

PROMPT_LOOKUP_TOKENS = 8


class TransformersEngine:
    """Runs a model in this process with torch, transformers and accelerate.

    The KV caches of the last conversations are kept, so that a prompt which begins
    like an earlier one is read only from where it differs. Torch's global state
    (default dtype, threads, random state) stays the user's.

    Parameters
    ----------
    settings
        The model and how to load it; see `codeface_jupyter.config.Settings`.

    Attributes
    ----------
    prefixes
        The kept KV caches.
    """

    is_local = True

    def __init__(self, settings: Settings) -> None:
        self.prefixes = PrefixStore()
        self._settings = settings
        self._files: LocalModel | None = None
        self._config: PretrainedConfig | None = None
        self._tokenizer: ModelTokenizer | None = None
        self._placement: Placement | None = None
        self._adapter_identity = ""
        self._model: PreTrainedModel | None = None
        self._avoids_onednn = False
        self._offload: tempfile.TemporaryDirectory[str] | None = None

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model, revision and dtype; the last two are settled by `prepare`."""
        return EngineIdentity(
            engine="transformers",
            model=self._settings.model,
            revision=(self._files.revision if self._files else self._settings.revision) or "",
            dtype=self._placement.dtype if self._placement else self._settings.dtype,
            quantization=self._placement.quantization if self._placement else "",
            adapter=self._adapter_identity,
        )

    @property
    def is_chat(self) -> bool:
        """Whether the tokenizer has a chat template; needs `prepare`."""
        return self._prepared_tokenizer.is_chat

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._model is not None

    @property
    def context_window(self) -> int | None:
        """The positions that the model's config gives; None if it gives none."""
        if self._config is None:
            return None
        text_config = self._config.get_text_config(decoder=True)
        window = getattr(text_config, "max_position_embeddings", None)
        return int(window) if window else None

    @property
    def _prepared_tokenizer(self) -> ModelTokenizer:
        if self._tokenizer is None:
            raise RuntimeError("The engine's prepare() comes before anything that needs tokens.")
        return self._tokenizer

    def prepare(self, emit: Emit) -> None:
        """Bring the files here; read the config and the tokenizer.

        Raises
        ------
        ModelNotFoundError
            If there is no such model, or it is not here and must not be fetched.
        FetchError
            If its files cannot be brought here.
        ModelFilesError
            If its files are broken or of a wrong kind.
        EngineUnavailableError
            If the device or a package that the settings ask for is missing.
        """
        if self._tokenizer is not None:
            return
        self._files = self._find_files(emit)
        emit(Progress("Reading the tokenizer"))
        self._placement = placement = place(self._settings)
        self._adapter_identity = adapter_identity(placement.adapter)
        self._config = load_config(self._files.path, placement)
        self._tokenizer = ModelTokenizer(
            load_tokenizer(self._files.path, placement), model_name=self._settings.model
        )

    def load(self, emit: Emit) -> None:
        """Take the weights into memory.

        Raises
        ------
        NotEnoughMemoryError
            If they do not fit and ``force_load`` is off.
        ModelFilesError
            If they are broken or not the config's.
        """
        if self._model is not None:
            return
        self.prepare(emit)
        assert self._files is not None
        assert self._placement is not None
        self._check_memory()
        with self._memory_errors():
            self._model = load_weights(
                self._files.path,
                config=self._config,
                placement=self._placement,
                offload_folder=self._offload_folder(),
                emit=emit,
            )
        if self._placement.device_type == "cpu":
            self._avoids_onednn = gains_without_onednn(self._model)

    def unload(self) -> None:
        """Drop weights and KV caches and give their memory back."""
        self._model = None
        self._release()
        if self._offload is not None:
            self._offload.cleanup()
            self._offload = None

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the chat template, or as a script for a base model."""
        return self._prepared_tokenizer.format_prompt(prompt)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, none added."""
        return self._prepared_tokenizer.count_tokens(text)

    def generate(self, request: GenerationRequest, *, emit: Emit, cancel: threading.Event) -> Done:
        """Answer ``request`` in the calling thread.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the model's window.
        GenerationError
            If the device runs out of memory; the KV caches are dropped first.
        """
        load_s = self._timed_load(emit)
        stop_strings = request.sampling.stop_strings
        if not self.is_chat:
            stop_strings += COMPLETION_STOP_STRINGS
        writer = AnswerWriter(emit, stop_strings=stop_strings)
        prompt_ids = self._prepared_tokenizer.encode_prompt(self.format_prompt(request.prompt))
        check_prompt_fits(
            prompt_tokens=len(prompt_ids),
            max_new_tokens=request.sampling.max_new_tokens,
            context_window=self.context_window,
        )
        with self._memory_errors():
            reason, reused = self._decode(request, prompt_ids, writer=writer, cancel=cancel)
        return writer.done(
            reason,
            metrics=GenerationMetrics(
                prompt_tokens=len(prompt_ids),
                reused_prompt_tokens=reused,
                load_s=load_s,
                peak_memory_bytes=self._peak_memory_bytes(),
            ),
        )

    def _find_files(self, emit: Emit) -> LocalModel:
        settings = self._settings
        found = locate(
            settings.model,
            revision=settings.revision,
            cache_dir=settings.cache_dir,
            permissions=settings.permissions,
        )
        if found is not None:
            return found
        if not settings.auto_pull:
            raise ModelNotFoundError(
                f"{settings.model} is not on this machine, and auto_pull is off.",
                hint=f"Fetch it first: codeface pull {settings.model}",
            )
        return ensure_local(
            settings.model,
            revision=settings.revision,
            cache_dir=settings.cache_dir,
            emit=emit,
            permissions=settings.permissions,
        )

    def _check_memory(self) -> None:
        """Refuse what cannot fit before the system ends the kernel over it."""
        assert self._config is not None
        assert self._placement is not None
        # Quantized weights take less than the arithmetic on the config says.
        is_quantized = getattr(self._config, "quantization_config", None) is not None
        if self._settings.force_load or is_quantized:
            return
        needed = estimate(
            self._config,
            dtype=self._placement.dtype,
            permissions=self._placement.permissions,
        )
        if scheme := self._placement.quantization:
            needed = quantized_estimate(needed, self._config, scheme=scheme)
        check_fits(
            needed,
            model=self._settings.model,
            device=self._placement.device_map,
        )

    def _offload_folder(self) -> Path | None:
        """Return where weights go that fit no memory; a folder of our own ends with the model."""
        if self._settings.offload_folder is not None or not self._settings.force_load:
            return self._settings.offload_folder
        self._settings.cache_dir.mkdir(parents=True, exist_ok=True)
        self._offload = tempfile.TemporaryDirectory(prefix="offload-", dir=self._settings.cache_dir)
        return Path(self._offload.name)

    def _timed_load(self, emit: Emit) -> float:
        if self._model is not None:
            return 0.0
        started = time.perf_counter()
        self.load(emit)
        return time.perf_counter() - started

    def _decode(
        self,
        request: GenerationRequest,
        prompt_ids: list[int],
        *,
        writer: AnswerWriter,
        cancel: threading.Event,
    ) -> tuple[FinishReason, int]:
        """Run the model; return why it ended and how many prompt tokens were reused."""
        import torch

        model = self._model
        assert model is not None
        eos_ids = self._prepared_tokenizer.eos_ids(model.generation_config.eos_token_id)
        criterion = AnswerCriterion(
            prompt_ids,
            writer=writer,
            detokenizer=self._prepared_tokenizer.detokenizer(
                prompt_ids=prompt_ids, eos_ids=eos_ids
            ),
            eos_ids=eos_ids,
            cancel=cancel,
        )
        cache = self.prefixes.longest(prompt_ids)
        if cache is None:
            cache = new_cache(model)
        reused = 0 if cache is None else cache.get_seq_length()
        input_ids = torch.tensor([prompt_ids], device=model.device)
        try:
            with self._adapted(model, cancel):
                model.generate(
                    input_ids,
                    attention_mask=torch.ones_like(input_ids),
                    generation_config=_generation_config(request, eos_ids, cache=cache),
                    logits_processor=logits_processors(request.sampling),
                    stopping_criteria=[criterion],
                    past_key_values=cache,
                )
        except Cancelled:
            if not cancel.is_set():
                raise
        if cache is not None:
            self.prefixes.keep(criterion.token_ids, cache, at_least=len(prompt_ids))
        return criterion.finish(), reused

    @contextmanager
    def _adapted(self, model: PreTrainedModel, cancel: threading.Event) -> Iterator[None]:
        """Let ``model`` be left at any time, start warm, and decode the fast way."""
        with ExitStack() as stack:
            if self._avoids_onednn:
                stack.enter_context(single_tokens_without_onednn(model))
            stack.enter_context(cancellable(model, cancel))
            stack.enter_context(reading_only_what_is_new(model))
            yield

    @contextmanager
    def _memory_errors(self) -> Iterator[None]:
        """Give back what can be given when memory runs out, then say so with the numbers."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            # The frames of the failed pass still hold its tensors.
            traceback.clear_frames(error.__traceback__)
            dropped = self.prefixes.size_bytes
            self._release()
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise GenerationError(
                f"{self._settings.model} ran out of memory: {reason}",
                hint=f"{dropped / 2**20:,.0f} MiB of earlier requests' KV caches were dropped. "
                "Ask again with fewer cells or new tokens, or take a smaller model.",
            ) from error

    def _release(self) -> None:
        import torch

        self.prefixes.clear()
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _peak_memory_bytes(self) -> int:
        if self._placement is not None and self._placement.device_type == "cuda":
            return cuda_peak_bytes()
        return process_peak_bytes()


def _generation_config(request: GenerationRequest, eos_ids: list[int], *, cache: object) -> Any:
    from transformers import GenerationConfig

    # Wrong guesses are cut off the cache again, so it must be one that can be cut.
    guesses = request.expects_copying and cache is not None
    return GenerationConfig(
        max_new_tokens=request.sampling.max_new_tokens,
        # Sampling is a logits processor of ours: see `logits_processors`.
        do_sample=False,
        repetition_penalty=request.sampling.repetition_penalty,
        eos_token_id=eos_ids or None,
        pad_token_id=eos_ids[0] if eos_ids else 0,
        prompt_lookup_num_tokens=PROMPT_LOOKUP_TOKENS if guesses else None,
    )


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    # On the CPU torch raises a plain RuntimeError.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )
