"""Paints an answer while it comes, and leaves one lasting output when it is done.

Three ways, by who is looking: widgets where a notebook front end asked, display
updates where a program runs the notebook (nbclient, papermill), and plain text
in a terminal.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TextIO

import ipywidgets as widgets
from IPython.display import display

from codeface_jupyter.frontend.subshells import is_click, shield
from codeface_jupyter.generation import Revised
from codeface_jupyter.session.answer import Answer
from codeface_jupyter.view.place import Place
from codeface_jupyter.view.progress_meter import ProgressMeter
from codeface_jupyter.view.rendering import GrowingMarkdown, warm_up, without_half_fence
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.wording import counted

__all__ = [
    "ButtonUnderAnswer",
    "DisplayView",
    "SubshellAnchor",
    "TextView",
    "View",
    "WidgetView",
    "describe_progress",
    "show",
]

PAINT_INTERVAL_S = 0.05
# Painting may take this share of the processor's time, which the engine needs.
PAINT_SHARE = 0.02
# A pause that shows, whatever painting costs, is too long; with the painting itself it is 0.3.
MAX_PAINT_INTERVAL_S = 0.2
# At most so much of an answer is not yet in a notebook that is saved while it comes.
KEEP_INTERVAL_S = 1.0
STOP_TOOLTIP = "Stop here and keep the answer so far"
TRY_AGAIN_TOOLTIP = "Ask for another answer; this one came from the response cache"
NOTHING = {"text/html": "", "text/plain": ""}
STOP_UNHEARD = "Buttons do not reach this kernel while a cell runs; interrupt it instead (I, I)"


class View(Protocol):
    """Something that shows an answer."""

    def paint(self, answer: Answer) -> None:
        """Show the answer so far."""

    def finish(self, answer: Answer, bundle: dict[str, Any] | None) -> None:
        """Replace what was painted by the lasting output, or by nothing."""


def show(
    answer: Answer,
    view: View,
    *,
    make_bundle: Callable[[], dict[str, Any] | None],
    on_paint: Callable[[Answer], None] = lambda _: None,
) -> None:
    """Paint ``answer`` until it ends, at a steady rate, and always its final state.

    Raises
    ------
    BaseException
        What the engine raised; the partial answer stays on display.
    """
    throttle = Throttle()
    try:
        while not answer.is_finished:
            answer.read(timeout_s=PAINT_INTERVAL_S)
            if throttle.is_due:
                with throttle.painting():
                    view.paint(answer)
                    on_paint(answer)
    finally:
        # If the wait itself is interrupted, nothing may go on generating unseen.
        if not answer.has_ended:
            answer.cancel()
        _finish(view, answer, make_bundle)


def _finish(view: View, answer: Answer, make_bundle: Callable[[], dict[str, Any] | None]) -> None:
    """Finish a view, with the text alone if its lasting output cannot be made."""
    bundle = None
    try:
        bundle = make_bundle()
    finally:
        view.finish(answer, bundle)


@dataclass
class Throttle:
    """Paints no more often than an interval and a share of the processor's time allow."""

    clock: Callable[[], float] = time.perf_counter
    # Waiting for a busy processor costs the engine nothing.
    cost_clock: Callable[[], float] = time.thread_time
    _next: float = field(default=0.0)

    @property
    def is_due(self) -> bool:
        """Whether it is time to paint."""
        return self.clock() >= self._next

    @contextmanager
    def painting(self) -> Iterator[None]:
        """Measure a painting and set the time of the next."""
        begin = self.cost_clock()
        yield
        cost = self.cost_clock() - begin
        pause = max(PAINT_INTERVAL_S, cost / PAINT_SHARE)
        self._next = self.clock() + min(pause, MAX_PAINT_INTERVAL_S)


@cache
def _begin_to_warm_up() -> None:
    """Import once what painting needs, in the time until the first token."""
    threading.Thread(target=warm_up, name="codeface-warm-up", daemon=True).start()


