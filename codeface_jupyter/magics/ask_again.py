"""Ask the question of a cached answer again, in the answer's own place."""

from __future__ import annotations

import contextvars
import logging
import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.magics.show_progress import watch
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.threads import new_lock
from codeface_jupyter.view.answer_view import AskAgainButton, WidgetView

if TYPE_CHECKING:
    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session.answer import Ask
    from codeface_jupyter.view.place import Place

__all__ = ["MakeBundle", "ReplayedAnswer"]

logger = logging.getLogger(__name__)

MAX_NOTE_CHARS = 300


class MakeBundle(Protocol):
    """Makes the lasting output of one cell's answers."""

    def __call__(
        self, result: GenerationResult, *, answer_id: str | None = None, note: str = ""
    ) -> dict[str, Any]:
        """Return the bundle that shows ``result``."""


class ReplayedAnswer:
    """A cached answer in its place, whose question can be asked again.

    The new answer streams where the cached one stands, and takes its place. If it
    fails or is stopped, the cached one comes back. No variable is set: the user's
    own code may be running meanwhile.

    Parameters
    ----------
    extension
        What the magics share.
    ask
        The question with its settled prompt; no cached answer is used for it.
    shown
        The cached answer.
    place
        The output that shows it.
    make_bundle
        Makes that output, and the new answer's.

    Attributes
    ----------
    answer_id
        What the front end calls the answer; nobody can guess it.
    """

    def __init__(
        self,
        extension: Extension,
        ask: Ask,
        *,
        shown: GenerationResult,
        place: Place,
        make_bundle: MakeBundle,
    ) -> None:
        self.answer_id = uuid.uuid4().hex
        self._extension = extension
        self._ask = ask
        self._shown = shown
        self._place = place
        self._make_bundle = make_bundle
        self._under_way = new_lock()
        # What a thread displays with this context lands in the cell that runs now.
        self._context = contextvars.copy_context()
        has_buttons = extension.bridge.shows_cell
        self._button = None if has_buttons else AskAgainButton(self.begin)

    def offer(self) -> None:
        """Show the button where the front end has none; the answer stands above it."""
        if self._button is not None:
            self._button.show()

    def withdraw(self) -> None:
        """Remove the button that would not survive in a saved notebook."""
        if self._button is not None:
            self._button.hide()

    def begin(self) -> None:
        """Ask again, in its own thread; does nothing while that is in progress."""
        if self._under_way.acquire(blocking=False):
            threading.Thread(
                target=self._context.copy().run,
                args=(self._run,),
                name="codeface-view",
                daemon=True,
            ).start()

    def _run(self) -> None:
        try:
            self.withdraw()
            self._ask_again()
        except Exception as error:
            # The thread boundary: no cell is left to fail.
            if not isinstance(error, CodeFaceError):
                logger.warning("Asking again failed", exc_info=True)
            note = f"asking again failed: {_note(error)}"
            self._place.put(self._make_bundle(self._shown, answer_id=self.answer_id, note=note))
        finally:
            self._under_way.release()
            if self in self._extension.replayed_answers:
                self.offer()

    def _ask_again(self) -> None:
        kept = self._place.bundle
        namespace = self._extension.notebook.live_namespace()
        answer = self._extension.session.stream(replace(self._ask, live_namespace=namespace))

        def new_or_kept() -> dict[str, Any]:
            result = answer.result
            if result is None or result.finish_reason not in {"stop", "length"} or not result.text:
                return kept
            self._extension.replayed_answers.discard(self)
            return self._make_bundle(result, note=answer.revision_note)

        watch(
            self._extension, answer, WidgetView(answer, place=self._place), make_bundle=new_or_kept
        )


def _note(error: Exception) -> str:
    kind = "" if isinstance(error, CodeFaceError) else f"{type(error).__name__}: "
    return in_one_line(f"{kind}{error}", max_chars=MAX_NOTE_CHARS)
