"""Ask, show the answer while it comes, and keep what came of it: one way for all magics."""

from __future__ import annotations

import argparse
import contextvars
import logging
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.display import display

from codeface_jupyter.context import Context, Rewrite
from codeface_jupyter.magics.interrupts import Interrupts
from codeface_jupyter.magics.show_progress import show_work, tell_warnings, view_for, watch
from codeface_jupyter.magics.shown_answer import ShownAnswer
from codeface_jupyter.magics.try_again_button import TryAgainButton
from codeface_jupyter.prompts import cell_for
from codeface_jupyter.quiet_dependencies import quiet_dependencies
from codeface_jupyter.session.answer import Answer, Ask
from codeface_jupyter.trials.copies import ONLY_REPEATS
from codeface_jupyter.trials.rewriting import NOT_OFFERED, rewritten
from codeface_jupyter.view.answer_view import TextView, WidgetView
from codeface_jupyter.view.cells import cell_magics
from codeface_jupyter.view.findings import Remark
from codeface_jupyter.view.rendering import ContextPreview
from codeface_jupyter.view.safe_markdown import safe_markdown

if TYPE_CHECKING:
    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.magics.output import Output

__all__ = [
    "answer",
    "ask_or_preview",
    "dry_run",
]

logger = logging.getLogger(__name__)

RESULT_VARIABLE = "_codeface"
AGAIN_HINT = "[%codeface_again gives another answer, %codeface_again QUESTION asks about this one]"
CONTINUE_HINT = "[%codeface_again --continue goes on with it]"


def ask_or_preview(
    extension: Extension, args: argparse.Namespace, ask: Ask, *, order: str, output: Output
) -> None:
    """Answer ``ask``, or with ``--dry-run`` show what would be sent."""
    if getattr(args, "dry_run", False):
        dry_run(extension, ask, order=order)
    else:
        answer(extension, ask, output)


def answer(extension: Extension, ask: Ask, output: Output) -> GenerationResult | None:
    """Ask, show the answer while it comes, and keep what came.

    Returns
    -------
    GenerationResult | None
        The result, or None when it is still to come in the background.

    Raises
    ------
    KeyboardInterrupt
        If the kernel was interrupted, once what had come is shown and kept.
    BaseException
        What the engine raised.
    """
    ask = replace(ask, cell_id=extension.notebook.cell_id(), asked_at=extension.asked_at)
    session = extension.session
    with Interrupts() as interrupts:
        on_its_way = interrupts.begin(lambda: session.stream(ask))
        # From now on, so that Stop ends it although it is not shown yet.
        extension.answers.add(on_its_way)
        showing = _Showing(extension, ask, on_its_way, output)
        if output.background:
            showing.run_in_background()
            return None
        showing.run()
    return on_its_way.result


def dry_run(extension: Extension, ask: Ask, *, order: str) -> None:
    """Show the exact prompt that ``ask`` would send, and what it is made of.

    Parameters
    ----------
    order
        How the order of the cells is known.
    """
    session = extension.session
    preview = show_work(extension, lambda: session.stream(ask.as_preview()))
    if preview.context is not None:
        display(ContextPreview(preview.context, order=order))
    tell_warnings(preview)


