"""The engine for GGUF files: llama.cpp, in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.llamacpp.answer import Answer, answer_together
from codeface_jupyter.engines.llamacpp.batch import SideBySide
from codeface_jupyter.engines.llamacpp.child import ChildDiedError
from codeface_jupyter.engines.llamacpp.failures import answer_failure, load_failure
from codeface_jupyter.engines.llamacpp.infill import GapFiller
from codeface_jupyter.engines.llamacpp.options import LlamaCppOptions
from codeface_jupyter.engines.llamacpp.running_model import SLOTS, GgufModel, RunningModel, start
from codeface_jupyter.engines.llamacpp.support import (
    check_may_come,
    gguf_of,
    gguf_request,
    require_package,
)
from codeface_jupyter.engines.text.streaming_text import collected
from codeface_jupyter.engines.torch_only import check_settings
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.memory import process_peak_bytes
from codeface_jupyter.prompts import Prompt

__all__ = ["LlamaCppEngine"]


class LlamaCppEngine:
    """Runs a GGUF with llama.cpp, which has a process of its own.

    Nothing that llama.cpp does to its process, such as ending it, can happen to the kernel;
    its memory is given back whole when that process is ended. See decision 17. The file's
    tokenizer and chat template are llama.cpp's too, so `prepare` loads the weights already.

    Parameters
    ----------
    settings
        The model; see `codeface_jupyter.config.Settings`.
    options
        Those in ``settings`` unless given.
    """

    is_local = True
    # As for OpenVINO, which runs the same models: see benchmarks/RESULTS.md.
    default_repetition_penalty = 1.05

    def __init__(self, settings: Settings, options: LlamaCppOptions | None = None) -> None:
        check_settings(settings, engine="llamacpp")
        self._settings = settings
        self._options = options or settings.options_of("llamacpp", LlamaCppOptions)
        self._model: GgufModel | None = None
        self._running: RunningModel | None = None
        self._filler: GapFiller | None = None

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model, revision and quantization; `prepare` settles the last two."""
        model = self._model
        return EngineIdentity(
            engine="llamacpp",
            model=self._settings.model,
            revision=model.files.revision if model else self._settings.revision or "",
            quantization=model.header.quantization if model else "",
        )

    @property
    def is_chat(self) -> bool:
        """Whether the file has a chat template; needs `prepare`."""
        return self._prepared.is_chat

    @property
    def goes_on(self) -> bool:
        """Whether answers go on from the beginning that a prompt gives them."""
        return True

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._running is not None and self._running.process.is_running

    @property
    def context_window(self) -> int | None:
        """How many tokens the context holds; None before `prepare`."""
        return self._running.context_tokens if self._running is not None else None

    def prepare(self, job: Job) -> None:
        """Fetch the file and load it, since llama.cpp counts tokens with the model.

        One that was changed since it was loaded is loaded anew.

        Raises
        ------
        ModelNotFoundError, FetchError
            If there is no such model, or it cannot be fetched.
        ModelFilesError
            If its file is broken, or llama.cpp does not know its architecture.
        NotEnoughMemoryError
            If it does not fit and ``force_load`` is off.
        EngineUnavailableError
            If llama.cpp is not installed, or not built for this processor.
        """
        self._load(job)

    def load(self, job: Job) -> None:
        """Load the weights into memory, as `prepare` does."""
        self._load(job)

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the file's chat template, or as a script for a base model."""
        with self._child_errors():
            return self._prepared.format_prompt(prompt)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, without special tokens."""
        with self._child_errors():
            return self._prepared.count_tokens(text)

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request``; stopped, the answer is left at once.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the context.
        GenerationError
            If llama.cpp fails; the kernel goes on, and the next question loads the model again.
        """
        running = self._load(job)
        with self._child_errors():
            question = running.question(request)
            answer = Answer(question, job)
            try:
                asyncio.run(answer_together(running.connection, [question], [answer], job))
            except (GenerationError, ChildDiedError):
                answer.flush()
                raise
            return answer.done(peak_memory_bytes=_peak_bytes(running))

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests``, as many at once as there is room for.

        A prompt that several have is read once.

        Raises
        ------
        PromptTooLongError
            If one prompt and its answer do not fit the context; none is begun then.
        GenerationError
            If llama.cpp's process ends.
        """
        running = self._load(job)
        texts: list[list[str]] = [[] for _ in requests]

        def report(index: int, error: Exception | None) -> None:
            done = answers[index].done(peak_memory_bytes=_peak_bytes(running), error=error)
            on_result(index, "".join(texts[index]), done)

        with self._child_errors():
            questions = [running.question(request) for request in requests]
            answers = [
                Answer(question, collected(text, job))
                for question, text in zip(questions, texts, strict=True)
            ]
            work = SideBySide(
                running.connection,
                questions,
                answers,
                slots=SLOTS,
                context_tokens=running.context_tokens,
                report=report,
            )
            asyncio.run(work.run(job))

    @property
    def can_infill(self) -> bool:
        """Whether the model that is loaded completes code."""
        running = self._running
        return running is not None and running.process.is_running and running.can_infill

    def infill(self, request: InfillRequest, job: Job) -> Infilled:
        """Fill a gap in the calling thread, beside an answer in the making.

        Raises
        ------
        PromptTooLongError
            If prompt and completion do not fit the context.
        GenerationError
            If llama.cpp fails, or the model has been unloaded.
        Cancelled
            If ``job`` was stopped.
        """
        filler = self._filler
        if filler is None:
            raise GenerationError("The model has been unloaded.")
        try:
            with self._child_errors():
                return filler.fill(request, job)
        except (GenerationError, RuntimeError) as error:
            if self._filler is filler or job.is_cancelled:
                raise
            raise GenerationError("The model has been unloaded.") from error

    def unload(self) -> None:
        """End llama.cpp's process; the system takes all of its memory back."""
        running, self._running, self._filler = self._running, None, None
        if running is not None:
            running.connection.close()

    def held_bytes(self) -> dict[str, int]:
        """Return what llama.cpp's process holds, in bytes."""
        # Asked from another thread, perhaps while the model is unloaded.
        running = self._running
        return running.held_bytes() if running is not None else {"weights": 0, "KV prefixes": 0}

    def shrink(self) -> int:
        """Drop nothing: llama.cpp keeps the memory of its context until it ends."""
        return 0

    def convert(self, job: Job) -> LocalModel:
        """Fetch the GGUF, which is read as it is: there is nothing to convert.

        Raises
        ------
        ModelFilesError
            If the model does not come as a GGUF.
        """
        files = self._find_files(job)
        gguf_of(files)
        return files

    @property
    def _prepared(self) -> RunningModel:
        if self._running is None:
            raise RuntimeError("Call the engine's prepare() before anything that needs tokens.")
        return self._running

    def _find_files(self, job: Job) -> LocalModel:
        require_package()
        check_may_come(self._settings)
        request = gguf_request(self._settings)
        return find_or_fetch(request, job, may_fetch=self._settings.auto_pull)

    def _load(self, job: Job) -> RunningModel:
        running = self._running
        if running is not None and self.is_loaded and not running.model.has_changed:
            return running
        self.unload()
        files = self._find_files(job)
        self._model = GgufModel.of(files, gguf_of(files))
        try:
            self._running = start(
                self._model, settings=self._settings, options=self._options, job=job
            )
        except ChildDiedError as death:
            raise load_failure(death, model=self._settings.model) from death
        self._filler = GapFiller(self._running)
        return self._running

    @contextmanager
    def _child_errors(self) -> Iterator[None]:
        """Say what has failed once the process has ended; the next question starts another."""
        try:
            yield
        except ChildDiedError as death:
            has_changed = self._model is not None and self._model.has_changed
            self.unload()
            model = self._settings.model
            raise answer_failure(death, model=model, has_changed=has_changed) from death


def _peak_bytes(running: RunningModel) -> int:
    return process_peak_bytes() + running.process.held_bytes()
