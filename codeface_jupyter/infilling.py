"""The vocabulary of one completion: what stands around the cursor, who guides, what comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from codeface_jupyter.generation import FinishReason, GenerationMetrics
from codeface_jupyter.well_formed import well_formed

__all__ = [
    "Gap",
    "Guide",
    "InfillPrompt",
    "InfillRequest",
    "Infilled",
    "NextName",
    "Unguided",
]

DEFAULT_MAX_NEW_TOKENS = 64


@dataclass(frozen=True, kw_only=True)
class InfillPrompt:
    """Code with a gap that is to be filled; whatever is given, its text is well-formed.

    Attributes
    ----------
    files
        What stands before, as files of one project in their order: the cells above.
    prefix, suffix
        The text before the gap, and after it.
    """

    files: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(map(well_formed, self.files)))
        object.__setattr__(self, "prefix", well_formed(self.prefix))
        object.__setattr__(self, "suffix", well_formed(self.suffix))


@dataclass(frozen=True, kw_only=True)
class NextName:
    """The names that may stand where a text ends.

    Attributes
    ----------
    options
        All of them; never empty.
    typed
        The beginning of one, as the text has it already.
    closing
        What must follow the name: a string's quote; where it is empty, the end or anything
        that cannot be a part of an identifier.
    instead
        What else may stand there, with anything after it.
    pending
        The first bytes of the character after ``typed``, where a token has only these.
    """

    options: frozenset[str]
    typed: str
    closing: str = ""
    instead: frozenset[str] = frozenset()
    pending: bytes = b""

    @property
    def rests(self) -> Iterator[bytes]:
        """What is left of all that may be meant, names with what must follow them, in UTF-8."""
        written = self.typed.encode() + self.pending
        for text in (*(option + self.closing for option in self.options), *self.instead):
            meant = text.encode()
            if meant.startswith(written):
                yield meant[len(written) :]

    @property
    def settled(self) -> str:
        """What is left of the name where only one can be meant; empty where several can.

        Amid a character it is empty too: what is left of that is no text.
        """
        names = [option for option in self.options if option.startswith(self.typed)]
        if self.pending or len(names) != 1:
            return ""
        others = [text for text in self.instead if text.startswith(self.typed)]
        is_certain = all(text.startswith(names[0]) for text in others)
        return names[0][len(self.typed) :] if is_certain else ""


class Guide(Protocol):
    """Says, while a completion is made, what may come and when it is over.

    It is called for each token, in the engine's thread, with the completion as far as it has
    come, and has to answer in well under a millisecond most of the time.
    """

    def next_name(self, text: str) -> NextName | None:
        """Return the names that may go on ``text``; None where anything may."""

    def is_complete(self, text: str) -> bool:
        """Whether nothing more is wanted."""


class Unguided:
    """Lets anything come, to the end of the model's own choice."""

    def next_name(self, text: str) -> NextName | None:  # noqa: ARG002 - a guide's signature
        """Return None: anything may come."""
        return None

    def is_complete(self, text: str) -> bool:  # noqa: ARG002 - a guide's signature
        """Return False: the model says when."""
        return False


@dataclass(frozen=True, kw_only=True)
class InfillRequest:
    """A gap to be filled greedily, token by token.

    Attributes
    ----------
    prompt
        The gap.
    guide
        Narrows what may come.
    max_new_tokens
        The most tokens that may come.
    min_likelihood
        A line that is less likely is not wanted: the completion ends before it, as soon as that
        shows.
    """

    prompt: InfillPrompt
    guide: Guide = field(default_factory=Unguided)
    max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS
    min_likelihood: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Infilled:
    """What came.

    Attributes
    ----------
    text
        The completion.
    likelihood
        How likely the model holds its least likely line to be: the product of its tokens'
        probabilities, each among those that were allowed.
    finish_reason
        ``stop`` if the model or the guide ended it.
    metrics
        What it cost.
    """

    text: str
    likelihood: float
    finish_reason: FinishReason
    metrics: GenerationMetrics


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Where the cursor stands in a cell, and what is around it.

    Attributes
    ----------
    above
        The code cells above, in their order.
    prefix, suffix
        The cell before the cursor, and after it.
    """

    above: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""

    @property
    def line(self) -> str:
        """The cursor's line, before the cursor."""
        return self.prefix.rpartition("\n")[2]

    @property
    def rest(self) -> str:
        """The cursor's line, after the cursor."""
        return self.suffix.partition("\n")[0]

    @property
    def line_above(self) -> str:
        """The last line above the cursor's that is not blank; empty if there is none."""
        return _last_line(self.prefix.rpartition("\n")[0])

    @property
    def line_below(self) -> str:
        """The first line below the cursor's that is not blank; empty if there is none."""
        below = self.suffix.partition("\n")[2].split("\n")
        return next((line for line in below if line.strip()), "")


def _last_line(text: str) -> str:
    """Return the last line of a text that is not blank; empty if there is none."""
    return next((line for line in reversed(text.split("\n")) if line.strip()), "")