def describe_progress(answer: Answer, meter: ProgressMeter) -> str:
    """Return what an answer is doing, in one line."""
    if answer.is_cancelled:
        return "Stopping …"
    if answer.progress is not None:
        return meter.describe(answer.progress)
    if not answer.generated_tokens:
        return "Preparing …"
    parts = ["remote"] if answer.started and not answer.started.is_local else []
    parts.append(counted(answer.generated_tokens, "token"))
    if answer.tokens_per_s is not None:
        parts.append(f"{answer.tokens_per_s:.1f} tokens/s")
    return ", ".join(filter(None, (*parts, answer.revision_note)))


class SubshellAnchor:
    """An invisible widget that keeps the subshell of all others alive.

    JupyterLab gives a kernel's widgets one subshell and deletes it with the last of
    them. A widget that opens at that moment loses its clicks, which happens with an
    answer as fast as one from the response cache.
    """

    def __init__(self) -> None:
        self._widget = widgets.Layout()

    def close(self) -> None:
        """Release the subshell."""
        self._widget.close()


class WidgetView:
    """A Stop button, a progress bar, a line of figures and the growing answer.

    Widgets live only while the answer comes: a saved notebook cannot show them.

    Parameters
    ----------
    answer
        What the Stop button stops.
    stop_is_heard
        Whether a click reaches the kernel while a cell runs; None when nothing tells.
    place
        The output to show it in; a new one unless given.
    """

    def __init__(
        self, answer: Answer, *, stop_is_heard: bool | None = None, place: Place | None = None
    ) -> None:
        _begin_to_warm_up()
        self._markdown = GrowingMarkdown()
        self._meter = ProgressMeter()
        self._painted_text = ""
        self._kept_at = time.monotonic()
        self._revision: Revised | None = None
        self._stop = widgets.Button(
            description="Stop",
            icon="stop",
            disabled=stop_is_heard is False,
            tooltip=STOP_UNHEARD if stop_is_heard is False else STOP_TOOLTIP,
            layout=widgets.Layout(width="auto"),
        )
        self._bar = widgets.FloatProgress(min=0, max=1, layout=widgets.Layout(width="140px"))
        self._status = widgets.Label("Preparing …")
        self._body = widgets.HTML()
        # What is to be read goes on below where there is no room beside the button.
        row = widgets.Layout(flex_flow="row wrap")
        self._header = widgets.HBox([self._stop, self._bar, self._status], layout=row)
        self._box = widgets.VBox([self._header, self._body])
        self._box.add_class("codeface-streaming")
        shield(self._stop.comm, lambda message: answer.cancel() if is_click(message) else None)
        self.place = place or Place()
        self.place.cover(self._box)

    def paint(self, answer: Answer) -> None:
        """Show progress before the first token, then text and rate."""
        self._status.value = describe_progress(answer, self._meter)
        progress = answer.progress
        self._bar.layout.display = "" if progress and progress.total else "none"
        if progress and progress.total:
            self._bar.value = progress.completed / progress.total
        if answer.revision is not self._revision:
            # The new text does not begin with the old one.
            self._markdown, self._revision = GrowingMarkdown(), answer.revision
        if answer.text != self._painted_text:
            self._body.value = self._markdown.render(without_half_fence(answer.text))
            self._painted_text = answer.text
            self._keep_words(answer.text)

    def finish(self, answer: Answer, bundle: dict[str, Any] | None) -> None:
        """Put the lasting output in the widgets' place."""
        parts = (self._stop, self._bar, self._status, self._body, self._header, self._box)
        try:
            self.place.put(bundle or {"text/plain": terminal_text(answer.text)})
        finally:
            for widget in parts:
                _close(widget)

    def _keep_words(self, text: str) -> None:
        """Let a notebook that is saved from now on hold the answer so far."""
        if time.monotonic() - self._kept_at >= KEEP_INTERVAL_S:
            self.place.keep(text)
            self._kept_at = time.monotonic()


