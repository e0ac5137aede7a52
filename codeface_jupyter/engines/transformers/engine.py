"""The general engine: any causal language model of the hub, on any device that torch knows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.local_engine import LocalEngine
from codeface_jupyter.engines.pass_gate import PassGate
from codeface_jupyter.engines.text.prompt_codec import PromptCodec
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.engines.transformers.adapters import adapter_identity
from codeface_jupyter.engines.transformers.batch_run import BatchRow, BatchRun
from codeface_jupyter.engines.transformers.checkpoint import (
    Placement,
    load_config,
    load_tokenizer,
    load_weights,
    place,
    suited_to_memory,
)
from codeface_jupyter.engines.transformers.decode_run import DecodeRun
from codeface_jupyter.engines.transformers.kv_prefixes import PrefixStore, new_cache
from codeface_jupyter.engines.transformers.options import TransformersOptions
from codeface_jupyter.engines.transformers.quantization import quantized_estimate
from codeface_jupyter.engines.transformers.support import refuse_other_forms
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest, Warned
from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.gguf_to_safetensors import ensure_safetensors
from codeface_jupyter.models.end_tokens import configured_eos_ids
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.memory import (
    available_memory,
    check_fits,
    cuda_peak_bytes,
    estimate,
    kv_cache_bytes,
    process_peak_bytes,
)
from codeface_jupyter.models.memory_usage import device_memory, give_back, shortage_in
from codeface_jupyter.models.storage import format_bytes, writing_into

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["Loaded", "Prepared", "TransformersEngine"]

# A batch's keys and values take at most this part of free memory: a pass needs room as well.
BATCH_SHARE = 3


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is known of a model before its weights are loaded.

    Attributes
    ----------
    files
        Where they are.
    placement
        Where and as what the weights are to be loaded.
    config
        The architecture and its sizes.
    codec
        Turns prompts into token ids, and ids into text.
    adapter_identity
        The adapter's fingerprint, or an empty text without one.
    """

    files: LocalModel
    placement: Placement
    config: PretrainedConfig
    codec: PromptCodec
    adapter_identity: str = ""

    def kv_cache_bytes(self, tokens: int) -> int:
        """Return what the keys and values of so many tokens take."""
        return kv_cache_bytes(self.config, dtype=self.placement.dtype, tokens=tokens)

    def peak_memory_bytes(self) -> int:
        """Return the peak of the GPU's memory, or of main memory without a GPU."""
        return cuda_peak_bytes() if self.placement.device_type == "cuda" else process_peak_bytes()


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model in memory.

    Attributes
    ----------
    prepared
        What was known before.
    model
        The weights.
    offload
        Removes the files of weights that fit no memory, when it is closed.
    """

    prepared: Prepared
    model: PreTrainedModel
    offload: ExitStack


class TransformersEngine(LocalEngine[Prepared, Loaded]):
    """Runs a model in this process with torch, transformers and accelerate.

    The KV caches of the last conversations are kept, so that a prompt which begins
    like an earlier one is read only from where it differs. Torch's global state
    (default dtype, threads, random state) stays the user's.

    Parameters
    ----------
    settings
        The model; see `codeface_jupyter.config.Settings`.
    options
        How to load it; those in ``settings`` unless given.

    Attributes
    ----------
    prefixes
        The kept KV caches.
    """

    is_local = True
    # Small models that decode greedily fall into loops without one: see benchmarks/RESULTS.md.
    default_repetition_penalty = 1.05

    def __init__(self, settings: Settings, options: TransformersOptions | None = None) -> None:
        super().__init__(settings)
        self._options = options or settings.options_of("transformers", TransformersOptions)
        self.prefixes = PrefixStore()
        self._gate = PassGate()

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model, revision and dtype; the last two are settled by `prepare`."""
        identity = EngineIdentity(
            engine="transformers",
            model=self._settings.model,
            revision=self._settings.revision or "",
            dtype=self._options.dtype,
        )
        if self._prepared is None:
            return identity
        return replace(
            identity,
            revision=self._prepared.files.revision,
            dtype=self._prepared.placement.dtype,
            quantization=self._prepared.placement.quantization,
            adapter=self._prepared.adapter_identity,
        )

    def unload(self) -> None:
        """Drop weights and KV caches and free their memory."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.offload.close()
        # The last reference to the weights: without this, their memory would not be freed here.
        del loaded
        self.prefixes.clear()
        give_back()

    def convert(self, job: Job) -> LocalModel:
        """Make safetensors of a model that came as a GGUF, unless that has been done.

        Raises
        ------
        FetchError
            If the disk cannot hold them.
        """
        files = self._find_files(job)
        self._convert(files, job)
        return files

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
        loaded = self._load(job)
        answer = loaded.prepared.codec.answer(request, job)
        run = DecodeRun(
            loaded.model,
            answer,
            eos_ids=loaded.prepared.codec.eos_ids,
            drafts_from_prompt=request.expects_copying,
            job=job,
            between_passes=self._gate.give_way,
        )
        with self._gate.turn():
            reused = self._decode(loaded, run, answer=answer, job=job)
        return answer.done(
            peak_memory_bytes=loaded.prepared.peak_memory_bytes(),
            reused_prompt_tokens=reused,
        )

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
        loaded = self._load(job)
        prepared = loaded.prepared
        answers = prepared.codec.silent_answers(requests, job)
        device_type = loaded.model.device.type
        rows = [BatchRow(n, answer, device_type=device_type) for n, answer in enumerate(answers)]

        def finish(row: BatchRow) -> None:
            done = row.answer.done(peak_memory_bytes=prepared.peak_memory_bytes())
            on_result(row.index, row.answer.text, done)

        with self._gate.turn():
            failure = self._batch_run(loaded, job)(rows, finish)
        if failure:
            give_back()
            tokens = max(answer.max_length for answer in answers)
            raise self._out_of_memory_error(failure, prepared=prepared, tokens=tokens)

    @property
    def can_infill(self) -> bool:
        """Whether the model that is loaded completes code."""
        loaded = self._loaded
        return loaded is not None and loaded.prepared.codec.can_infill

    def infill(self, request: InfillRequest, job: Job) -> Infilled:
        """Fill a gap in the calling thread; an answer in the making waits, a batch does not.

        Raises
        ------
        PromptTooLongError
            If prompt and completion do not fit the model's window.
        GenerationError
            If memory runs out, or the model has been unloaded.
        Cancelled
            If ``job`` was stopped.
        """
        loaded = self._loaded
        if loaded is None:
            raise GenerationError("The model has been unloaded.")
        answer = loaded.prepared.codec.infill_answer(request, job)
        run = DecodeRun(
            loaded.model,
            answer,
            eos_ids=answer.eos_ids,
            drafts_from_prompt=False,
            job=job,
        )
        with self._gate.hurried_turn(job):
            reused = self._decode(loaded, run, answer=answer, job=job)
        job.check()
        return answer.infilled(reused_prompt_tokens=reused)

    def held_bytes(self) -> dict[str, int]:
        """Return what the weights and the kept KV caches take, in bytes."""
        # Asked from another thread, perhaps while the model is unloaded.
        loaded = self._loaded
        weights = 0 if loaded is None else int(loaded.model.get_memory_footprint())
        return {"weights": weights, "KV prefixes": self.prefixes.size_bytes}

    def shrink(self) -> int:
        """Drop the kept KV caches; return their bytes."""
        return self.prefixes.clear()

    def _read_files(self, job: Job) -> Prepared:
        settings = self._settings
        files = self._find_files(job)
        job.progress("Reading the tokenizer")
        placement = place(settings, self._options)
        config = load_config(files.path, placement)
        codec = PromptCodec(
            load_tokenizer(files.path, placement),
            model_name=settings.model,
            eos_ids=configured_eos_ids(files.path),
            context_window=Architecture.of(config).context_window,
        )
        return Prepared(
            files=files,
            placement=self._suited(placement, config),
            config=config,
            codec=codec,
            adapter_identity=adapter_identity(placement.adapter),
        )

    def _suited(self, placement: Placement, config: PretrainedConfig) -> Placement:
        is_free = self._options.dtype == "auto"
        return suited_to_memory(placement, config) if is_free else placement

    def _find_files(self, job: Job) -> LocalModel:
        settings = self._settings
        files = find_or_fetch(ModelRequest.of(settings), job, may_fetch=settings.auto_pull)
        refuse_other_forms(files, settings.permissions)
        return files

    def _convert(self, files: LocalModel, job: Job) -> None:
        ensure_safetensors(files, cache_dir=self._settings.cache_dir, job=job)

    def _read_weights(self, prepared: Prepared, job: Job) -> Loaded:
        # What was free when the type was settled may be taken by now.
        placement = self._suited(place(self._settings, self._options), prepared.config)
        prepared = self._prepared = replace(prepared, placement=placement)
        self._check_memory(prepared)
        self._convert(prepared.files, job)
        models: list[PreTrainedModel] = []
        with ExitStack() as offload:
            folder = self._offload_folder(offload)

            def read() -> None:
                model = load_weights(
                    prepared.files.path,
                    config=prepared.config,
                    placement=prepared.placement,
                    offload_folder=folder,
                    job=job,
                )
                models.append(model)

            if failure := shortage_in(read):
                give_back()
                raise self._out_of_memory_error(failure, prepared=prepared)
            return Loaded(prepared=prepared, model=models[0], offload=offload.pop_all())

    def _check_memory(self, prepared: Prepared) -> None:
        """Refuse what cannot fit before the system ends the kernel over it."""
        config, placement = prepared.config, prepared.placement
        # Quantized weights take less than the arithmetic on the config says.
        is_quantized = getattr(config, "quantization_config", None) is not None
        if self._settings.force_load or is_quantized:
            return
        needed = estimate(config, dtype=placement.dtype, permissions=placement.permissions)
        if placement.quantization:
            needed = quantized_estimate(needed, config, scheme=placement.quantization)
        check_fits(needed, model=self._settings.model, device=placement.device_map)

    def _offload_folder(self, offload: ExitStack) -> Path | None:
        """Return a folder for weights that fit no memory, which ``offload`` removes."""
        if not self._settings.force_load:
            return None
        parent = (self._options.offload_folder or self._settings.cache_dir).expanduser()
        with writing_into(parent, variable="CODEFACE_OFFLOAD_FOLDER"):
            parent.mkdir(parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(prefix="codeface-offload-", dir=parent)
        return Path(offload.enter_context(folder))

    def _batch_run(self, loaded: Loaded, job: Job) -> BatchRun:
        device = loaded.prepared.placement.device_map
        return BatchRun(
            loaded.model,
            prefixes=self.prefixes,
            eos_ids=loaded.prepared.codec.eos_ids,
            job=job,
            free_bytes=lambda: available_memory(device) // BATCH_SHARE,
            token_bytes=loaded.prepared.kv_cache_bytes(1),
        )

    def _decode(self, loaded: Loaded, run: DecodeRun, *, answer: TokenAnswer, job: Job) -> int:
        """Run the model; return how many prompt tokens were reused."""
        cache = self.prefixes.longest(answer.token_ids)
        if cache is None:
            cache = new_cache(loaded.model)
        reused = 0 if cache is None else cache.get_seq_length()
        if failure := shortage_in(lambda: run(cache)):
            cache = None
            self._decode_again(loaded, run, answer=answer, failure=failure, job=job)
            return 0
        if cache is not None:
            self.prefixes.keep(answer.token_ids, cache, at_least=answer.prompt_tokens)
        return reused

    def _decode_again(
        self, loaded: Loaded, run: DecodeRun, *, answer: TokenAnswer, failure: str, job: Job
    ) -> None:
        """Go on after memory ran out, with less of it."""
        dropped = self.shrink()
        give_back()
        job.progress("Out of memory: trying again with less")
        cache = new_cache(loaded.model)
        if again := shortage_in(lambda: run(cache, is_careful=True)):
            cache = None
            give_back()
            tokens = len(answer.token_ids)
            raise self._out_of_memory_error(again, prepared=loaded.prepared, tokens=tokens)
        warning = (
            f"Memory ran out once ({failure}). {format_bytes(dropped)} of KV caches of earlier "
            "requests were dropped, and the answer went on, reading the prompt in small pieces."
        )
        job.emit(Warned(warning))

    def _out_of_memory_error(
        self, reason: str, *, prepared: Prepared, tokens: int = 0
    ) -> GenerationError:
        """Return the error for memory that ran out again, with the numbers."""
        facts = [f"its weights take {format_bytes(self.held_bytes()['weights'])}"]
        if tokens:
            taken = format_bytes(prepared.kv_cache_bytes(tokens))
            facts.append(f"a KV cache of {tokens:,} tokens {taken}")
        facts += [
            f"{format_bytes(device.free_bytes)} of {format_bytes(device.total_bytes)} "
            f"are free in {device.name}"
            for device in device_memory()
        ]
        return GenerationError(
            f"{self._settings.model} ran out of memory: {reason}; {', '.join(facts)}.",
            hint="Ask again with fewer cells or new tokens, use a smaller model, or delete "
            "variables of your own; %codeface_models unload frees the model's memory.",
        )
