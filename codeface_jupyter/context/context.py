"""The chosen context: the prompt, its exact text, and a report of what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from codeface_jupyter.prompts import Prompt

__all__ = ["Context", "Piece", "PieceKind"]

PieceKind = Literal["layout", "history", "cell", "file", "variable", "error", "request"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One line of the report: a part of the prompt, or what was left out.

    Attributes
    ----------
    kind
        What it is; ``layout`` is the system prompt and the words between the pieces.
    title
        What the user knows it by.
    tokens
        Its tokens in the prompt; 0 if it was left out.
    included
        Whether it is in the prompt.
    reason
        Why it was left out or included only in part.
    """

    kind: PieceKind
    title: str
    tokens: int
    included: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """A prompt that fits, and the report of what is in it.

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
    notes
        What the user should know of it, one sentence each.
    """

    prompt: Prompt
    text: str
    prompt_tokens: int
    report: tuple[Piece, ...]
    notes: tuple[str, ...] = ()
