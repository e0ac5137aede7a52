"""A question before it is sent off: as far as it is typed, or as a click would ask it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codeface_jupyter.context import FilledRequest
from codeface_jupyter.magics.notebook import cells_of
from codeface_jupyter.magics.options import parse

if TYPE_CHECKING:
    import argparse
    from typing import Self

    from codeface_jupyter.config import Settings
    from codeface_jupyter.context import Cell
    from codeface_jupyter.frontend.front_end import NotebookSnapshot
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.magics.failures import Failures
    from codeface_jupyter.session.answer import Ask

__all__ = ["TypedQuestion", "is_question"]

QUESTION = re.compile(
    r"\s*(?P<magic>%%codeface|%codeface_(?:edit|fix))(?P<line>[ \t][^\n]*)?(?:\n(?P<below>.*))?",
    re.DOTALL,
)
# As long as nothing is asked: what comes before a question in the prompt is the same for all.
ANY_QUESTION = "…"


def is_question(source: str) -> bool:
    """Whether a cell asks what can be read ahead."""
    return QUESTION.fullmatch(source) is not None


@dataclass(frozen=True, kw_only=True)
class TypedQuestion:
    """A question so far, and the notebook around it.

    Attributes
    ----------
    magic
        The magic that would ask it, as it is written.
    args
        Its options.
    request
        Its words.
    notebook
        The notebook around it.
    """

    magic: str
    args: argparse.Namespace
    request: str
    notebook: NotebookSnapshot

    @classmethod
    def of(cls, notebook: NotebookSnapshot | None) -> Self | None:
        """Return the question of the cell that asks; None if there is none to read for.

        Raises
        ------
        UsageError
            If an option is not known, or lacks its value.
        """
        found = None if notebook is None else QUESTION.fullmatch(_source(notebook))
        if notebook is None or found is None:
            return None
        magic, below = found["magic"], found["below"]
        args, words = parse(_method(magic), found["line"] or "")
        # What loads another model, or loads it in another way, waits until it is asked for.
        if any((args.model, args.engine, args.force, args.trust_remote_code, args.allow_pickle)):
            return None
        if args.dry_run or _is_open(magic, words, below):
            return None
        request = "\n".join(filter(None, (words, (below or "").strip())))
        return cls(magic=magic, args=args, request=request, notebook=notebook)

    @property
    def is_typed(self) -> bool:
        """Whether somebody is typing it, and so means to ask it."""
        return self.magic != "%codeface_fix"

    def ask(self, extension: Extension, settings: Settings) -> Ask:
        """Return what is asked so far; braces are as they are typed.

        Raises
        ------
        NotebookError
            If the cell or the error that it is about is not to be had.
        """
        from codeface_jupyter.magics.hints import as_hints
        from codeface_jupyter.magics.make_ask import ask_below

        request, sources = self._about(extension)
        cells = cells_of(self.notebook, below=self.args.cells == "all")
        ask = ask_below(cells, extension, self.args, request, settings=settings, **sources)
        is_for_hint = "hints" in {settings.answers, self.notebook.answers}
        return as_hints(ask) if is_for_hint else ask

    def _about(self, extension: Extension) -> tuple[FilledRequest | str, dict[str, Any]]:
        """Return the request, and what is to be known of the cell that it is about."""
        from codeface_jupyter.magics.fix_edit import FIX_REQUEST, about_cell, about_error, to_edit

        notebook = _NotebookAround(extension, self.notebook)
        if self.magic == "%codeface_fix":
            return self.request or FIX_REQUEST, about_error(notebook, self.args)
        request = self.request or ANY_QUESTION
        if self.magic == "%%codeface":
            return request, {}
        about = about_cell(notebook, self.args)
        return to_edit(FilledRequest.of(request), about["rewrite"]), about


class _NotebookAround:
    """The cells around a question that has not been sent off."""

    def __init__(self, extension: Extension, snapshot: NotebookSnapshot) -> None:
        self._notebook = extension.notebook
        self._snapshot = snapshot

    @property
    def failures(self) -> Failures:
        """The errors of the notebook's cells."""
        return self._notebook.failures

    def cells(self, *, below: bool = False) -> tuple[list[Cell], str]:
        """Return the cells above the question, and how their order is known."""
        return cells_of(self._snapshot, below=below), "as they stand in the notebook"

    def executed_cells(self) -> Iterator[Cell]:
        """Yield the cells that this kernel has run."""
        return self._notebook.executed_cells()


def _method(magic: str) -> Any:
    """Return the method of a magic, which has its options."""
    from codeface_jupyter.magics.codeface import CodeFace
    from codeface_jupyter.magics.fix_edit import FixEditMagics

    return {
        "%%codeface": CodeFace.codeface,
        "%codeface_edit": FixEditMagics.codeface_edit,
        "%codeface_fix": FixEditMagics.codeface_fix,
    }[magic]


def _is_open(magic: str, words: str, below: str | None) -> bool:
    """Whether it is not said yet what is asked: in a line at its end, an option may follow."""
    if magic != "%%codeface":
        return words.startswith("-") or bool(below and below.strip())
    return below is None and (not words or words.startswith("-"))


def _source(snapshot: NotebookSnapshot) -> str:
    """Return the source of the cell that asks."""
    return next(cell["source"] for cell in snapshot.cells if cell["id"] == snapshot.asking)