class ButtonUnderAnswer:
    """A button under an answer, for front ends that have none of their own.

    It does not work in a saved notebook, without its kernel, so `hide` it in time.

    Parameters
    ----------
    on_click
        Called in the main thread or in a subshell's; neither displays anything nor takes long.
    """

    def __init__(self, on_click: Callable[[], None]) -> None:
        self._on_click = on_click
        self._place = Place()
        # If it is saved anyway, exporters show nothing.
        self._place.bundle = NOTHING
        self._button: widgets.Button | None = None

    def show(self) -> None:
        """Show the button, if it is not there."""
        if self._button is None:
            self._button = widgets.Button(
                description="Try again", icon="refresh", tooltip=TRY_AGAIN_TOOLTIP
            )
            shield(self._button.comm, lambda m: self._on_click() if is_click(m) else None)
            self._place.cover(self._button)

    def hide(self) -> None:
        """Take the button away, if it is there."""
        # A click and the start of a cell may both hide it.
        button, self._button = self._button, None
        if button is not None:
            self._place.put(NOTHING)
            _close(button)


class DisplayView:
    """Plain text in one output that is updated: what a program that runs notebooks records."""

    def __init__(self) -> None:
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)
        self._meter = ProgressMeter()
        self._painted = ""

    def paint(self, answer: Answer) -> None:
        """Show the text so far, and what is being waited for."""
        waiting = self._meter.describe(answer.progress) if answer.progress else ""
        text = terminal_text(without_half_fence(answer.text))
        text = "\n\n".join(filter(None, (text, waiting)))
        if text != self._painted:
            self._handle.update({"text/plain": text}, raw=True)
            self._painted = text

    def finish(self, answer: Answer, bundle: dict[str, Any] | None) -> None:
        """Put the lasting output in the text's place."""
        self._handle.update(bundle or {"text/plain": terminal_text(answer.text)}, raw=True)


class TextView:
    """Text as it comes, for a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._meter = ProgressMeter()
        self._written = ""
        self._line = ""
        # What was written after the text, for progress, and is not to be written again.
        self._line_end = ""
        self._revision: Revised | None = None

    def paint(self, answer: Answer) -> None:
        """Write what is new; progress rewrites one line, below the text if there is any."""
        self._follow_revision(answer)
        self._write_new(without_half_fence(answer.text))
        # A text that is about to go on keeps its line.
        if answer.progress is not None and (answer.is_generating or not self._written):
            self._begin_line()
            self._rewrite_line(self._meter.describe(answer.progress))
        self._stream.flush()

    def finish(self, answer: Answer, bundle: dict[str, Any] | None) -> None:
        """Write the rest: what the answer changes, and the line of figures."""
        self._follow_revision(answer)
        self._write_new(answer.text)
        text = terminal_text(answer.text)
        rest = bundle["text/plain"].removeprefix(text) if bundle else ""
        self._rewrite_line("")
        self._stream.write(f"{rest.removeprefix(self._line_end)}\n")
        self._stream.flush()

    def _follow_revision(self, answer: Answer) -> None:
        """Say that the text above was replaced, if any of it has been shown."""
        if answer.revision is self._revision:
            return
        self._revision = answer.revision
        if self._written:
            self._rewrite_line("")
            begin = "" if self._line_end else "\n"
            self._stream.write(f"{begin}[{answer.revision_note}]\n")
            self._line_end = ""
        text = terminal_text(answer.text)
        # What was only shortened is there already.
        self._written = text if self._written.startswith(text) else ""

    def _write_new(self, text: str) -> None:
        """Write what has been added, or after a revision the whole text."""
        text = terminal_text(text)
        if text[len(self._written) :]:
            self._rewrite_line("")
            self._stream.write(text[len(self._written) :].removeprefix(self._line_end))
            self._written, self._line_end = text, ""

    def _begin_line(self) -> None:
        """End the line that the text stands on."""
        if self._written and not (self._line_end or self._written.endswith("\n")):
            self._line_end = "\n"
            self._stream.write(self._line_end)

    def _rewrite_line(self, line: str) -> None:
        if line == self._line:
            return
        self._stream.write(f"\r{line.ljust(len(self._line))}" + ("" if line else "\r"))
        self._line = line


def _close(widget: widgets.Widget) -> None:
    """Close a widget with its layout and style, which it does not close itself."""
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None), widget):
        if part is not None:
            part.close()
