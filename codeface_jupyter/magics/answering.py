"""Ask, show the answer while it comes, and keep what came of it: one way for all magics."""

from __future__ import annotations

import contextvars
import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from IPython.display import display

from codeface_jupyter.prompts import cell_for
from codeface_jupyter.rendering import ContextPreview, result_bundle
from codeface_jupyter.view import (
    DisplayView,
    TextView,
    View,
    WidgetView,
    interrupts_cancel,
    show,
)

if TYPE_CHECKING:
    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session import Answer, Ask

__all__ = ["Output", "answer", "dry_run", "show_work"]

logger = logging.getLogger(__name__)

RESULT_VARIABLE = "_codeface"


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
    """

    request: str
    insert: str = "button"
    format: str = "auto"
    variable: str | None = None
    background: bool = False


def answer(extension: Extension, ask: Ask, output: Output) -> GenerationResult | None:
    """Ask, show the answer while it comes, and keep what came.

    Returns
    -------
    GenerationResult | None
        The result, or None when it is still to come in the background.
    """
    on_its_way = extension.session.stream(ask)
    extension.answers.add(on_its_way)
    showing = _Showing(extension, on_its_way, output)
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
    local_only = ask.settings.model_copy(update={"auto_pull": False})
    preview = extension.session.stream(replace(ask, settings=local_only, dry_run=True))
    show_work(extension, preview)
    if preview.context is not None:
        display(ContextPreview(preview.context, order=order))


def show_work(extension: Extension, work: Answer) -> None:
    """Show the progress of work that gives no answer, and wait for its end.

    Raises
    ------
    KeyboardInterrupt
        If it was stopped: nothing came of it, so what follows must not run.
    """
    with interrupts_cancel(work):
        show(work, _view_for(extension, work), make_bundle=lambda: None)
    if work.is_cancelled:
        raise KeyboardInterrupt


class _Showing:
    """One answer on its way to one cell's output."""

    def __init__(self, extension: Extension, answer: Answer, output: Output) -> None:
        self._extension = extension
        self._answer = answer
        self._output = output
        self._cell_id = extension.notebook.cell_id()
        self._view = _view_for(extension, answer)

    def run(self) -> None:
        """Show the answer to its end."""
        try:
            with interrupts_cancel(self._answer):
                show(
                    self._answer,
                    self._view,
                    make_bundle=self._bundle,
                    on_paint=self._publish_status,
                )
        finally:
            self._extension.answers.discard(self._answer)
            self._publish_idle()
            self._keep()

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
            self.run()
        except Exception as error:  # noqa: BLE001 - the thread boundary: no cell is left to fail
            shell = self._extension.shell
            shell.showtraceback((type(error), error, error.__traceback__))

    def _bundle(self) -> dict[str, Any] | None:
        result = self._answer.result
        if result is None or not result.text:
            return None
        return result_bundle(
            result,
            request=self._output.request,
            cell_id=self._cell_id,
            insert=self._output.insert,
            format=self._output.format,
        )

    def _keep(self) -> None:
        result = self._answer.result
        if result is None:
            return
        for name in filter(None, (RESULT_VARIABLE, self._output.variable)):
            self._extension.notebook.set_variable(name, result)
        if self._output.insert in {"next", "replace"} and result.code:
            self._extension.shell.set_next_input(
                _next_input(result), replace=self._output.insert == "replace"
            )

    def _publish_status(self, answer: Answer) -> None:
        identity = answer.started.identity if answer.started else None
        settings = self._extension.config.settings
        self._extension.bridge.publish_status(
            model=identity.model if identity else settings.model,
            engine=identity.engine if identity else settings.engine,
            state="generating" if answer.generated_tokens else "loading",
            tokens_per_s=answer.tokens_per_s,
        )

    def _publish_idle(self) -> None:
        engine = self._extension.session.engine
        if engine is not None:
            self._extension.bridge.publish_status(
                model=engine.identity.model, engine=engine.identity.engine, state="idle"
            )


def _view_for(extension: Extension, answer: Answer) -> View:
    match extension.notebook.audience:
        case "front end":
            return WidgetView(answer, stop_is_heard=extension.bridge.is_heard_while_busy)
        case "program":
            return DisplayView()
        case _:
            return TextView()


def _next_input(result: GenerationResult) -> str:
    """Return the source for the next cell: the code, under its cell magic if it needs one."""
    wanted = [block for block in result.code_blocks if block.language == result.language]
    if len(wanted) > 1:
        return result.code
    blocks = wanted or result.code_blocks
    return cell_for(blocks[0])[1]
