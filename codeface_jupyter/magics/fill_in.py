"""Fill in the braces of a request with what the notebook holds."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from codeface_jupyter.context import SECRET_NOTE, FilledRequest, is_python
from codeface_jupyter.errors import NotebookError, UnknownNameError
from codeface_jupyter.namespace import as_text
from codeface_jupyter.privacy import is_secret_name, mask
from codeface_jupyter.prompts import interpolate

if TYPE_CHECKING:
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.magics.notebook import Notebook

__all__ = ["fill_in"]

# Of the budget for files: about as much text as that many tokens hold.
CHARS_PER_TOKEN = 4
# Texts of the notebook itself: a cell's source, an error. All else is a value.
TEXTS = re.compile(r"(?:In|Err)\[")
# So much of two names has to be the same for one to be the other with a slip in it.
NEAR = 0.8
PARTS = re.compile(r"[^.\[\]'\"]+")


def fill_in(extension: Extension, typed: str) -> FilledRequest:
    """Return what the user typed with its braces filled in, and its secrets hidden."""
    budget = extension.config.settings.file_tokens * CHARS_PER_TOKEN
    hidden, secrets = mask(typed)
    filler = _Filler(extension.notebook, max_chars=budget)
    text = interpolate(hidden, filler.text_of)
    if secrets:
        filler.notes.append(SECRET_NOTE)
    values = tuple(name for name in filler.texts if not TEXTS.match(name))
    return FilledRequest(
        text=text,
        text_without_values=interpolate(
            hidden, lambda name: None if name in values else filler.text_of(name)
        ),
        filled_in=tuple(filler.texts),
        values=values,
        notes=tuple(filler.notes),
    )


def _is_near(name: str, other: str) -> bool:
    # `{value}` beside `values` stands for one of them in a pattern.
    is_plural = f"{name}s" == other or f"{other}s" == name
    return not is_plural and SequenceMatcher(None, name.lower(), other.lower()).ratio() >= NEAR


class _Filler:
    """Finds the text for each expression once, and remembers what is to be said of it."""

    def __init__(self, notebook: Notebook, *, max_chars: int) -> None:
        self._notebook = notebook
        self._max_chars = max_chars
        self._refused: set[str] = set()
        self.texts: dict[str, str] = {}
        self.notes: list[str] = []

    def text_of(self, expression: str) -> str | None:
        """Return the text for ``{expression}``, or None to leave it as typed."""
        if expression not in self.texts and expression not in self._refused:
            found = self._find(expression)
            if found is None:
                self._refused.add(expression)
                return None
            self.texts[expression] = self._sendable(expression, found)
        return self.texts.get(expression)

    def _find(self, expression: str) -> str | None:
        if any(is_secret_name(part) for part in PARTS.findall(expression)):
            self._leave(expression, "its name looks like that of a secret")
            return None
        try:
            value = self._notebook.lookup(expression)
        except UnknownNameError as error:
            # Braces may be meant as braces; a name that nearly exists is rather mistyped.
            if any(_is_near(error.name, name) for name in error.close_names):
                self._leave(expression, f"{error.message.rstrip('.')}. {error.hint}")
            return None
        except NotebookError as error:
            self._leave(expression, error.message.rstrip("."))
            return None
        outcome = as_text(value, max_chars=self._max_chars)
        if outcome.value is None:
            self._leave(expression, f"writing it {outcome.problem}")
        return outcome.value

    def _leave(self, expression: str, reason: str) -> None:
        end = "" if reason.endswith("?") else "."
        self.notes.append(f"{{{expression}}} went as typed: {reason}{end}")

    def _sendable(self, expression: str, text: str) -> str:
        """Return a text without secrets, cut to the budget."""
        is_code = expression.startswith("In[") and is_python(text)
        hidden, secrets = mask(text, is_code=is_code)
        if secrets:
            self.notes.append(f"What looks like a secret in {{{expression}}} was not sent.")
        if len(text) <= self._max_chars:
            return hidden
        self.notes.append(
            f"Sent in part: {{{expression}}} (only the first {self._max_chars:,} characters; "
            "file_tokens says how many)."
        )
        return f"{hidden[: self._max_chars]}…"
