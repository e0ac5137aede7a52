"""The findings as they are made: one for each cause, with an edit for each place."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from codeface_jupyter.generation import Edit, Finding, FindingKind
from codeface_jupyter.trials.checks.source import Source

__all__ = ["Notes"]

LITERAL = re.compile(r"([uU]?)('''|\"\"\"|'|\")(.*)\2", re.S)


@dataclass
class _Note:
    kind: FindingKind
    line: int
    missing: str
    edits: dict[int, Edit] = field(default_factory=dict)


class Notes:
    """Collects findings about a code; the same said of several places is one.

    Attributes
    ----------
    source
        The code.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._notes: dict[str, _Note] = {}
        self._silence = 0

    @property
    def is_silent(self) -> bool:
        """Whether what is added now is dropped."""
        return self._silence > 0

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """Drop what is added meanwhile: the code expects that it may be so."""
        self._silence += 1
        try:
            yield
        finally:
            self._silence -= 1

    def add(
        self,
        kind: FindingKind,
        message: str,
        *,
        line: int,
        missing: str = "",
        edit: Edit | None = None,
    ) -> None:
        """Add a finding, or another place to one; ``missing`` is what does not exist."""
        if self.is_silent:
            return
        note = self._notes.setdefault(message, _Note(kind, line, missing))
        note.line = min(note.line, line)
        if edit is not None:
            note.edits[edit.start] = edit

    def findings(self) -> list[Finding]:
        """Return what was found, in the order in which it was."""
        return [
            Finding(
                kind=note.kind,
                message=message,
                line=note.line,
                missing=note.missing,
                edits=tuple(note.edits[start] for start in sorted(note.edits)),
            )
            for message, note in list(self._notes.items())
        ]

    def renaming(self, node: ast.Name | ast.Attribute, name: str | None) -> Edit | None:
        """Return the edit that puts ``name`` in the place of a name or an attribute."""
        written = node.id if isinstance(node, ast.Name) else node.attr
        _, end = self.source.span(node)
        start = end - len(written)
        # Before Python 3.12, places within f-strings are not the code's.
        if name is None or self.source.code[start:end] != written:
            return None
        return Edit(start=start, end=end, replacement=name)

    def retyping(self, node: ast.Constant, text: str | None) -> Edit | None:
        """Return the edit that puts another text into a string literal, in the same quotes."""
        start, end = self.source.span(node)
        literal = LITERAL.fullmatch(self.source.code[start:end])
        if text is None or literal is None or literal[3] != node.value:
            return None
        quote = literal[2]
        is_plain = text.isprintable() and quote[0] not in text and "\\" not in text
        written = f"{literal[1]}{quote}{text}{quote}" if is_plain else repr(text)
        return Edit(start=start, end=end, replacement=written)
