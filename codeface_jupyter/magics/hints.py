"""Hints instead of code, as a notebook for a class may ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.prompts import HINTS_INSTRUCTION

if TYPE_CHECKING:
    from codeface_jupyter.session.answer import Ask

__all__ = ["as_hints"]

# A code block, and the sentence that announces one.
CODE_BEGINS = ("```", "\n\nHere")


def as_hints(ask: Ask) -> Ask:
    """Return a question that is answered in words: the answer ends where a code block begins.

    Raises
    ------
    NotebookError
        If the question is for tests, which are code and nothing else.
    """
    sources, settings = ask.sources, ask.settings
    if sources.task == "explain":
        return ask
    if sources.task == "test":
        raise NotebookError(
            "This notebook gives hints only, and tests are code.",
            hint="Ask %%codeface which cases to test.",
        )
    stop_strings = (*settings.stop_strings, *CODE_BEGINS)
    return replace(
        ask,
        sources=replace(sources, task="explain", instruction=HINTS_INSTRUCTION, rewrite=None),
        settings=settings.model_copy(
            update={"stop_strings": stop_strings, "tries": "off", "insert": "none"}
        ),
    )
