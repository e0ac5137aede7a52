"""What an evaluation tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.evaluation.judge import Kind

__all__ = ["Begun", "BrokenOff", "CellFailed", "Event", "LeftOut", "Measured", "Starting"]


@dataclass(frozen=True, kw_only=True)
class Starting:
    """A model is loaded beside a notebook."""

    model: str
    notebook: str


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A task is looked at: the so-many-th of so many."""

    model: str
    request: str
    number: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What became of a model's answer to a task.

    Attributes
    ----------
    model, notebook
        Their names.
    cell
        The task's cell in the notebook, from 1.
    request, reference
        What was asked, and the notebook's own code.
    kind, difference
        The verdict, and in one line what is wrong.
    code
        The code in the answer.
    seconds, tokens
        What it cost.
    """

    model: str
    notebook: str
    cell: int
    request: str
    reference: str
    kind: Kind
    difference: str
    code: str
    seconds: float
    tokens: int


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A task that shows nothing of a model, and why, in few words."""

    notebook: str
    cell: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class CellFailed:
    """A cell of a notebook that raised when it was run, in its order."""

    notebook: str
    cell: int
    error: str


@dataclass(frozen=True, kw_only=True)
class BrokenOff:
    """A model that could not be asked, or a notebook that could not be run to its end with it."""

    model: str
    notebook: str
    error: CodeFaceError


Event = Starting | Begun | Measured | LeftOut | CellFailed | BrokenOff
