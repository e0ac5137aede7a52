"""The protocols of an engine and its plug-in, and the values they exchange.

An engine may come in its own package. It needs one module, which is imported with the
extension and must import nothing slow, and an entry point that names its plug-in::

    [project.entry-points."codeface_jupyter.engines"]
    echo = "codeface_echo:plugin"

See ``docs/decisions/0010-engines-as-plug-ins.md`` for an example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

from codeface_jupyter.config import EngineOptions, Settings
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.speed import EngineSpeed
from codeface_jupyter.prompts import Prompt

__all__ = [
    "BatchEngine",
    "Converts",
    "Engine",
    "EnginePlugin",
    "Fitness",
    "GoesOn",
    "HoldsMemory",
    "InfillEngine",
    "Rank",
    "TellsSpeed",
]

Options = TypeVar("Options", bound=EngineOptions)


class Rank(IntEnum):
    """How well an engine suits a model on a machine; an engine may also rank in between."""

    ONLY_BY_NAME = 0
    """Never taken unless the settings name it."""
    GENERAL = 10
    """Runs this model, as it runs most models."""
    FASTEST = 20
    """Made for a model and a machine such as these."""
    ASKED_FOR = 30
    """The settings or the machine ask for what it has."""
    ONLY_READER = 40
    """Nothing else reads this model."""


@dataclass(frozen=True, kw_only=True)
class Fitness:
    """Whether an engine can serve certain settings, and how well.

    Attributes
    ----------
    rank
        ``engine = "auto"`` takes the highest. With a problem it is the rank without it: below
        `Rank.ASKED_FOR` another engine is taken as a fallback, and the user sees why.
    reason
        Why it suits, in a few words that follow a colon.
    problem
        Why it cannot serve them, in a few words that follow a colon; empty if it can.
        From `Rank.ASKED_FOR` on, or while the model's files are not here, the engine of the
        highest rank is taken all the same: its own error says best what is missing.
    is_certain
        Whether it stays so once the model's files are here.
    """

    rank: int = Rank.ONLY_BY_NAME
    reason: str = ""
    problem: str = ""
    is_certain: bool = True


class Engine(Protocol):
    """Runs one model.

    An engine is made cheaply, prepares its tokenizer when it must count, and
    loads its weights when it must answer. All three are idempotent and called
    from a worker thread, one call at a time.
    """

    @property
    def identity(self) -> EngineIdentity:
        """What decides the answer besides the request and the engine's options.

        The session adds a digest of those; name what no option says, such as the revision
        of the files.
        """

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
        """Load the weights into memory, reporting `Progress`."""

    def format_prompt(self, prompt: Prompt) -> str:
        """Return the exact text that the model is given; needs `prepare`."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``; needs `prepare`."""

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request``: tell ``job`` each `Chunk` as it comes and return how it ended.

        What the user should know of it besides is a `Warned` on the same job.
        Stopping ``job`` ends the answer within one token, as a `Done` whose
        reason is ``cancelled``.
        """

    def unload(self) -> None:
        """Free the weights' memory; a later `load` reads them again."""


@runtime_checkable
class BatchEngine(Protocol):
    """Optional: what an engine has that answers many requests side by side."""

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests``, in any number.

        Parameters
        ----------
        on_result
            Called in this thread with a request's index, its answer's text and its end, as
            soon as that is known: in the order in which they end. A request that fails on
            its own has the error in its end, and the others go on.
        job
            Told of `Progress`; stopping it ends what is not finished as ``cancelled``.
        """


@runtime_checkable
class Converts(Protocol):
    """Optional: what an engine has that reads models in a form of its own."""

    def convert(self, job: Job) -> LocalModel:
        """Make of the model's files what `load` reads, once, reporting `Progress`.

        They are fetched first, in the form that the engine reads or makes the least of, and
        returned. Whatever pulls a model calls it, so that the first answer does not wait.
        `load` does the same where it has not been done.
        """


@runtime_checkable
class GoesOn(Protocol):
    """Optional: what an engine has whose answers go on from `Prompt.answer_begin` to the letter.

    Others ask for that in a turn of the conversation, and what they get may begin anew.
    """

    @property
    def goes_on(self) -> bool:
        """Whether the model that is set now does."""


@runtime_checkable
class HoldsMemory(Protocol):
    """Optional: what an engine has that holds memory of this machine."""

    def held_bytes(self) -> Mapping[str, int]:
        """Return what it holds, in bytes, by what it is: weights, KV prefixes."""

    def shrink(self) -> int:
        """Drop what the next request can do without; return its bytes."""


@runtime_checkable
class InfillEngine(Protocol):
    """Optional: what an engine has that completes code while it is typed."""

    @property
    def can_infill(self) -> bool:
        """Whether the model that is loaded completes code; False while none is."""

    def infill(self, request: InfillRequest, job: Job) -> Infilled:
        """Fill a gap, also while another thread's `generate` runs, which waits meanwhile.

        Raises
        ------
        Cancelled
            If ``job`` was stopped: within one token.
        """


class EnginePlugin(Protocol[Options]):
    """What an entry point names: an engine before its own code is imported.

    Attributes
    ----------
    name
        As settings name it; the entry point's own name.
    options
        The engine's options: a subclass of `EngineOptions`.
    """

    name: str
    options: type[Options]

    def fitness(self, settings: Settings, options: Options) -> Fitness:
        """Return how well the engine suits, from files and the machine; nothing is loaded."""

    def create(self, settings: Settings, options: Options) -> Engine:
        """Make the engine, cheaply.

        Raises
        ------
        ConfigError
            If it would have to ignore what the settings ask for.
        """


@runtime_checkable
class TellsSpeed(Protocol):
    """Optional: what a plug-in has whose engine runs models of the catalog on this machine.

    ``model = "auto"`` chooses a model only for such an engine.
    """

    def speed(self, settings: Settings, options: Any) -> EngineSpeed | None:
        """Return how the engine's speed follows from the machine's; nothing is loaded.

        None if the engine cannot run the model that ``settings`` name.
        """
