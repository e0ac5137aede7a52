"""The general engine: any causal language model of the hub, on any device that torch knows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.engines.text.context_window import check_prompt_fits
from codeface_jupyter.engines.text.model_tokenizer import ModelTokenizer
from codeface_jupyter.engines.text.streaming_text import AnswerWriter, collected
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.engines.transformers.adapters import adapter_identity
from codeface_jupyter.engines.transformers.batch_run import BatchRow, BatchRun
from codeface_jupyter.engines.transformers.checkpoint import (
    Placement,
    load_config,
    load_tokenizer,
    load_weights,
    place,
)
from codeface_jupyter.engines.transformers.decode_run import DecodeRun
from codeface_jupyter.engines.transformers.generate_hooks import AnswerCriterion
from codeface_jupyter.engines.transformers.kv_prefixes import PrefixStore, new_cache
from codeface_jupyter.engines.transformers.quantization import quantized_estimate
from codeface_jupyter.errors import GenerationError, ModelFilesError
from codeface_jupyter.generation import Done, EngineIdentity, GenerationMetrics, GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.folder_check import is_only_ir
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.memory import (
    available_memory,
    check_fits,
    cuda_peak_bytes,
    estimate,
    kv_cache_bytes,
    process_peak_bytes,
)
from codeface_jupyter.models.memory_usage import (
    device_memory,
    give_back,
    shortage_in,
)
from codeface_jupyter.models.storage import format_bytes
from codeface_jupyter.prompts import COMPLETION_STOP_STRINGS, Prompt

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["TransformersEngine"]

# A batch's keys and values take at most this part of free memory: a pass needs room as well.
BATCH_SHARE = 3


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
    # Small models that decode greedily fall into loops without one: see benchmarks/RESULTS.md.
    default_repetition_penalty = 1.05

    def __init__(self, settings: Settings) -> None:
        self.prefixes = PrefixStore()
        self._settings = settings
        self._files: LocalModel | None = None
        self._config: PretrainedConfig | None = None
        self._tokenizer: ModelTokenizer | None = None
        self._placement: Placement | None = None
        self._adapter_identity = ""
        self._model: PreTrainedModel | None = None
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
        return Architecture.of(self._config).context_window

    @property
    def _prepared_tokenizer(self) -> ModelTokenizer:
        if self._tokenizer is None:
            raise RuntimeError("The engine's prepare() comes before anything that needs tokens.")
        return self._tokenizer

    def prepare(self, job: Job) -> None:
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
        self._files = find_or_fetch(
            ModelRequest.of(self._settings), job, may_fetch=self._settings.auto_pull
        )
        _refuse_openvino_form(self._files, self._settings.permissions)
        job.progress("Reading the tokenizer")
        self._placement = placement = place(self._settings)
        self._adapter_identity = adapter_identity(placement.adapter)
        self._config = load_config(self._files.path, placement)
        self._tokenizer = ModelTokenizer(
            load_tokenizer(self._files.path, placement), model_name=self._settings.model
        )

    def load(self, job: Job) -> None:
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
        self.prepare(job)
        assert self._files is not None
        assert self._placement is not None
        self._check_memory()
        self._load_weights(self._files.path, job)

    def _load_weights(self, folder: Path, job: Job) -> None:
        assert self._placement is not None
        placement = self._placement

        def load() -> None:
            self._model = load_weights(
                folder,
                config=self._config,
                placement=placement,
                offload_folder=self._offload_folder(),
                job=job,
            )

        if failure := shortage_in(load):
            self.unload()
            raise self._out_of_memory_error(failure, tokens=0)

    def unload(self) -> None:
        """Drop weights and KV caches and give their memory back."""
        self._model = None
        self.prefixes.clear()
        give_back()
        if self._offload is not None:
            self._offload.cleanup()
            self._offload = None

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the chat template, or as a script for a base model."""
        return self._prepared_tokenizer.format_prompt(prompt)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, none added."""
        return self._prepared_tokenizer.count_tokens(text)

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request`` in the calling thread.

        If memory runs out, the kept KV caches are dropped and the answer goes on once more
        from where it stood, more slowly and with less.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the model's window.
        GenerationError
            If memory runs out again.
        """
        load_s = self._timed_load(job)
        writer = self._writer(request, job)
        prompt_ids = self._prompt_ids(request)
        eos_ids = self._eos_ids()
        detokenizer = self._prepared_tokenizer.detokenizer(prompt_ids=prompt_ids, eos_ids=eos_ids)
        criterion = AnswerCriterion(
            prompt_ids, writer=writer, detokenizer=detokenizer, eos_ids=eos_ids, job=job
        )
        reused, warnings = self._decode(request, criterion, job=job)
        done = writer.done(
            criterion.finish(),
            metrics=GenerationMetrics(
                prompt_tokens=len(prompt_ids),
                reused_prompt_tokens=reused,
                load_s=load_s,
                peak_memory_bytes=self._peak_memory_bytes(),
            ),
        )
        return replace(done, warnings=warnings)

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests`` side by side, as many at once as memory allows.

        Raises
        ------
        PromptTooLongError
            If one prompt and its answer do not fit the model's window; none is begun then.
        GenerationError
            If memory runs out for a single answer.
        """
        load_s = self._timed_load(job)
        answers = [self._row(n, request, job=job) for n, request in enumerate(requests)]

        def finish(row: BatchRow) -> None:
            done = row.answer.done(load_s=load_s)
            metrics = replace(done.metrics, peak_memory_bytes=self._peak_memory_bytes())
            on_result(row.index, row.text, replace(done, metrics=metrics))

        if failure := self._batch_run(job)(answers, finish):
            give_back()
            tokens = max(row.most_tokens for row in answers)
            raise self._out_of_memory_error(failure, tokens=tokens)

    def held_bytes(self) -> dict[str, int]:
        """Return what the weights and the kept KV caches take, in bytes."""
        weights = 0 if self._model is None else int(self._model.get_memory_footprint())
        return {"weights": weights, "KV prefixes": self.prefixes.size_bytes}

    def shrink(self) -> int:
        """Drop the kept KV caches; return their bytes."""
        dropped = self.prefixes.size_bytes
        self.prefixes.clear()
        return dropped

    def _writer(self, request: GenerationRequest, job: Job) -> AnswerWriter:
        stop_strings = request.sampling.stop_strings
        if not self.is_chat:
            stop_strings += COMPLETION_STOP_STRINGS
        return AnswerWriter(job, stop_strings=stop_strings)

    def _prompt_ids(self, request: GenerationRequest) -> list[int]:
        prompt_ids = self._prepared_tokenizer.encode_prompt(self.format_prompt(request.prompt))
        check_prompt_fits(
            prompt_tokens=len(prompt_ids),
            max_new_tokens=request.sampling.max_new_tokens,
            context_window=self.context_window,
        )
        return prompt_ids

    def _row(self, index: int, request: GenerationRequest, *, job: Job) -> BatchRow:
        texts: list[str] = []
        eos_ids, prompt_ids = self._eos_ids(), self._prompt_ids(request)
        answer = TokenAnswer(
            self._writer(request, collected(texts, job)),
            self._prepared_tokenizer.detokenizer(prompt_ids=prompt_ids, eos_ids=eos_ids),
            prompt_tokens=len(prompt_ids),
            eos_ids=eos_ids,
            job=job,
        )
        return BatchRow(index, prompt_ids, answer=answer, texts=texts, sampling=request.sampling)

    def _batch_run(self, job: Job) -> BatchRun:
        assert self._model is not None
        assert self._config is not None
        assert self._placement is not None
        device = self._placement.device_map
        return BatchRun(
            self._model,
            prefixes=self.prefixes,
            eos_ids=self._eos_ids(),
            job=job,
            free_bytes=lambda: available_memory(device) // BATCH_SHARE,
            token_bytes=kv_cache_bytes(self._config, dtype=self._placement.dtype, tokens=1),
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
        """Return where weights go that fit no memory: a folder that ends with the model."""
        if not self._settings.force_load:
            return None
        parent = (self._settings.offload_folder or self._settings.cache_dir).expanduser()
        parent.mkdir(parents=True, exist_ok=True)
        self._offload = tempfile.TemporaryDirectory(prefix="codeface-offload-", dir=parent)
        return Path(self._offload.name)

    def _timed_load(self, job: Job) -> float:
        if self._model is not None:
            return 0.0
        started = time.perf_counter()
        self.load(job)
        return time.perf_counter() - started

    def _eos_ids(self) -> list[int]:
        assert self._model is not None
        return self._prepared_tokenizer.eos_ids(self._model.generation_config.eos_token_id)

    def _decode(
        self,
        request: GenerationRequest,
        criterion: AnswerCriterion,
        *,
        job: Job,
    ) -> tuple[int, tuple[str, ...]]:
        """Run the model; return how many prompt tokens were reused, and what went amiss."""
        model = self._model
        assert model is not None
        run = DecodeRun(
            model,
            request,
            criterion=criterion,
            eos_ids=self._eos_ids(),
            job=job,
        )
        prompt_tokens = len(criterion.token_ids)
        cache = self.prefixes.longest(criterion.token_ids)
        if cache is None:
            cache = new_cache(model)
        reused = 0 if cache is None else cache.get_seq_length()
        if failure := shortage_in(lambda: run(cache)):
            cache = None
            return 0, self._decode_again(run, criterion, failure, job=job)
        if cache is not None:
            self.prefixes.keep(criterion.token_ids, cache, at_least=prompt_tokens)
        return reused, ()

    def _decode_again(
        self, run: DecodeRun, criterion: AnswerCriterion, failure: str, *, job: Job
    ) -> tuple[str, ...]:
        """Go on after memory ran out, with less; return what the user is to be told."""
        dropped = self.shrink()
        give_back()
        job.progress("Out of memory: trying again with less")
        assert self._model is not None
        cache = new_cache(self._model)
        if again := shortage_in(lambda: run(cache, is_careful=True)):
            cache = None
            give_back()
            raise self._out_of_memory_error(again, tokens=len(criterion.token_ids))
        warning = (
            f"Memory ran out once ({failure}). {format_bytes(dropped)} of earlier requests' KV "
            "caches were dropped, and the answer went on with the prompt read in small pieces."
        )
        return (warning,)

    def _out_of_memory_error(self, reason: str, *, tokens: int) -> GenerationError:
        """Return the error of memory that ran out for good, with the numbers."""
        facts = [f"its weights take {format_bytes(self.held_bytes()['weights'])}"]
        if self._config is not None and self._placement is not None and tokens:
            taken = kv_cache_bytes(self._config, dtype=self._placement.dtype, tokens=tokens)
            facts.append(f"a KV cache of {tokens:,} tokens {format_bytes(taken)}")
        facts += [
            f"{format_bytes(device.free_bytes)} of {format_bytes(device.total_bytes)} "
            f"are free in {device.name}"
            for device in device_memory()
        ]
        return GenerationError(
            f"{self._settings.model} ran out of memory: {reason.rstrip('.')}; {', '.join(facts)}.",
            hint="Ask again with fewer cells or new tokens, take a smaller model, or free "
            "variables of your own; %codeface_models unload gives the model's memory back.",
        )

    def _peak_memory_bytes(self) -> int:
        if self._placement is not None and self._placement.device_type == "cuda":
            return cuda_peak_bytes()
        return process_peak_bytes()


def _refuse_openvino_form(files: LocalModel, permissions: Permissions) -> None:
    if not is_only_ir(files.path, permissions=permissions):
        return
    hint = "The engine openvino runs it: engine = 'openvino'."
    if permissions.allow_pickle:
        hint = (
            "Leave --allow-pickle out and take engine = 'openvino'; or, if it is from the hub, "
            "remove it from the hub's cache first: fetched anew, it has its pickled weights."
        )
    raise ModelFilesError(f"{files.name} holds its weights in OpenVINO's own form only.", hint=hint)
