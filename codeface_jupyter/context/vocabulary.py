"""The vocabulary of a context: what it may be made of, how much it may take, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from codeface_jupyter.config import Settings
from codeface_jupyter.context.cells import Cell
from codeface_jupyter.context.failure import ErrorInfo
from codeface_jupyter.context.files import TextFile
from codeface_jupyter.prompts import Message, Prompt, Task

__all__ = ["Context", "ContextLimits", "ContextSources", "Piece", "PieceKind"]

PieceKind = Literal["layout", "history", "cell", "file", "variable", "error", "request"]


@dataclass(frozen=True, kw_only=True)
class ContextSources:
    """Everything that a prompt may be made of.

    Attributes
    ----------
    request
        The user's own words.
    task, instruction
        What kind of answer is wanted, and what to say in place of the task's instruction.
    cells
        The cells above the one that asks, in document order.
    namespace
        The user's variables.
    variables
        The names to describe; None lets the context choose, empty is none.
    error
        The error to speak of.
    files
        Text files to quote from.
    history
        Earlier exchanges of the conversation, oldest first.
    """

    request: str
    task: Task = "write"
    instruction: str | None = None
    cells: Sequence[Cell] = ()
    namespace: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    variables: Sequence[str] | None = None
    error: ErrorInfo | None = None
    files: Sequence[TextFile] = ()
    history: Sequence[Message] = ()


@dataclass(frozen=True, kw_only=True)
class ContextLimits:
    """How many tokens each kind of piece may take.

    Attributes
    ----------
    context_window
        The model's window; None when unknown.
    max_new_tokens
        What the answer may take of the window.
    max_cells
        How many of the nearest cells may be sent; None is all that fit.
    max_cell_tokens, max_variable_tokens, max_error_tokens, max_file_tokens, max_history_tokens
        The budget of each kind, in tokens.
    """

    context_window: int | None = None
    max_new_tokens: int = 512
    max_cells: int | None = None
    max_cell_tokens: int = 1_024
    max_variable_tokens: int = 256
    max_error_tokens: int = 768
    max_file_tokens: int = 1_024
    max_history_tokens: int = 512

    @classmethod
    def from_settings(cls, settings: Settings, *, context_window: int | None) -> ContextLimits:
        """Return the limits that the settings name, for a model's window."""
        return cls(
            context_window=context_window,
            max_new_tokens=settings.max_new_tokens,
            max_cells=settings.context_cells,
            max_cell_tokens=settings.context_tokens,
            max_variable_tokens=settings.variable_tokens,
            max_error_tokens=settings.error_tokens,
            max_file_tokens=settings.file_tokens,
            max_history_tokens=settings.history_tokens,
        )

    @property
    def max_prompt_tokens(self) -> int | None:
        """The tokens that the window leaves for the prompt; None when it is unknown."""
        if self.context_window is None:
            return None
        return self.context_window - self.max_new_tokens


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One line of the report: a part of the prompt, or what stayed out of it.

    Attributes
    ----------
    kind
        What it is; ``layout`` is the system prompt and the words between the pieces.
    title
        How the user knows it.
    tokens
        What it takes of the prompt; 0 if it stayed out.
    included
        Whether it is in the prompt.
    reason
        Why it stayed out, or went in only in part.
    """

    kind: PieceKind
    title: str
    tokens: int
    included: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """A prompt that fits, and how it came about.

    Attributes
    ----------
    prompt
        Ready for the engine.
    text
        The exact text that the model is given.
    prompt_tokens
        The number of tokens in ``text``.
    report
        The pieces, in the order of the prompt.
    """

    prompt: Prompt
    text: str
    prompt_tokens: int
    report: tuple[Piece, ...]
