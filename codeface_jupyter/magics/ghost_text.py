"""The kernel's side of ghost text: completions at the cursor, as the page asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codeface_jupyter.frontend import protocol
from codeface_jupyter.infilling import Gap
from codeface_jupyter.magics.giving_way import GivingWay

if TYPE_CHECKING:
    from codeface_jupyter.frontend.protocol import Completion, CompletionWanted, WarmedUp
    from codeface_jupyter.jobs import Job
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.session.completion import Completions
    from codeface_jupyter.session.completion_ask import CompletionAsk

__all__ = ["GhostText"]


class GhostText:
    """Answers the page's requests for completions; it never loads the model that answers.

    Parameters
    ----------
    extension
        What the magics share.
    """

    def __init__(self, extension: Extension) -> None:
        self._extension = extension
        self._giving_way = GivingWay(extension.bridge)

    def offer(self) -> None:
        """Take the page's requests from now on."""
        bridge = self._extension.bridge
        bridge.handle(protocol.COMPLETE, self._complete, in_thread=True)
        bridge.handle(protocol.WARM_UP, self._warm_up, in_thread=True)

    def _complete(self, wanted: CompletionWanted, job: Job) -> Completion:
        found: Completion = {"text": "", "silence": ""}
        with self._giving_way.part(job, while_busy=wanted["while_busy"]) as part:
            found["silence"] = self._silence(wanted)
            if not found["silence"]:
                found["text"] = self._completions.complete(self._ask(wanted), part)
        return found

    def _warm_up(self, wanted: CompletionWanted, job: Job) -> WarmedUp:
        # Unless it comes to its end.
        silence: protocol.Silence = "busy"
        with self._giving_way.part(job, while_busy=wanted["while_busy"]) as part:
            found = self._silence(wanted)
            if not found:
                self._completions.warm_up(self._ask(wanted), part)
            silence = found
        return {"silence": silence}

    @property
    def _completions(self) -> Completions:
        return self._extension.session.completions

    def _silence(self, wanted: CompletionWanted) -> protocol.Silence:
        if self._extension.config.settings.answers == "hints":
            return "unsuited"
        silence = self._completions.silence()
        if silence or wanted["is_asked_for"]:
            return silence
        if self._extension.notebook.is_running_cell and not wanted["while_busy"]:
            return "busy"
        return "on_battery" if not wanted["on_battery"] and _is_on_battery() else ""

    def _ask(self, wanted: CompletionWanted) -> CompletionAsk:
        from codeface_jupyter.session.completion_ask import CompletionAsk

        notebook = self._extension.notebook
        return CompletionAsk(
            gap=Gap(above=tuple(wanted["above"]), prefix=wanted["prefix"], suffix=wanted["suffix"]),
            namespace=notebook.live_namespace(),
            cells_run=notebook.cells_run,
            max_lines=wanted["max_lines"],
            is_asked_for=wanted["is_asked_for"],
        )


def _is_on_battery() -> bool:
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    # Where nothing says whether there are mains, it is None.
    return battery is not None and battery.power_plugged is False
