"""Show an answer while it comes, to whoever watches the cell, and let it be stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.display import display

from codeface_jupyter.jobs import Step
from codeface_jupyter.magics.interrupts import Interrupts, interrupted
from codeface_jupyter.view.answer_view import (
    DisplayView,
    TextView,
    View,
    WidgetView,
    show,
)
from codeface_jupyter.view.findings import Remark
from codeface_jupyter.view.place import Place

if TYPE_CHECKING:
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session.answer import Answer

__all__ = ["follow", "publish_idle", "show_work", "tell_warnings", "view_for", "watch"]


def show_work(extension: Extension, begin: Callable[[], Answer]) -> Answer:
    """Begin work that gives no answer, show its progress, and wait for its end.

    Raises
    ------
    KeyboardInterrupt
        If it was stopped, by an interrupt or by Stop: it is not done, so what follows must
        not run.
    """
    with Interrupts() as interrupts:
        work = interrupts.begin(begin)
        extension.answers.add(work)
        try:
            show(work, view_for(extension, work), make_bundle=lambda: None)
        finally:
            extension.answers.discard(work)
    if work.is_cancelled:
        raise interrupted()
    return work


def watch(
    extension: Extension,
    answer: Answer,
    view: View,
    *,
    make_bundle: Callable[[], dict[str, Any] | None],
) -> None:
    """Show ``answer`` to its end, and in the running cell what is to be said beside it.

    Raises
    ------
    BaseException
        What the engine raised.
    """
    try:
        follow(extension, answer, view, make_bundle=make_bundle)
    finally:
        for text in answer.remarks:
            display(Remark(text))
        tell_warnings(answer)


def follow(
    extension: Extension,
    answer: Answer,
    view: View,
    *,
    make_bundle: Callable[[], dict[str, Any] | None],
) -> None:
    """Show ``answer`` to its end; Stop ends it, the front end gets its status.

    Raises
    ------
    BaseException
        What the engine raised.
    """

    def publish(answer: Answer) -> None:
        identity = answer.started.identity if answer.started else None
        settings = extension.config.settings
        extension.bridge.publish_status(
            model=identity.model if identity else extension.session.model_of(settings),
            engine=identity.engine if identity else settings.engine,
            state="generating" if answer.is_generating or _is_reading(answer) else "loading",
            tokens_per_s=answer.tokens_per_s,
        )

    extension.answers.add(answer)
    try:
        show(answer, view, make_bundle=make_bundle, on_paint=publish)
    finally:
        extension.answers.discard(answer)
        publish_idle(extension)


def _is_reading(answer: Answer) -> bool:
    """Whether the model is there, and reads the prompt."""
    return answer.progress is not None and answer.progress.step is Step.READ_PROMPT


def publish_idle(extension: Extension) -> None:
    """Tell that nothing is going on, also after a model could not be loaded."""
    engine, settings = extension.session.engine, extension.config.settings
    extension.bridge.publish_status(
        model=engine.identity.model if engine else extension.session.model_of(settings),
        engine=engine.identity.engine if engine else settings.engine,
        state="idle",
    )


def tell_warnings(answer: Answer) -> None:
    """Write what the user should know of an answer, one line each."""
    # The questions of a batch may all have the same one.
    warnings = dict.fromkeys(answer.warnings)
    sys.stderr.write("".join(f"Warning: {text}\n" for text in warnings))


def view_for(extension: Extension, answer: Answer) -> View:
    """Return the view of ``answer`` for whoever watches the running cell."""
    match extension.notebook.audience:
        case "front end":
            extension.keep_subshell()
            bridge = extension.bridge
            extension.answers.add(answer, cell_id=bridge.cell_id())
            place = Place(cell_id=bridge.cell_id() if bridge.shows_cell else None)
            return WidgetView(answer, stop_is_heard=bridge.is_heard_while_busy, place=place)
        case "program":
            return DisplayView()
        case _:
            return TextView()
