"""The fast engine on CPUs: OpenVINO with weights of eight or four bits."""

from __future__ import annotations

import logging
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.local_engine import LocalEngine
from codeface_jupyter.engines.openvino.options import OpenVINOOptions
from codeface_jupyter.engines.openvino.paged_model import (
    OpenVINOFailedError,
    PagedModel,
    ShortOfMemoryError,
    UnreadableModelError,
)
from codeface_jupyter.engines.openvino.pipeline import MIN_SHARED_TOKENS, TokenPipeline
from codeface_jupyter.engines.openvino.precision import precision_properties
from codeface_jupyter.engines.openvino.prompt_lookup import TokenIndex
from codeface_jupyter.engines.openvino.saved_start import START_FILE, SavedStart
from codeface_jupyter.engines.openvino.support import (
    device,
    folder_problem,
    kv_bytes_per_token,
    load_tokenizer,
    quantization,
)
from codeface_jupyter.engines.text.context_window import MIN_CAPACITY_TOKENS, capacity_tokens
from codeface_jupyter.engines.text.prompt_codec import PromptCodec
from codeface_jupyter.engines.torch_only import check_settings
from codeface_jupyter.errors import (
    CodeFaceError,
    EngineUnavailableError,
    GenerationError,
    ModelFilesError,
    install_hint,
)
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.manifest import manifest_digest
from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm
from codeface_jupyter.models.end_tokens import configured_eos_ids
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.folder_check import (
    IR_WEIGHTS_FILE,
    is_ir_folder,
    is_only_ir,
    read_config,
)
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.memory import MemoryEstimate, check_fits, process_peak_bytes
from codeface_jupyter.models.memory_usage import forget_frames, give_back
from codeface_jupyter.prompts import Prompt

__all__ = ["OpenVINOEngine"]

logger = logging.getLogger(__name__)

# Short functions with docstrings that compute with lists of numbers, on every machine.
DRAFT_CORPUS_FILE = Path(sysconfig.get_path("stdlib"), "statistics.py")
# Begins as all of its kind do.
ANY_PROMPT = Prompt(request="1", cells=("1",))


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is known of a model before its weights are loaded.

    Attributes
    ----------
    files
        Where they are.
    codec
        Turns prompts into token ids, and ids into text.
    kv_bytes_per_token
        What the keys and values of one token take; 0 if the config does not say.
    capacity_tokens
        The number of tokens whose keys and values must fit.
    """

    files: LocalModel
    codec: PromptCodec
    kv_bytes_per_token: int
    capacity_tokens: int

    @property
    def is_ir(self) -> bool:
        """Whether the model came as OpenVINO IR, which is used as it is."""
        return is_ir_folder(self.files.path)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model in memory.

    Attributes
    ----------
    pipeline
        Decodes with it.
    weights_bytes
        What its weights take.
    saved_start
        The start of all prompts on disk; None for IR that is not ours to write beside.
    """

    pipeline: TokenPipeline
    weights_bytes: int
    saved_start: SavedStart | None = None


