"""An engine that answers from a script: for demos, and for tests of everything above engines."""

from __future__ import annotations

import re
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from codeface_jupyter.config import EngineOptions, Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.generation import (
    Done,
    EngineIdentity,
    FinishReason,
    GenerationMetrics,
    GenerationRequest,
)
from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.prompts import (
    Prompt,
    chat_messages,
    completion_text,
    conversation_text,
    fenced,
)

if TYPE_CHECKING:
    from codeface_jupyter.engines.text.streaming_text import AnswerWriter

__all__ = ["ScriptedAnswer", "ScriptedEngine", "plugin"]

ScriptedAnswer = str | BaseException | tuple[str, BaseException]

TOKEN = re.compile(r"\s?\w+|\s?[^\w\s]|\s")
LOAD_STEPS = 10
SLOW_TOKEN_DELAY_MS = 100
MODEL_OPTION = re.compile(
    r"slow|(?P<delay_ms>\d{1,5})ms|x(?P<tokens>\d{1,6})|load(?P<load_ms>\d{1,5})ms"
)
LONGEST_MENTION = 72
# What completions go on with, for tests and demonstrations.
SCRIPTED_LINES = (
    "numbers = list(range(10))",
    "total = sum(numbers)",
    "for number in numbers:",
    "    square = number * number",
    "    print(number, square)",
    "print(total)",
)


class ScriptedEngine:
    """An engine without a model: streams the answers it was given, token by token.

    It keeps the promises of an engine — token limit, stop strings, cancel, progress,
    the context window — and records what it was asked, so that everything above
    engines can be tried without weights.

    In a notebook, ``engine = "scripted"`` answers every request with a few lines of
    Python that mention it. Options follow the model's name, separated by colons:
    ``scripted:40ms`` takes 40 ms for each token, ``x300`` makes the answer 300 tokens
    long, ``load500ms`` takes half a second to load, and ``slow`` is ``100ms``; for
    example ``scripted:40ms:x300``.

    Parameters
    ----------
    answers
        One answer for each request, the last one repeated; an exception is raised
        instead of an answer, and ``(text, exception)`` after its text. Or a function
        from the prompt to the answer.
    token_delay_s, load_s
        Seconds that each token and the load take.
    context_window
        Tokens that prompt and answer may have together; None is no limit.
    is_chat, is_local
        What the engine says about itself.
    name
        The model's name in `identity`.

    Attributes
    ----------
    requests, infill_requests
        The requests given to `generate` and to `infill`, oldest first.
    is_loaded
        Whether `load` was called since the last `unload`.

    Examples
    --------
    >>> engine = ScriptedEngine(["print(1)"])
    >>> chunks = []
    >>> request = GenerationRequest(prompt=Prompt(request="Print one"))
    >>> engine.generate(request, Job(chunks.append)).finish_reason
    'stop'
    """

    default_repetition_penalty = 1.05

    def __init__(
        self,
        answers: Sequence[ScriptedAnswer] | Callable[[Prompt], str],
        *,
        token_delay_s: float = 0.0,
        load_s: float = 0.0,
        context_window: int | None = None,
        is_chat: bool = True,
        is_local: bool = True,
        name: str = "scripted",
    ) -> None:
        if not callable(answers) and (isinstance(answers, str) or not answers):
            raise ValueError(f"answers must be a list of at least one answer, not {answers!r}.")
        self.requests: list[GenerationRequest] = []
        self.infill_requests: list[InfillRequest] = []
        self.is_loaded = False
        self.token_delay_s = token_delay_s
        self.load_s = load_s
        self.context_window = context_window
        self.is_chat = is_chat
        self.is_local = is_local
        self.identity = EngineIdentity(engine="scripted", model=name)
        self._answers = answers

    @classmethod
    def from_settings(cls, settings: Settings) -> ScriptedEngine:
        """Make the engine that answers every request with code that mentions it.

        Raises
        ------
        ConfigError
            If ``settings.model`` begins with ``scripted:`` and has an unknown option.
        """
        options = _parse_model(settings.model)
        tokens = options.get("tokens")
        return cls(
            lambda prompt: _demonstration(prompt, tokens=tokens),
            token_delay_s=options.get("delay_ms", 0) / 1_000,
            load_s=options.get("load_ms", 0) / 1_000,
            name=settings.model,
        )

    def prepare(self, job: Job) -> None:
        """Do nothing: a script needs no files."""

    def load(self, job: Job) -> None:
        """Take ``load_s`` seconds, reporting progress."""
        if self.is_loaded:
            return
        for step in range(LOAD_STEPS + 1):
            job.progress("Loading the script", step, LOAD_STEPS)
            if self.load_s and step < LOAD_STEPS:
                threading.Event().wait(self.load_s / LOAD_STEPS)
        self.is_loaded = True

    def unload(self) -> None:
        """Require a new `load`."""
        self.is_loaded = False

    def format_prompt(self, prompt: Prompt) -> str:
        """Return the conversation with a role before each message, or the script to continue."""
        if not self.is_chat:
            return completion_text(prompt)
        return f"{conversation_text(chat_messages(prompt))}assistant:{prompt.answer_begin}"

    def count_tokens(self, text: str) -> int:
        """Return the number of words and punctuation marks."""
        return sum(1 for _ in _tokens(text))

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Stream the next answer.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit ``context_window``.
        BaseException
            Whatever the script says.
        """
        from codeface_jupyter.engines.text.context_window import check_prompt_fits
        from codeface_jupyter.engines.text.streaming_text import AnswerWriter

        self.requests.append(request)
        sampling = request.sampling
        prompt_tokens = self.count_tokens(self.format_prompt(request.prompt))
        check_prompt_fits(
            prompt_tokens=prompt_tokens,
            max_new_tokens=sampling.max_new_tokens,
            context_window=self.context_window,
        )
        self.load(job)
        writer = AnswerWriter(job, stop_strings=sampling.stop_strings)
        text, error = self._next_answer(request.prompt)
        reason = self._stream(text, writer=writer, limit=sampling.max_new_tokens, job=job)
        if reason == "stop" and error is not None and not writer.is_stopped:
            writer.flush()
            raise error
        return writer.done(reason, metrics=GenerationMetrics(prompt_tokens=prompt_tokens))

    def held_bytes(self) -> dict[str, int]:
        """Return what a model would take, of which a script takes nothing."""
        return {"weights": 0, "KV prefixes": 0}

    def shrink(self) -> int:
        """Drop nothing."""
        return 0

    @property
    def can_infill(self) -> bool:
        """Whether it is loaded, as any engine has to be."""
        return self.is_loaded

    def infill(self, request: InfillRequest, job: Job) -> Infilled:
        """Complete by `SCRIPTED_LINES`: a line that begins like one of them goes on like it.

        Each token takes its time; the guide ends a completion, and is asked for names as by
        any other engine.

        Raises
        ------
        Cancelled
            If ``job`` was stopped.
        """
        self.infill_requests.append(request)
        text = ""
        for token in _tokens(_going_on(request.prompt.prefix)):
            if job.wait(self.token_delay_s):
                raise Cancelled
            text += token
            if request.guide.is_complete(text):
                break
        return Infilled(
            text=text, likelihood=1.0, finish_reason="stop", metrics=GenerationMetrics()
        )

    def _stream(self, text: str, *, writer: AnswerWriter, limit: int, job: Job) -> FinishReason:
        for token in _tokens(text):
            if writer.generated_tokens == limit:
                return "length"
            # Waiting on the event itself makes a cancel act at once, however slow the script.
            if job.wait(self.token_delay_s):
                return "cancelled"
            writer.write(token)
            if writer.is_stopped:
                break
        return "stop"

    def _next_answer(self, prompt: Prompt) -> tuple[str, BaseException | None]:
        if callable(self._answers):
            return self._answers(prompt).removeprefix(prompt.answer_begin), None
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if isinstance(answer, BaseException):
            return "", answer
        return answer if isinstance(answer, tuple) else (answer, None)


def _tokens(text: str) -> Iterator[str]:
    return (match[0] for match in TOKEN.finditer(text))


def _parse_model(model: str) -> dict[str, int]:
    """Return the options in a model's name, e.g. ``{"delay_ms": 40, "tokens": 300}``."""
    name, *words = model.split(":")
    if name != "scripted":
        return {}
    options: dict[str, int] = {}
    for word in words:
        match = MODEL_OPTION.fullmatch(word)
        if match is None:
            raise ConfigError(
                f"model = {model!r}: {word!r} is not an option of the scripted engine.",
                hint="Options are 40ms, slow, x300 and load500ms, e.g. scripted:40ms:x300.",
            )
        if word == "slow":
            options["delay_ms"] = SLOW_TOKEN_DELAY_MS
        else:
            options |= {key: int(value) for key, value in match.groupdict().items() if value}
    return options


