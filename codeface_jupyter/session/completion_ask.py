"""What is asked of the completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codeface_jupyter.infilling import Gap

__all__ = ["CompletionAsk"]


@dataclass(frozen=True, kw_only=True)
class CompletionAsk:
    """A completion that is wanted.

    Attributes
    ----------
    gap
        Where the cursor stands.
    namespace
        The notebook's variables.
    cells_run
        How many cells have been run: with another number, what was completed before counts no
        more.
    max_lines
        The most lines of a block that is completed; elsewhere it is one.
    is_asked_for
        Whether an unlikely one is better than none.
    """

    gap: Gap
    namespace: Mapping[str, object] = field(repr=False)
    cells_run: int = 0
    max_lines: int = 1
    is_asked_for: bool = False
