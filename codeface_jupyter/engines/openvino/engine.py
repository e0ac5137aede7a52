"""The fast engine on CPUs: OpenVINO with weights of eight or four bits."""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.openvino.paged_model import (
    OpenVINOFailedError,
    PagedModel,
    ShortOfMemoryError,
    UnreadableModelError,
)
from codeface_jupyter.engines.openvino.pipeline import AnswerRun, TokenPipeline
from codeface_jupyter.engines.openvino.precision import precision_properties
from codeface_jupyter.engines.openvino.prompt_lookup import TokenText
from codeface_jupyter.engines.openvino.support import (
    check_settings,
    configured_eos_ids,
    device,
    folder_problem,
    kv_bytes_per_token,
    load_tokenizer,
    quantization,
)
from codeface_jupyter.engines.text.context_window import check_prompt_fits
from codeface_jupyter.engines.text.model_tokenizer import ModelTokenizer
from codeface_jupyter.engines.text.streaming_text import AnswerWriter, collected
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.errors import (
    EngineUnavailableError,
    GenerationError,
    ModelFilesError,
    install_hint,
)
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.folder_check import (
    IR_WEIGHTS_FILE,
    is_ir_folder,
    is_only_ir,
    read_config,
)
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.memory import MemoryEstimate, check_fits
from codeface_jupyter.models.memory_usage import forget_frames, give_back
from codeface_jupyter.prompts import COMPLETION_STOP_STRINGS, Prompt

__all__ = ["OpenVINOEngine"]

KV_CACHE_BYTES = 512 * 2**20
# A model with large keys and values gets the room that a notebook's prompt needs all the same.
MIN_CAPACITY_TOKENS = 8_192
# Short functions with docstrings that compute with lists of numbers, on every machine.
HABITS_FILE = Path(sysconfig.get_path("stdlib"), "statistics.py")