def _going_on(prefix: str) -> str:
    """Return how the last line of a text goes on, and what follows it."""
    line = prefix.rpartition("\n")[2].lstrip()
    for place, scripted in enumerate(SCRIPTED_LINES):
        if line and scripted.startswith(line):
            return "\n".join((scripted[len(line) :], *SCRIPTED_LINES[place + 1 :]))
    return ""


def _demonstration(prompt: Prompt, *, tokens: int | None) -> str:
    """Return a fenced answer that mentions the request, ``tokens`` long unless None."""
    mention = textwrap.shorten(prompt.request, LONGEST_MENTION, placeholder=" …") or "nothing"
    code = f'request = {mention!r}\nprint("You asked:", request)'
    if tokens is None:
        return f"A scripted answer:\n\n{fenced(code, 'python')}\n"
    # Comment lines in the fence fill the answer up to the length that was asked for.
    head, tail = list(_tokens(f"A scripted answer:\n\n```python\n{code}")), list(_tokens("\n```\n"))
    lines = (token for n in count(1) for token in _tokens(f"\n# line {n} of the script"))
    padding = [
        token for token, _ in zip(lines, range(tokens - len(head) - len(tail)), strict=False)
    ]
    return "".join((head + padding + tail)[:tokens])


class ScriptedPlugin:
    """Used only when named: its answers serve demos and tests."""

    name = "scripted"
    options = EngineOptions

    def fitness(self, settings: Settings, options: EngineOptions) -> Fitness:  # noqa: ARG002 - a plug-in's signature
        """Say that the engine has to be named."""
        return Fitness(reason="for demos and tests; used only if the settings name it")

    def create(self, settings: Settings, options: EngineOptions) -> Engine:  # noqa: ARG002 - a plug-in's signature
        """Make the engine that answers every request with code that mentions it."""
        return ScriptedEngine.from_settings(settings)


plugin: EnginePlugin[EngineOptions] = ScriptedPlugin()
