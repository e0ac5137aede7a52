"""A button under a cached answer, for front ends that have none: another one in its place."""

from __future__ import annotations

import contextvars
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.magics.hints import as_now_wanted
from codeface_jupyter.magics.show_progress import watch
from codeface_jupyter.quiet_dependencies import quiet_dependencies
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.view.answer_view import ButtonUnderAnswer, WidgetView
from codeface_jupyter.view.result_bundle import with_earlier

if TYPE_CHECKING:
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.magics.shown_answer import ShownAnswer
    from codeface_jupyter.view.place import Place

__all__ = ["TryAgainButton", "described"]

logger = logging.getLogger(__name__)

MAX_NOTE_CHARS = 300


class TryAgainButton:
    """Asks the question of a cached answer again, and shows the new answer in its place.

    The old one is folded below it. If the new one fails or is stopped, the old one comes
    back. No variable is set: the user's own code may be running meanwhile.

    Parameters
    ----------
    extension
        What the magics share.
    shown
        The cached answer.
    place
        The output that shows it.
    """

    def __init__(self, extension: Extension, shown: ShownAnswer, *, place: Place) -> None:
        self._extension = extension
        self._shown = shown
        self._place = place
        # What a thread displays with this context lands in the cell that runs now.
        self._context = contextvars.copy_context()
        self._button = ButtonUnderAnswer(self.begin)

    def show(self) -> None:
        """Show the button; the answer stands above it."""
        self._button.show()

    def hide(self) -> None:
        """Take the button away, if it is there."""
        self._button.hide()

    def begin(self) -> None:
        """Ask again, in its own thread; does nothing while that is in progress."""
        if self._shown.under_way.acquire(blocking=False):
            threading.Thread(
                target=self._context.copy().run,
                args=(self._run,),
                name="codeface-view",
                daemon=True,
            ).start()

    def _run(self) -> None:
        is_replaced = False
        try:
            self.hide()
            with quiet_dependencies():
                is_replaced = self._try_again()
        except Exception as error:
            # The thread boundary: no cell is left to fail.
            if not isinstance(error, CodeFaceError):
                logger.warning("Trying again failed", exc_info=True)
            note = f"trying again failed: {described(error)}"
            self._place.put(self._shown.bundle(note=note))
        finally:
            self._shown.under_way.release()
            if not is_replaced and self._shown in self._extension.shown_answers:
                self.show()

    def _try_again(self) -> bool:
        """Return whether another answer has come."""
        kept = self._place.bundle
        namespace = self._extension.notebook.live_namespace()
        ask = as_now_wanted(self._extension, self._shown.another_sample())
        ask = replace(ask, live_namespace=namespace)
        answer = self._extension.session.stream(ask)

        def new_or_kept() -> dict[str, Any]:
            result, context = answer.result, answer.context
            if result is None or context is None or not (result.ended_by_itself and result.text):
                return kept
            new = self._shown.next(ask, context=context, result=result)
            return with_earlier(new.bundle(note=answer.revision_note), kept)

        watch(
            self._extension, answer, WidgetView(answer, place=self._place), make_bundle=new_or_kept
        )
        return self._place.bundle is not kept


def described(error: Exception) -> str:
    """Return what an error says, in one line."""
    kind = "" if isinstance(error, CodeFaceError) else f"{type(error).__name__}: "
    return in_one_line(f"{kind}{error}", max_chars=MAX_NOTE_CHARS)