class _Showing:
    """One answer on its way to one cell's output."""

    def __init__(self, extension: Extension, ask: Ask, answer: Answer, output: Output) -> None:
        self._extension = extension
        self._ask = ask
        self._answer = answer
        self._output = output
        self._view = view_for(extension, answer)
        self._button: TryAgainButton | None = None

    def run(self) -> None:
        """Show the answer to its end."""
        try:
            watch(self._extension, self._answer, self._view, make_bundle=self._bundle)
        finally:
            self._keep()
            if self._button is not None:
                self._button.show()

    def run_in_background(self) -> None:
        """Show the answer from another thread, in this cell's output."""
        # The next input is the front end's business by the time the answer is there.
        self._output = replace(self._output, insert="button")
        # With this cell's context, what the thread displays lands in this cell's output.
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(self._run_and_report,), name="codeface-view", daemon=True
        ).start()

    def _run_and_report(self) -> None:
        try:
            with quiet_dependencies():
                self.run()
        except Exception as error:  # noqa: BLE001 - the thread boundary: no cell is left to fail
            shell = self._extension.shell
            shell.showtraceback((type(error), error, error.__traceback__))

    def _bundle(self) -> dict[str, Any] | None:
        result = self._answer.result
        is_stopped = self._answer.is_cancelled
        if is_stopped and (result is None or not result.text):
            return Remark(_stopped_early(self._answer))._repr_mimebundle_()
        if result is None or (result.finish_reason == "error" and not result.text):
            return None
        note = self._answer.revision_note
        context = self._answer.context
        if context is None:
            return self._output.bundle(result, cell_id=self._ask.cell_id, note=note)
        shown = self._shown(result, context)
        bundle = shown.bundle(note=note, is_clickable=isinstance(self._view, WidgetView))
        if isinstance(self._view, TextView):
            bundle["text/plain"] += self._hint(shown)
        return bundle

    def _hint(self, shown: ShownAnswer) -> str:
        """Return a line on what can be asked next, where there are no buttons; seldom any."""
        if shown.is_cut_off:
            return f"\n{CONTINUE_HINT}"
        is_first, self._extension.has_hinted = not self._extension.has_hinted, True
        return f"\n{AGAIN_HINT}" if is_first else ""

    def _shown(self, result: GenerationResult, context: Context) -> ShownAnswer:
        """Remember the answer, so that more can be asked about it."""
        shown = ShownAnswer(self._ask, context=context, result=result, output=self._output)
        extension, view = self._extension, self._view
        # The page has buttons of its own; a terminal has none.
        is_replayed = result.metrics.from_response_cache
        if is_replayed and isinstance(view, WidgetView) and not extension.bridge.shows_cell:
            self._button = shown.button = TryAgainButton(extension, shown, place=view.place)
        extension.shown_answers.add(shown)
        return shown

    def _keep(self) -> None:
        result = self._answer.result
        if result is None:
            return
        for name in filter(None, (RESULT_VARIABLE, self._output.variable)):
            self._extension.notebook.set_variable(name, result)
        if self._output.insert in {"next", "replace"}:
            self._insert(result)

    def _insert(self, result: GenerationResult) -> None:
        """Offer the answer as the next input, or in the place of the question."""
        output = self._output
        if output.changes is None:
            source = _next_input(result, is_explanation=output.is_explanation)
        else:
            source, obstacle = _new_cell(result, output.changes)
            sys.stderr.write(f"Not inserted: {obstacle}\n" if obstacle and result.text else "")
        if source:
            self._extension.shell.set_next_input(source, replace=output.insert == "replace")


def _stopped_early(answer: Answer) -> str:
    """Return what became of an answer that was stopped before it began."""
    stage = (
        f" at \N{LEFT DOUBLE QUOTATION MARK}{answer.progress.stage}\N{RIGHT DOUBLE QUOTATION MARK}"
        if answer.progress
        else ""
    )
    return f"Stopped{stage}, before an answer began. Run the cell again to ask."


def _new_cell(result: GenerationResult, rewrite: Rewrite) -> tuple[str, str]:
    """Return the cell that may take the old one's place, or why there is none."""
    new = rewritten(result, rewrite)
    if new is None:
        return "", "the answer holds no code."
    if new.obstacle:
        return "", new.obstacle.removeprefix(f"{NOT_OFFERED}: ")
    if any(note.startswith(ONLY_REPEATS) for note in result.notes):
        return "", "the answer only repeats what is there."
    source = rewrite.with_hidden_lines(new.block.code)
    if source is None:
        return "", "a line with a secret would be lost."
    is_markdown = rewrite.cell.cell_type == "markdown"
    return (f"%%markdown\n{source}" if is_markdown else source), ""


def _next_input(result: GenerationResult, *, is_explanation: bool) -> str:
    """Return the source for the next cell, which is one of code, under the magic that it needs."""
    if is_explanation or not result.code:
        words = safe_markdown(result.answer).strip()
        return f"%%markdown\n{words}" if words else ""
    wanted = [block for block in result.code_blocks if block.language == result.language]
    if len(wanted) > 1:
        return result.code
    blocks = wanted or result.code_blocks
    cell_type, source = cell_for(blocks[0], cell_magics=cell_magics())
    return f"%%markdown\n{source}" if cell_type == "markdown" else source
