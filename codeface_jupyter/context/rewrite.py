"""A cell that an answer is to rewrite: what is sent of it, and what stays out of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import PurePath

from codeface_jupyter.context.cells import Cell
from codeface_jupyter.context.ipython_lines import is_python, split_cell_magics
from codeface_jupyter.prompts import (
    CodeBlock,
    cell_for,
    extract_code_blocks,
    fenced,
    normalize_language,
)
from codeface_jupyter.syntax import parse_module

__all__ = ["HiddenLines", "Rewrite"]

FILE_MAGICS = frozenset({"file", "writefile"})


@dataclass(frozen=True, kw_only=True)
class HiddenLines:
    """Lines of a cell that are not sent: how many, their text, and the line in their place."""

    mark: str
    count: int
    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """A cell in parts: only ``text`` is sent, and an answer gives another one for it.

    Attributes
    ----------
    cell
        The cell as it stands in the notebook.
    language
        What its text is written in.
    head, tail
        Its cell magics, and the blank lines around its text.
    text
        The rest, with marks in the place of secrets.
    hidden
        What the marks stand for, in their order; None if that cannot be told.
    below
        The cells below it, in document order, as far as they are known.
    """

    cell: Cell
    language: str
    head: str
    text: str
    tail: str
    hidden: tuple[HiddenLines, ...] | None
    below: tuple[Cell, ...] = ()

    @classmethod
    def of(cls, cell: Cell, *, below: Sequence[Cell] = ()) -> Rewrite:
        """Return the parts of ``cell``; ``below`` are the cells below it."""
        shown = cell.without_secrets
        is_code = cell.cell_type == "code"
        head = _head(shown) if is_code else _blank_lines(shown)
        text = shown[len(head) :].rstrip()
        return cls(
            cell=cell,
            language=_language(cell.source) if is_code else "markdown",
            head=head,
            text=text,
            tail=shown[len(head) + len(text) :],
            hidden=_hidden(cell.source, shown),
            below=tuple(below),
        )

    @property
    def shown(self) -> str:
        """The whole cell, with marks in the place of secrets."""
        return self.with_text(self.text)

    def with_text(self, text: str) -> str:
        """Return the whole cell with another text."""
        return f"{self.head}{text.rstrip()}{self.tail}"

    @property
    def keeps_hidden_lines(self) -> bool:
        """Whether the marks lead back to what they stand for."""
        return self.keeps_marks_of(self.shown)

    def keeps_marks_of(self, code: str) -> bool:
        """Whether ``code`` holds every mark, once and in order."""
        if self.hidden is None:
            return False
        marks = [lines.mark for lines in self.hidden]
        return [line for line in code.split("\n") if line in marks] == marks

    def with_hidden_lines(self, code: str) -> str | None:
        """Return ``code`` with the hidden lines for their marks; None if one would be lost."""
        if self.hidden is None or not self.keeps_marks_of(code):
            return None
        hidden = iter(self.hidden)
        marks = {lines.mark for lines in self.hidden}
        return "\n".join(next(hidden).text if line in marks else line for line in code.split("\n"))

    @property
    def survives_an_answer(self) -> bool:
        """Whether an answer that repeats the text gives it back to the letter."""
        blocks = extract_code_blocks(fenced(self.text, self.language))
        return len(blocks) == 1 and self.with_text(blocks[0].code) == self.shown


def _blank_lines(source: str) -> str:
    return source[: len(source) - len(source.lstrip("\n"))]


def _head(source: str) -> str:
    """Return the blank lines and cell magics at the beginning, with the blank lines after them."""
    names, body = split_cell_magics(source)
    body = body.lstrip("\n")
    return source[: len(source) - len(body)] if names else _blank_lines(source)


def _language(source: str) -> str:
    """Return the language of a code cell: what its innermost cell magic takes."""
    if is_python(source):
        return "python"
    names, body = split_cell_magics(source)
    name = names[-1]
    head = source.removesuffix(body).rstrip().rpartition("\n")[2]
    words = head.split()[1:]
    if name in FILE_MAGICS:
        suffix = PurePath(words[-1]).suffix.removeprefix(".") if words else ""
        return normalize_language(suffix, default="text")
    if name == "script" and words:
        return normalize_language(words[0])
    language = normalize_language(name)
    is_known = cell_for(CodeBlock(language, body)) != ("code", body)
    return language if is_known or parse_module(body) is None else "python"


def _hidden(source: str, shown: str) -> tuple[HiddenLines, ...] | None:
    """Return what stands for what in ``shown``; None if that cannot be told."""
    if source == shown:
        return ()
    before, after = source.split("\n"), shown.split("\n")
    hidden: list[HiddenLines] = []
    for tag, begin, end, new_begin, new_end in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        marks = after[new_begin:new_end]
        if len(marks) == 1:
            text = "\n".join(before[begin:end])
            hidden.append(HiddenLines(mark=marks[0], count=end - begin, text=text))
        elif len(marks) == end - begin:
            pairs = zip(marks, before[begin:end], strict=True)
            hidden += [HiddenLines(mark=mark, count=1, text=line) for mark, line in pairs]
        else:
            return None
    return tuple(hidden)
