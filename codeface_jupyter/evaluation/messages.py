"""What the process in which a notebook runs tells the command: plain data."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.outcome import Outcome

__all__ = ["Answered", "Expectation", "FailedCell"]


@dataclass(frozen=True, kw_only=True)
class FailedCell:
    """A cell of a notebook, from 1, that raised as it was run, and what."""

    cell: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a task's own cell does.

    Attributes
    ----------
    outcome
        What it did on a copy; None if it is not fit to be a task.
    unfit
        Why it is not, in few words.
    failed
        The cells that raised on the way to it.
    """

    outcome: Outcome | None = None
    unfit: str = ""
    failed: tuple[FailedCell, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a model answered, as far as the evaluation needs it.

    Attributes
    ----------
    code
        The code in it, as it is offered; empty if there is none.
    seconds
        From the question to the end of the answer, tries included.
    tokens
        How many tokens were generated for what is shown.
    is_cut_off
        Whether it ended at the token limit.
    error
        Why there is no answer, in one line.
    """

    code: str = ""
    seconds: float = 0.0
    tokens: int = 0
    is_cut_off: bool = False
    error: str = ""
