"""What an engine is, and how one is found by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.choice import engine_choice
from codeface_jupyter.errors import EngineUnavailableError, PromptTooLongError
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt

__all__ = [
    "BatchEngine",
    "Engine",
    "EngineFactory",
    "available_engines",
    "check_prompt_fits",
    "create_engine",
]

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "codeface_jupyter.engines"


class Engine(Protocol):
    """Runs one model.

    An engine is made cheaply, prepares its tokenizer when it must count, and
    takes its weights into memory when it must answer. All three are idempotent
    and called from a worker thread, one call at a time.
    """

    @property
    def identity(self) -> EngineIdentity:
        """What decides the answer besides the request."""

    @property
    def is_local(self) -> bool:
        """Whether prompts stay on this machine."""

    @property
    def is_chat(self) -> bool:
        """Whether the model takes a conversation; a base model continues text."""

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""

    @property
    def context_window(self) -> int | None:
        """Tokens the model can see at once, prompt and answer together."""

    def prepare(self, job: Job) -> None:
        """Get the model's files and its tokenizer ready, reporting `Progress`."""

    def load(self, job: Job) -> None:
        """Take the weights into memory, reporting `Progress`."""

    def format_prompt(self, prompt: Prompt) -> str:
        """Return the exact text that the model is given; needs `prepare`."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``; needs `prepare`."""

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request``: tell ``job`` each `Chunk` as it comes and return how it ended.

        Stopping ``job`` ends the answer within one token, as a `Done` whose
        reason is ``cancelled``.
        """

    def unload(self) -> None:
        """Give the weights' memory back; a later `load` takes it again."""


@runtime_checkable
class BatchEngine(Protocol):
    """What an engine that answers many requests side by side has besides; optional."""

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests``; call ``on_result`` with index, text and end of each.

        Results come in the order in which they end. A request that fails alone has
        its error in its end. Stopping ``job`` ends what is not finished as
        ``cancelled``.
        """


EngineFactory = Callable[[Settings], Engine]


def available_engines() -> list[str]:
    """Return the names of the installed engines, sorted."""
    return sorted(entry_points(group=ENTRY_POINT_GROUP).names)


def create_engine(settings: Settings) -> Engine:
    """Make the engine that ``settings`` name; nothing is loaded yet.

    Raises
    ------
    EngineUnavailableError
        If no engine of that name is installed.
    """
    choice = engine_choice(settings)
    name = choice.name
    if choice.is_fallback and choice.is_certain:
        logger.info("engine = 'auto' takes %s: %s.", name, choice.reason)
    found = entry_points(group=ENTRY_POINT_GROUP, name=name)
    if not found:
        raise EngineUnavailableError(
            f"There is no engine {name!r}; installed are {', '.join(available_engines())}.",
            hint=f"Engines are registered under the entry point group {ENTRY_POINT_GROUP!r}.",
        )
    factory: EngineFactory = next(iter(found)).load()
    return factory(settings)


def check_prompt_fits(
    *, prompt_tokens: int, max_new_tokens: int, context_window: int | None
) -> None:
    """Raise `PromptTooLongError` unless prompt and answer fit a window; None fits everything."""
    if context_window is not None and prompt_tokens + max_new_tokens > context_window:
        raise PromptTooLongError(
            prompt_tokens=prompt_tokens,
            max_new_tokens=max_new_tokens,
            context_window=context_window,
        )
