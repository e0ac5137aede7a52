"""An engine in one file of a package of its own, as somebody else would write it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions, Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt


class EchoOptions(EngineOptions):
    greeting: str = Field("Hello", max_length=20, description="What an answer begins with.")
    # How often it listens changes nothing of what it hears.
    request_retries: Annotated[int, NOT_IN_RESPONSE_KEY] = Field(
        3, ge=0, le=5, description="How often to listen again."
    )


class EchoEngine:
    is_local = True
    is_chat = True
    is_loaded = True
    default_repetition_penalty = 1.0
    context_window = None

    def __init__(self, settings: Settings, options: EchoOptions) -> None:
        self._options = options
        # The session adds the options.
        self.identity = EngineIdentity(engine="echo", model=settings.model)

    def prepare(self, job: Job) -> None:
        """An echo needs no files."""

    def load(self, job: Job) -> None:
        """Nor weights."""

    def unload(self) -> None:
        """Nor memory."""

    def format_prompt(self, prompt: Prompt) -> str:
        return prompt.request

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        # Imported here, since the plug-in's module must import nothing slow.
        from codeface_jupyter.engines.text.streaming_text import AnswerWriter

        sampling = request.sampling
        writer = AnswerWriter(job, stop_strings=sampling.stop_strings)
        for word in f"{self._options.greeting} {request.prompt.request}".split():
            if job.is_cancelled:
                return writer.done("cancelled")
            if writer.generated_tokens == sampling.max_new_tokens:
                return writer.done("length")
            writer.write(f"{word} ")
            if writer.is_stopped:
                break
        return writer.done("stop")


class EchoPlugin:
    name = "echo"
    options = EchoOptions

    def fitness(self, settings: Settings, options: EchoOptions) -> Fitness:
        if settings.model == "deaf":
            return Fitness(rank=Rank.FASTEST + 5, problem="nobody hears it")
        return Fitness(rank=Rank.ASKED_FOR, reason="echoes come back at once")

    def create(self, settings: Settings, options: EchoOptions) -> Engine:
        return EchoEngine(settings, options)


plugin: EnginePlugin[EchoOptions] = EchoPlugin()
