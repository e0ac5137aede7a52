"""What a prompt can be made from: the request, cells, variables, an error, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from codeface_jupyter.context.cells import Cell
from codeface_jupyter.context.error_info import ErrorInfo
from codeface_jupyter.context.files import TextFile
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
        The cells above the one that asks, in document order.
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
