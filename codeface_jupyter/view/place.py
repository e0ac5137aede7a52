"""One output of a cell, whatever it shows at the time, and what of it a saved notebook holds."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
from IPython.display import DisplayHandle

from codeface_jupyter.frontend.saved_output import (
    RESULT_MIME,
    STREAM_MIME,
    STREAM_VERSION,
    StreamData,
)
from codeface_jupyter.view.safe_markdown import unfinished_markdown
from codeface_jupyter.view.terminal_text import terminal_text

__all__ = ["Place"]

UNFINISHED = "The answer was not complete when this was saved."


class Place:
    """One output of a cell, whatever it shows at the time.

    Parameters
    ----------
    cell_id
        The cell, if it is on a page with the labextension: that shows the widgets as long as
        they live, and the words once they do not. Elsewhere widgets take the output for
        themselves, and what is saved meanwhile says in exports that it is not complete.

    Attributes
    ----------
    bundle
        What it shows in the end; empty until then.
    """

    def __init__(self, *, cell_id: str | None = None) -> None:
        self.bundle: dict[str, Any] = {}
        self._cell_id = cell_id
        self._cover: widgets.Widget | None = None
        self._handle = DisplayHandle()
        self._is_shown = False

    def cover(self, widget: widgets.Widget) -> None:
        """Show ``widget`` for a while; a notebook saved meanwhile holds what is below it."""
        self._cover = widget
        if self._cell_id is not None:
            self._show(self._hosted(widget, ""))
            return
        words = {name: data for name, data in self.bundle.items() if name != RESULT_MIME}
        self._show({**widget._repr_mimebundle_(), **(words or _unfinished(""))})

    def keep(self, text: str) -> None:
        """Let a notebook that is saved now hold ``text``, if the widget covers nothing else."""
        if self._cell_id is not None and self._cover is not None and not self.bundle:
            self._show(self._hosted(self._cover, text))

    def put(self, bundle: dict[str, Any]) -> None:
        """Show ``bundle`` as the lasting output."""
        self.bundle = bundle
        self._cover = None
        self._show(bundle)

    def _hosted(self, widget: widgets.Widget, text: str) -> dict[str, Any]:
        """Return what a page of ours shows the widget from, and everybody else the words."""
        data = StreamData(
            version=STREAM_VERSION,
            model_id=widget.model_id,
            display_id=self._handle.display_id,
            cell_id=self._cell_id,
            text=unfinished_markdown(text),
        )
        return {STREAM_MIME: data, **(self.bundle or _unfinished(text))}

    def _show(self, bundle: dict[str, Any]) -> None:
        if self._is_shown:
            self._handle.update(bundle, raw=True)
        else:
            self._handle.display(bundle, raw=True)
            self._is_shown = True


def _unfinished(text: str) -> dict[str, str]:
    """Return the words so far, and that they are not all, for who cannot show the widget."""
    words = unfinished_markdown(text)
    return {
        "text/markdown": "\n\n".join(filter(None, (words, f"<sub>{UNFINISHED}</sub>"))),
        "text/plain": terminal_text("\n\n".join(filter(None, (text, f"[{UNFINISHED}]")))),
    }
