"""What an engine is: protocols only, so that every engine may import them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from codeface_jupyter.config import Settings
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt

__all__ = ["BatchEngine", "Engine", "EngineFactory", "HoldsMemory"]


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
    def default_repetition_penalty(self) -> float:
        """The penalty where the settings leave it open; 1 is none."""

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


@runtime_checkable
class HoldsMemory(Protocol):
    """An engine whose memory is this machine's."""

    def held_bytes(self) -> Mapping[str, int]:
        """Return what it holds, in bytes, by what it is: weights, KV prefixes."""

    def shrink(self) -> int:
        """Drop what the next request can do without; return its bytes."""


EngineFactory = Callable[[Settings], Engine]