class OpenVINOEngine(LocalEngine[Prepared, Loaded]):
    """Runs a model in this process with OpenVINO.

    The weights are quantized once and kept in the cache folder, so that later loads take
    about a second. The KV cache of earlier prompts is kept, so that a prompt which begins
    like one of them is read only from where it differs. Decoding is speculative: draft tokens
    are copied from the prompt, the answer, or a piece of common Python.

    Parameters
    ----------
    settings
        The model; see `codeface_jupyter.config.Settings`.
    options
        Those in ``settings`` unless given: ``device_map`` names OpenVINO's device
        (``cpu``, ``gpu``), ``quantization`` the weights, ``dtype`` what is computed with.
    """

    is_local = True
    # Small models that decode greedily fall into loops without one: see benchmarks/RESULTS.md.
    default_repetition_penalty = 1.05

    def __init__(self, settings: Settings, options: OpenVINOOptions | None = None) -> None:
        super().__init__(settings)
        check_settings(settings, engine="openvino")
        self._options = options or settings.options_of("openvino", OpenVINOOptions)
        self._device = device(self._options)
        self._quantization = quantization(self._options)

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model, revision, quantization and dtype.

        `prepare` settles the revision. It also finds out whether the model came as OpenVINO
        IR, which is used as it is, so that the quantization is empty.
        """
        identity = EngineIdentity(
            engine="openvino",
            model=self._settings.model,
            revision=self._settings.revision or "",
            dtype=self._options.dtype,
            quantization=self._quantization,
        )
        if self._prepared is None:
            return identity
        return replace(
            identity,
            revision=self._prepared.files.revision,
            quantization=self._quantization_here(self._prepared),
        )

    def _quantization_here(self, prepared: Prepared) -> str:
        """Return how the weights are quantized here; empty for OpenVINO IR."""
        return "" if prepared.is_ir else self._quantization

    def unload(self) -> None:
        """Drop weights, keys and values and free their memory."""
        self._loaded = None
        give_back()

    def held_bytes(self) -> dict[str, int]:
        """Return what the weights and the kept keys and values take, in bytes."""
        # Asked from another thread, perhaps while the model is unloaded.
        loaded = self._loaded
        if loaded is None:
            return {"weights": 0, "KV prefixes": 0}
        return {"weights": loaded.weights_bytes, "KV prefixes": loaded.pipeline.kept_bytes}

    def shrink(self) -> int:
        """Drop the kept keys and values; return their bytes."""
        dropped = self.held_bytes()["KV prefixes"]
        if self._loaded is not None and dropped:
            with self._openvino_errors():
                self._loaded.pipeline.drop_kept()
            give_back()
        return dropped

    def convert(self, job: Job) -> LocalModel:
        """Quantize the weights, save them and what all prompts begin with, unless that is done.

        Raises
        ------
        FetchError
            If the disk cannot hold the result.
        ModelFilesError
            If OpenVINO cannot run the model.
        """
        files = self._find_files(job)
        if not is_ir_folder(files.path):
            folder = self._form(files).ensure(job)
            if not (folder / START_FILE).exists():
                self._read_start(job)
        return files

    def _read_start(self, job: Job) -> None:
        """Read what all prompts begin with, which is then saved, and unload the model again."""
        job.progress("Reading what all prompts begin with")
        try:
            self.prepare(job.telling())
            if self._has_start_to_save:
                self.generate(GenerationRequest.to_read(ANY_PROMPT), job.telling())
        except CodeFaceError:
            # Too little memory just now, say: the first answer reads and saves it.
            logger.debug("The start of prompts cannot be read ahead.", exc_info=True)
        finally:
            self.unload()
        job.check()

    @property
    def _has_start_to_save(self) -> bool:
        """Whether it is worth loading the model for it; in a device's memory it is not copied."""
        is_copied = self._device == "CPU"
        return is_copied and len(self._codec.common_start()) >= MIN_SHARED_TOKENS

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request`` in the calling thread.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the model's window.
        GenerationError
            If OpenVINO fails.
        """
        self._load(job)
        answer = self._codec.answer(request, job)

        def report(read: int) -> None:
            job.progress("Reading the prompt", read, answer.prompt_tokens)

        # The loaded model gets no name here: an exception's frames would keep it in memory.
        with self._openvino_errors():
            reused = self._load(job).pipeline.decode(answer, job=job, on_reading=report)
        self._save_start()
        return answer.done(peak_memory_bytes=process_peak_bytes(), reused_prompt_tokens=reused)

    def _save_start(self) -> None:
        loaded = self._loaded
        if loaded is not None and loaded.saved_start is not None:
            loaded.saved_start.save(loaded.pipeline)

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests``, as many at once as there is room for.

        That is many times faster than one after another.

        Raises
        ------
        PromptTooLongError
            If one prompt and its answer do not fit the model's window; none is begun then.
        GenerationError
            If OpenVINO fails.
        """
        self._load(job)
        answers = self._codec.silent_answers(requests, job)
        with self._openvino_errors():
            for index in self._load(job).pipeline.decode_batch(answers, job=job):
                done = answers[index].done(peak_memory_bytes=process_peak_bytes())
                on_result(index, answers[index].text, done)

    @property
    def can_infill(self) -> bool:
        """Whether the model that is loaded completes code."""
        loaded, prepared = self._loaded, self._prepared
        return loaded is not None and prepared is not None and prepared.codec.can_infill

    def infill(self, request: InfillRequest, job: Job) -> Infilled:
        """Fill a gap in the calling thread; an answer in the making waits meanwhile.

        Raises
        ------
        PromptTooLongError
            If prompt and completion do not fit the model's window.
        GenerationError
            If OpenVINO fails, or the model has been unloaded.
        Cancelled
            If ``job`` was stopped.
        """
        loaded = self._loaded
        if loaded is None:
            raise GenerationError("The model has been unloaded.")
        pipeline = loaded.pipeline
        # The loaded model gets no name that an exception's frames would keep.
        del loaded
        answer = self._codec.infill_answer(request, job)
        with self._openvino_errors():
            reused = pipeline.decode_first(answer, job=job)
        job.check()
        return answer.infilled(reused_prompt_tokens=reused)

    def _read_files(self, job: Job) -> Prepared:
        settings = self._settings
        files = self._find_files(job)
        job.progress("Reading the tokenizer")
        config = read_config(files.path)
        kv_bytes = kv_bytes_per_token(config, dtype=self._options.dtype)
        capacity = capacity_tokens(kv_bytes)
        codec = PromptCodec(
            load_tokenizer(files.path),
            model_name=settings.model,
            eos_ids=configured_eos_ids(files.path),
            context_window=min(Architecture.of(config).context_window or capacity, capacity),
        )
        return Prepared(
            files=files, codec=codec, kv_bytes_per_token=kv_bytes, capacity_tokens=capacity
        )

    def _find_files(self, job: Job) -> LocalModel:
        _require_openvino()
        settings = self._settings
        files = find_or_fetch(ModelRequest.of(settings), job, may_fetch=settings.auto_pull)
        _check_kind(files)
        return files

    def _read_weights(self, prepared: Prepared, job: Job) -> Loaded:
        """Load the weights into memory; the first time, quantize them before."""
        try:
            return self._open_saved(prepared, job)
        except OpenVINOFailedError as error:
            forget_frames(error)
            raise ModelFilesError(
                f"OpenVINO cannot load {self._settings.model} on {self._device}: {error}",
                hint=self._load_hint(error, prepared.files),
            ) from error

    def _open_saved(self, prepared: Prepared, job: Job) -> Loaded:
        """Open the converted model, which is made first if there is none."""
        if prepared.is_ir:
            return self._open(prepared.files.path, prepared, job=job)
        form = self._form(prepared.files)
        with suppress(UnreadableModelError):
            return self._open(form.ensure(job), prepared, job=job)
        # It was damaged since it was made; the weights that it was made from are still here.
        form.discard()
        return self._open(form.ensure(job), prepared, job=job)

    def _form(self, files: LocalModel) -> OpenVINOForm:
        return OpenVINOForm(
            local=files, quantization=self._quantization, cache_dir=self._settings.cache_dir
        )

    def _open(self, folder: Path, prepared: Prepared, *, job: Job) -> Loaded:
        weights = folder / IR_WEIGHTS_FILE
        weights_bytes = weights.stat().st_size if weights.exists() else 0
        if weights_bytes and not self._settings.force_load:
            self._check_memory(weights_bytes, prepared)
        job.progress("Loading the weights")
        # Before they are opened: the folder may be replaced meanwhile, or while they are used.
        weights_digest = manifest_digest(folder)
        model = PagedModel(
            folder,
            device=self._device,
            properties=precision_properties(
                self._options.dtype, self._device, quantization=self._quantization_here(prepared)
            ),
            capacity_tokens=prepared.capacity_tokens,
        )
        pipeline = TokenPipeline(
            model, corpus=_draft_corpus(prepared.codec), weights_bytes=weights_bytes
        )
        pipeline.warm_up()
        if prepared.is_ir:
            return Loaded(pipeline=pipeline, weights_bytes=weights_bytes)
        start = SavedStart(
            folder / START_FILE,
            token_ids=pipeline.whole_blocks(prepared.codec.common_start()),
            made_by=f"{model.made_by}; {weights_digest}",
        )
        start.restore(pipeline)
        return Loaded(pipeline=pipeline, weights_bytes=weights_bytes, saved_start=start)

    def _check_memory(self, weights_bytes: int, prepared: Prepared) -> None:
        """Refuse what cannot fit before the system ends the kernel over it."""
        window = prepared.codec.context_window or MIN_CAPACITY_TOKENS
        tokens = min(MIN_CAPACITY_TOKENS, window)
        needed = MemoryEstimate(
            # The file's pages can be dropped by the system; OpenVINO's rearranged copy cannot.
            weights_bytes=weights_bytes,
            kv_cache_bytes=tokens * prepared.kv_bytes_per_token,
            context_tokens=tokens,
        )
        check_fits(needed, model=self._settings.model)

    def _load_hint(self, error: OpenVINOFailedError, files: LocalModel) -> str:
        """Return what to try after a load has failed."""
        if isinstance(error, ShortOfMemoryError):
            return "Use a smaller model, or delete variables of your own."
        if self._device != "CPU" and not isinstance(error, UnreadableModelError):
            return "OpenVINO may be able to run it on the CPU: set device_map = 'cpu'."
        if is_only_ir(files.path):
            return (
                "Its files may be damaged, or made by another release of OpenVINO: "
                "fetch or export it again."
            )
        return "The transformers engine may be able to run it: set engine = 'transformers'."

    @contextmanager
    def _openvino_errors(self) -> Iterator[None]:
        """Raise errors that say what failed; nothing that a failure has left is used again."""
        try:
            yield
        except GenerationError:
            # These keys and values led to no token, and would lead to none again.
            self.shrink()
            raise
        except OpenVINOFailedError as error:
            forget_frames(error)
            self.unload()
            raise GenerationError(
                f"OpenVINO failed: {error}",
                hint="The model has been unloaded; ask again to reload it.",
            ) from error


def _require_openvino() -> None:
    if find_spec("openvino_genai") is None:
        raise EngineUnavailableError(
            "The openvino engine needs the package openvino-genai, which is not installed.",
            hint=install_hint("openvino"),
        )


def _check_kind(files: LocalModel) -> None:
    reason = folder_problem(files.path)
    if reason is not None:
        other = "llamacpp" if files.source == "gguf" else "transformers"
        raise ModelFilesError(
            f"The openvino engine cannot run {files.name}: {reason}.",
            hint=f"The {other} engine can: set engine = '{other}'.",
        )


def _draft_corpus(codec: PromptCodec) -> TokenIndex:
    """Return the tokens of some Python code to draft from; none if it cannot be read."""
    try:
        text = DRAFT_CORPUS_FILE.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    return TokenIndex(codec.encode(text))
