"""A question before it is sent off: as far as it is typed, or as a click would ask it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codeface_jupyter.context import FilledRequest, Rewrite
from codeface_jupyter.magics.notebook import cells_of
from codeface_jupyter.magics.options import parse_request
from codeface_jupyter.magics.targets import cell_to_rewrite, error_of
from codeface_jupyter.prompts import FIX_REQUEST

if TYPE_CHECKING:
    import argparse
    from typing import Self

    from codeface_jupyter.config import Settings
    from codeface_jupyter.frontend.front_end import NotebookSnapshot
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session.answer import Ask

__all__ = ["ComingQuestion", "is_question"]

# Below a line magic, a cell may have code of the user's.
QUESTION = re.compile(
    r"\s*(?:(?P<cell>%%codeface)(?P<line>[ \t][^\n]*)?(?:\n(?P<below>.*))?"
    r"|(?P<magic>%codeface_(?:edit|fix))(?P<rest>[ \t][^\n]*)?\s*)",
    re.DOTALL,
)
# As long as nothing is asked: what comes before a question in the prompt is the same for all.
ANY_QUESTION = "…"


def is_question(source: str) -> bool:
    """Whether a cell only asks, and what can be read ahead."""
    return QUESTION.fullmatch(source) is not None


@dataclass(frozen=True, kw_only=True)
class ComingQuestion:
    """A question that is likely to be asked, as far as it is known.

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
            If an option is not known, lacks its value or stands behind the words.
        """
        found = None if notebook is None else QUESTION.fullmatch(_source(notebook))
        if notebook is None or found is None:
            return None
        magic, below = found["cell"] or found["magic"], found["below"]
        args, words = parse_request(_method(magic), found["line"] or found["rest"] or "")
        # What loads another model, or loads it in another way, waits until it is asked for.
        if any((args.model, args.engine, args.force, args.trust_remote_code, args.allow_pickle)):
            return None
        # In a line that is not at its end, an option may follow.
        is_line_open = below is None and (not words or words.startswith("-"))
        # Which cell a line magic is about without an id is known when it is run.
        is_known = args.id is not None if found["magic"] else not is_line_open
        if args.dry_run or not is_known:
            return None
        request = "\n".join(filter(None, (words, (below or "").strip())))
        return cls(magic=magic, args=args, request=request, notebook=notebook)

    @property
    def is_sure(self) -> bool:
        """Whether somebody is typing it, and so is about to ask."""
        return self.magic != "%codeface_fix"

    def ask(self, extension: Extension, settings: Settings) -> Ask:
        """Return what is asked so far; braces are as they are typed.

        Raises
        ------
        NotebookError
            If the cell or the error that it is about cannot be found.
        """
        from codeface_jupyter.magics.hints import as_hints
        from codeface_jupyter.magics.make_ask import ask_below

        request, sources = self._about(extension)
        cells = cells_of(self.notebook, below=self.args.cells == "all")
        ask = ask_below(cells, extension, self.args, request, settings=settings, **sources)
        is_for_hint = "hints" in {settings.answers, self.notebook.answers}
        return as_hints(ask) if is_for_hint else ask

    def _about(self, extension: Extension) -> tuple[FilledRequest | str, dict[str, Any]]:
        """Return the request, and the sources that are of the magic's own kind."""
        from codeface_jupyter.magics.fix_edit import edit_sources, fix_sources, to_edit

        if self.magic == "%%codeface":
            return self.request or ANY_QUESTION, {}
        cell = cell_to_rewrite(cells_of(self.notebook, below=True), self.args.id)
        rewrite = Rewrite.of(cell)
        self.args.language = rewrite.language
        if self.magic == "%codeface_fix":
            error, _ = error_of(cell, extension.notebook.failures)
            return self.request or FIX_REQUEST, fix_sources(error, rewrite)
        wish = FilledRequest.of(self.request or ANY_QUESTION)
        return to_edit(wish, rewrite), edit_sources(rewrite)


def _method(magic: str) -> Any:
    """Return the method of a magic, which has its options."""
    from codeface_jupyter.magics.codeface import CodeFace
    from codeface_jupyter.magics.fix_edit import FixEditMagics

    return {
        "%%codeface": CodeFace.codeface,
        "%codeface_edit": FixEditMagics.codeface_edit,
        "%codeface_fix": FixEditMagics.codeface_fix,
    }[magic]


def _source(snapshot: NotebookSnapshot) -> str:
    """Return the source of the cell that asks."""
    return next(cell["source"] for cell in snapshot.cells if cell["id"] == snapshot.asking)
