"""What becomes of an answer: how it is shown, and where it is kept."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codeface_jupyter.magics.options import check_variable_name
from codeface_jupyter.view.result_bundle import result_bundle

if TYPE_CHECKING:
    from codeface_jupyter.context import Rewrite
    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.session.answer import Ask

__all__ = ["Output"]


@dataclass(frozen=True, kw_only=True)
class Output:
    """What becomes of an answer.

    Attributes
    ----------
    request
        The user's words, kept in the output.
    insert, format
        The settings of the same names.
    variable
        A variable to keep the result in, beside ``_codeface``.
    background
        Whether to free the kernel at once.
    changes
        The cell that the answer rewrites: the change is shown, and can replace it.
    is_explanation
        Whether code in the answer only explains: it has no buttons, and what becomes the next
        cell is the whole text.
    """

    request: str
    insert: str = "button"
    format: str = "auto"
    variable: str | None = None
    background: bool = False
    changes: Rewrite | None = None
    is_explanation: bool = False

    @classmethod
    def of(
        cls, ask: Ask, args: argparse.Namespace, *, request: str, changes: Rewrite | None = None
    ) -> Output:
        """Return what a magic's options say of the output."""
        check_variable_name(getattr(args, "output", None))
        return cls(
            request=request,
            insert=ask.settings.insert,
            format=ask.settings.format,
            variable=getattr(args, "output", None),
            background=getattr(args, "background", False),
            changes=changes if ask.sources.rewrite is not None else None,
        )

    def bundle(self, result: GenerationResult, **more: Any) -> dict[str, Any]:
        """Return the lasting output of an answer; ``more`` is for `result_bundle`."""
        return result_bundle(
            result,
            request=self.request,
            insert="none" if self.is_explanation else self.insert,
            format=self.format,
            changes=self.changes,
            **more,
        )
