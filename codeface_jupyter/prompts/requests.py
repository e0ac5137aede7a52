"""The wording of requests to explain, to edit and to test, and of those for hints."""

from __future__ import annotations

from codeface_jupyter.prompts.fences import fenced

__all__ = [
    "FIX_REQUEST",
    "HINTS_INSTRUCTION",
    "check_request",
    "edit_instruction",
    "edit_request",
    "explain_request",
]

FIX_REQUEST = "Repair this cell so that it does what it was meant to."

HINTS_INSTRUCTION = (
    "Help a student to find the answer. Say in two or three sentences which steps to take and "
    "which functions to look up. Write no code."
)


def explain_request(name: str, text: str, *, kind: str = "object") -> str:
    """Return the request to explain something.

    Parameters
    ----------
    name
        Its name in the notebook.
    text
        The facts about it, or the source of a cell, or the text of an error.
    kind
        ``object``, ``cell``, ``code`` for a part of one, ``words`` for Markdown, or ``error``.
    """
    question, language = {
        "object": (f"What is `{name}`?", "text"),
        "cell": ("What does this cell do?", "python"),
        "code": ("What does this code do?", "python"),
        "words": ("What does this mean?", "markdown"),
        "error": ("What does this error mean, and what caused it?", "text"),
    }[kind]
    return f"{question}\n\n{fenced(text, language)}"


def edit_request(instruction: str, source: str, *, language: str = "python") -> str:
    """Return the request to change the cell ``source`` as the user's ``instruction`` asks."""
    return f"{fenced(source, language)}\n\n{instruction}"


def edit_instruction(request: str, source: str, *, language: str = "python") -> str:
    """Return the instruction in a request that `edit_request` has made."""
    return request.removeprefix(edit_request("", source, language=language))


def check_request(name: str, source: str) -> str:
    """Return the request to write tests for the function ``name``."""
    return f"Test `{name}`:\n\n{fenced(source, 'python')}"
