"""Hints instead of code, as a notebook for a class may ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.prompts import HINTS_INSTRUCTION

if TYPE_CHECKING:
    from codeface_jupyter.config import Settings
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session.answer import Ask

__all__ = ["as_hints", "as_now_wanted", "wants_hints"]


def wants_hints(extension: Extension, settings: Settings) -> bool:
    """Whether hints only are given; the notebook can only ask for less than the settings allow."""
    return settings.answers == "hints" or bool(extension.notebook.gives_hints_only())


def as_hints(ask: Ask) -> Ask:
    """Return a question that is answered in words: the answer ends where code begins.

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
    return replace(
        ask,
        sources=replace(sources, task="explain", instruction=HINTS_INSTRUCTION, rewrite=None),
        settings=settings.model_copy(update={"tries": "off", "insert": "none"}),
        is_for_hint=True,
    )


def as_now_wanted(extension: Extension, ask: Ask) -> Ask:
    """Return what goes on from an answer, in words alone if hints are given by now.

    So is a question about an explanation, which may have code itself. Where they are given no
    more, what goes on from a hint may have code.
    """
    if not _are_hints_wanted_of(extension, ask):
        return replace(ask, is_for_hint=False)
    is_question = ask.after is not None and ask.after.question is not None
    is_explanation = ask.sources.task == "explain" and not is_question
    if is_explanation:
        return ask
    settings = ask.settings.model_copy(update={"tries": "off"})
    return replace(ask, settings=settings, is_for_hint=True)


def _are_hints_wanted_of(extension: Extension, ask: Ask) -> bool:
    """Whether what goes on from an answer is to be in words, whatever cell runs meanwhile."""
    if wants_hints(extension, extension.config.settings):
        return True
    said = extension.notebook.gives_hints_only(ask.cell_id)
    return ask.is_for_hint if said is None else said
