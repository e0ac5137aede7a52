"""A prompt: what the model should know and do, before any layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from codeface_jupyter.well_formed import well_formed

__all__ = [
    "COPYING_TASKS",
    "Message",
    "Prompt",
    "Task",
]

Task = Literal["write", "explain", "fix", "edit", "test"]

# These answers repeat most of a cell that the prompt holds.
COPYING_TASKS = frozenset({"fix", "edit"})


TEXTS = ("request", "notes", "answer_begin")


class Message(TypedDict):
    """One turn of a conversation, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What the model should know and do, before it is laid out for a kind of model.

    The order of the fields is the order in the prompt: what stays the same from
    request to request comes first, so that engines can reuse its KV cache. Whatever text
    is given, that of a prompt is well-formed: tokenizers and servers refuse any other.

    Attributes
    ----------
    cells
        Sources of the notebook's cells, in the order in which they are sent.
    history
        Earlier exchanges of this conversation.
    notes
        What changes with each request: variables, the last error.
    request
        The user's own words.
    task
        What kind of answer is wanted.
    language
        The language of the code in the answer.
    instruction
        Replaces the task's own instruction.
    follows_up
        Whether the request is about the last answer in ``history``, of which the first
        question has said what kind of answer is wanted.
    answer_begin
        What the answer begins with: the model goes on from there.
    """

    request: str
    task: Task = "write"
    cells: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    notes: str = ""
    language: str = "python"
    instruction: str | None = None
    follows_up: bool = False
    answer_begin: str = ""

    def __post_init__(self) -> None:
        cells = tuple(map(well_formed, self.cells))
        history = tuple(
            Message(role=message["role"], content=well_formed(message["content"]))
            for message in self.history
        )
        texts = {name: well_formed(getattr(self, name)) for name in TEXTS}
        instruction = None if self.instruction is None else well_formed(self.instruction)
        fields = texts | {"cells": cells, "history": history, "instruction": instruction}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