class OpenVINOEngine:
    """Runs a model in this process with OpenVINO.

    The weights are quantised once and kept in the cache folder, so that later loads take
    about a second. The keys and values of earlier prompts are kept, so that a prompt which
    begins like one of them is read only from where it differs, and tokens that prompt,
    answer or common Python hold already are guessed from them.

    Parameters
    ----------
    settings
        ``device_map`` names OpenVINO's device (``cpu``, ``gpu``), ``quantization`` the
        weights, ``dtype`` what is computed with.
    """

    is_local = True
    # Small models that decode greedily fall into loops without one: see benchmarks/RESULTS.md.
    default_repetition_penalty = 1.05

    def __init__(self, settings: Settings) -> None:
        check_settings(settings)
        self._settings = settings
        self._device = device(settings)
        self._quantization = quantization(settings)
        self._files: LocalModel | None = None
        self._weights_bytes = 0
        self._config: dict[str, Any] = {}
        self._tokenizer: ModelTokenizer | None = None
        self._eos_ids: list[int] = []
        self._pipeline: TokenPipeline | None = None

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model, revision, quantization and dtype.

        `prepare` settles the revision, and that a model in OpenVINO's own form is quantised
        already or not at all, which makes the quantization empty.
        """
        return EngineIdentity(
            engine="openvino",
            model=self._settings.model,
            revision=(self._files.revision if self._files else self._settings.revision) or "",
            dtype=self._settings.dtype,
            quantization="" if self._is_served_as_it_is else self._quantization,
        )

    @property
    def is_chat(self) -> bool:
        """Whether the tokenizer has a chat template; needs `prepare`."""
        return self._prepared_tokenizer.is_chat

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._pipeline is not None

    @property
    def context_window(self) -> int | None:
        """The model's window, or the room for keys and values where that is less."""
        if self._tokenizer is None:
            return None
        trained = Architecture.of(self._config).context_window
        return min(trained or self._capacity_tokens, self._capacity_tokens)

    @property
    def _prepared_tokenizer(self) -> ModelTokenizer:
        if self._tokenizer is None:
            raise RuntimeError("The engine's prepare() comes before anything that needs tokens.")
        return self._tokenizer

    @property
    def _is_served_as_it_is(self) -> bool:
        """Whether the model came in OpenVINO's own form."""
        return self._files is not None and is_ir_folder(self._files.path)

    @property
    def _capacity_tokens(self) -> int:
        """For how many tokens' keys and values there is room; few if the config is silent."""
        per_token = self._kv_bytes_per_token
        if not per_token:
            return MIN_CAPACITY_TOKENS
        return max(MIN_CAPACITY_TOKENS, KV_CACHE_BYTES // per_token)

    @property
    def _kv_bytes_per_token(self) -> int:
        return kv_bytes_per_token(self._config, dtype=self._settings.dtype)

    def prepare(self, job: Job) -> None:
        """Bring the files here and read the tokenizer.

        Raises
        ------
        EngineUnavailableError
            If OpenVINO is not installed.
        ModelNotFoundError
            If there is no such model, or it is not here and must not be fetched.
        FetchError
            If its files cannot be brought here.
        ModelFilesError
            If its files are broken or of a kind that OpenVINO cannot take.
        """
        if self._tokenizer is not None:
            return
        _require_openvino()
        self._files = find_or_fetch(
            ModelRequest.of(self._settings), job, may_fetch=self._settings.auto_pull
        )
        self._check_kind(self._files)
        folder = self._files.path
        job.progress("Reading the tokenizer")
        self._config = read_config(folder)
        tokenizer = ModelTokenizer(load_tokenizer(folder), model_name=self._settings.model)
        self._eos_ids = tokenizer.eos_ids(configured_eos_ids(folder, self._config))
        self._tokenizer = tokenizer

    def load(self, job: Job) -> None:
        """Take the weights into memory; the first time, quantise them before.

        Raises
        ------
        ModelFilesError
            If OpenVINO cannot load them.
        FetchError
            If the disk cannot hold the quantised weights.
        NotEnoughMemoryError
            If memory cannot hold them and ``force_load`` is off.
        """
        if self._pipeline is not None:
            return
        self.prepare(job)
        assert self._files is not None
        try:
            self._pipeline = self._open_saved(self._files, job)
        except OpenVINOFailedError as error:
            forget_frames(error)
            raise ModelFilesError(
                f"OpenVINO cannot load {self._settings.model} on {self._device}: {error}",
                hint=self._way_out(error),
            ) from error

    def unload(self) -> None:
        """Drop weights, keys and values and give their memory back."""
        self._pipeline = None
        give_back()

    def held_bytes(self) -> dict[str, int]:
        """Return what the weights and the kept keys and values take, in bytes."""
        # Asked from another thread, perhaps while the model is unloaded.
        pipeline = self._pipeline
        if pipeline is None:
            return {"weights": 0, "KV prefixes": 0}
        return {"weights": self._weights_bytes, "KV prefixes": pipeline.kept_bytes}

    def shrink(self) -> int:
        """Drop the kept keys and values; return their bytes."""
        dropped = self.held_bytes()["KV prefixes"]
        if self._pipeline is not None and dropped:
            with self._openvino_errors():
                self._pipeline.drop_kept()
            give_back()
        return dropped

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the chat template, or as a script for a base model."""
        return self._prepared_tokenizer.format_prompt(prompt)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, none added."""
        return self._prepared_tokenizer.count_tokens(text)

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request`` in the calling thread.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the model's window.
        GenerationError
            If OpenVINO fails.
        """
        load_s = self._timed_load(job)
        prompt_ids = self._prompt_ids(request)
        answer = self._answer(request, prompt_ids, job=job)

        def tell(behind: int) -> None:
            job.progress("Reading the prompt", behind, len(prompt_ids))

        assert self._pipeline is not None
        with self._openvino_errors():
            reused = self._pipeline.decode(
                AnswerRun(prompt_ids, request.sampling, answer.take),
                job=job,
                on_reading=tell,
            )
        return answer.done(reused_prompt_tokens=reused, load_s=load_s)

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests`` side by side: many times faster than one after another.

        Parameters
        ----------
        requests
            In any number; as many as there is room for are worked on at once.
        on_result
            Called with a request's index, its answer's text and its end, as soon as that
            is known; in the order in which they end.
        job
            Told the `Progress` of the load; stopped, it ends all answers that are not
            finished, as ``cancelled``.

        Raises
        ------
        PromptTooLongError
            If one prompt and its answer do not fit the model's window; none is begun then.
        GenerationError
            If OpenVINO fails.
        """
        load_s = self._timed_load(job)
        assert self._pipeline is not None
        prompts = [self._prompt_ids(request) for request in requests]
        texts: list[list[str]] = [[] for _ in requests]
        answers = [
            self._answer(request, ids, job=collected(parts, job))
            for request, ids, parts in zip(requests, prompts, texts, strict=True)
        ]

        def finish(index: int) -> None:
            done = answers[index].done(load_s=load_s)
            on_result(index, "".join(texts[index]), done)

        with self._openvino_errors():
            runs = [
                AnswerRun(ids, request.sampling, answer.take)
                for ids, request, answer in zip(prompts, requests, answers, strict=True)
            ]
            for index in self._pipeline.decode_batch(runs, job=job):
                finish(index)

    def _check_kind(self, files: LocalModel) -> None:
        reason = folder_problem(files.path)
        if reason is not None:
            raise ModelFilesError(
                f"The engine openvino cannot run {files.name}: {reason}.",
                hint="The engine transformers runs it: engine = 'transformers'.",
            )

    def _open_saved(self, files: LocalModel, job: Job) -> TokenPipeline:
        """Open the saved form of ``files``, made first where there is none."""
        if self._is_served_as_it_is:
            return self._open(files.path, job)
        form = OpenVINOForm(
            local=files, quantization=self._quantization, cache_dir=self._settings.cache_dir
        )
        with suppress(UnreadableModelError):
            return self._open(form.ensure(job), job)
        # It was damaged since it was made: the weights themselves are still here.
        form.discard()
        return self._open(form.ensure(job), job)

    def _way_out(self, error: OpenVINOFailedError) -> str:
        """Return what may work where a load failed."""
        assert self._files is not None
        if isinstance(error, ShortOfMemoryError):
            return "Take a smaller model, or free variables of your own."
        if self._device != "CPU" and not isinstance(error, UnreadableModelError):
            return "OpenVINO runs it on the processor: device_map = 'cpu'."
        if is_only_ir(self._files.path):
            return "Its files may be damaged, or of another release: fetch or export it again."
        return "The engine transformers may run the model: engine = 'transformers'."

    def _check_memory(self, folder: Path) -> None:
        """Refuse what cannot fit before the system ends the kernel over it."""
        weights = folder / IR_WEIGHTS_FILE
        if self._settings.force_load or not weights.exists():
            return
        tokens = min(MIN_CAPACITY_TOKENS, self.context_window or MIN_CAPACITY_TOKENS)
        needed = MemoryEstimate(
            # The file's own pages are given back on demand; its rearranged copy is not.
            weights_bytes=weights.stat().st_size,
            kv_cache_bytes=tokens * self._kv_bytes_per_token,
            context_tokens=tokens,
        )
        check_fits(needed, model=self._settings.model)

    def _open(self, folder: Path, job: Job) -> TokenPipeline:
        self._check_memory(folder)
        weights = folder / IR_WEIGHTS_FILE
        self._weights_bytes = weights.stat().st_size if weights.exists() else 0
        job.progress("Loading the weights")
        model = PagedModel(
            folder,
            device=self._device,
            properties=precision_properties(
                self._settings.dtype, self._device, quantization=self.identity.quantization
            ),
            capacity_tokens=self._capacity_tokens,
        )
        pipeline = TokenPipeline(model, habits=self._habits())
        pipeline.warm_up()
        return pipeline

    def _habits(self) -> TokenText:
        """Return the tokens of some Python, to guess from; none where it cannot be read."""
        try:
            text = HABITS_FILE.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
        return TokenText(self._prepared_tokenizer.encode(text))

    def _timed_load(self, job: Job) -> float:
        if self._pipeline is not None:
            return 0.0
        begin = time.perf_counter()
        self.load(job)
        return time.perf_counter() - begin

    def _prompt_ids(self, request: GenerationRequest) -> list[int]:
        prompt_ids = self._prepared_tokenizer.encode_prompt(self.format_prompt(request.prompt))
        check_prompt_fits(
            prompt_tokens=len(prompt_ids),
            max_new_tokens=request.sampling.max_new_tokens,
            context_window=self.context_window,
        )
        return prompt_ids

    def _answer(
        self,
        request: GenerationRequest,
        prompt_ids: list[int],
        *,
        job: Job,
    ) -> TokenAnswer:
        stop_strings = request.sampling.stop_strings
        if not self.is_chat:
            stop_strings += COMPLETION_STOP_STRINGS
        return TokenAnswer(
            AnswerWriter(job, stop_strings=stop_strings),
            self._prepared_tokenizer.detokenizer(prompt_ids=prompt_ids, eos_ids=self._eos_ids),
            prompt_tokens=len(prompt_ids),
            eos_ids=self._eos_ids,
            job=job,
        )

    @contextmanager
    def _openvino_errors(self) -> Iterator[None]:
        """Say what failed; what a failure has left is not used again."""
        try:
            yield
        except GenerationError:
            # Keys and values that led to no token would lead to none again.
            self.shrink()
            raise
        except OpenVINOFailedError as error:
            forget_frames(error)
            self.unload()
            raise GenerationError(
                f"OpenVINO failed: {error}",
                hint="The model was unloaded: ask again.",
            ) from error


def _require_openvino() -> None:
    if find_spec("openvino_genai") is None:
        raise EngineUnavailableError(
            "The engine openvino needs the package openvino-genai, which is not installed.",
            hint=install_hint("openvino"),
        )
