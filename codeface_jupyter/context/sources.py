"""What a prompt can be made from: the request, cells, variables, an error, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from codeface_jupyter.context.cells import Cell
from codeface_jupyter.context.error_info import ErrorInfo
from codeface_jupyter.context.files import TextFile
from codeface_jupyter.context.request import FilledRequest
from codeface_jupyter.context.rewrite import Rewrite
from codeface_jupyter.prompts import Message, Task

__all__ = ["ContextSources"]


@dataclass(frozen=True, kw_only=True)
class ContextSources:
    """Everything that a prompt can be made from.

    Attributes
    ----------
    request
        The user's own words.
    task, instruction
        What kind of answer is wanted, and what to say in place of the task's instruction.
    cells
        The cells above the one that asks, in document order; those below too if they are wanted.
    namespace
        The user's variables.
    variables
        The names to describe; None lets the context choose, empty is none.
    error
        The error that the request is about.
    rewrite
        The cell that the answer is to rewrite.
    files
        Text files to quote from.
    history
        Earlier exchanges of the conversation, oldest first.
    history_without_values
        Those of them that a model elsewhere may see; None if that is all.
    filled
        The request with what was filled in and what was not; None if it is what was typed.
    """

    request: str
    task: Task = "write"
    instruction: str | None = None
    cells: Sequence[Cell] = ()
    namespace: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    variables: Sequence[str] | None = None
    error: ErrorInfo | None = None
    rewrite: Rewrite | None = None
    files: Sequence[TextFile] = ()
    history: Sequence[Message] = ()
    history_without_values: Sequence[Message] | None = None
    filled: FilledRequest | None = None

    def without_values(self) -> ContextSources:
        """Return what may go to a model that may not see values of variables."""
        history = self.history_without_values
        filled = self.filled.without_values() if self.filled else None
        return replace(
            self,
            request=filled.text if filled else self.request,
            filled=filled,
            history=self.history if history is None else history,
        )
