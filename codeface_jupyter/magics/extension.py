"""What the magics share between ``%load_ext`` and ``%unload_ext``."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from codeface_jupyter.config import Config
from codeface_jupyter.config.user_folders import missing_home
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.bridge import Bridge
from codeface_jupyter.magics.in_progress import InProgress
from codeface_jupyter.magics.misspelt import MisspeltMagics
from codeface_jupyter.magics.notebook import Notebook
from codeface_jupyter.magics.shown_answers import ShownAnswers
from codeface_jupyter.threads import new_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.config import Settings
    from codeface_jupyter.frontend.protocol import FrontEndSettings, Nothing, Stats, StopWanted
    from codeface_jupyter.jobs import Job
    from codeface_jupyter.session import Session
    from codeface_jupyter.session.answer import Answer
    from codeface_jupyter.view.answer_view import SubshellAnchor

__all__ = ["Extension", "warn_of"]


class Extension:
    """Owns the session, the bridge to the front end, and the answers in progress.

    The session, and with it all that is slow to import, is made when it is first needed.

    Attributes
    ----------
    answers
        What Stop ends.
    is_page_here
        Set once a page has connected and told its settings.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        refused: list[ConfigError] = []
        self.config = Config(on_refused=refused.append)
        warn_of(refused, source="the environment")
        if (homeless := missing_home()) is not None:
            sys.stderr.write(f"Warning: {homeless.message} {homeless.hint}\n")
        self.bridge = Bridge(shell)
        self.notebook = Notebook(shell, self.bridge)
        self._misspelt = MisspeltMagics(shell)
        self.is_page_here = threading.Event()
        self._has_page = False
        self.answers = InProgress()
        self.shown_answers = ShownAnswers(shell, tell=self.bridge.publish_answers)
        # When the magic that runs was called, by `time.perf_counter`.
        self.asked_at = 0.0
        self.has_hinted = False
        self._session: Session | None = None
        self._anchor: SubshellAnchor | None = None
        # The front end's settings arrive in a subshell's thread.
        self._session_lock = new_lock()
        self.background_load: Answer | None = None
        self._load_lock = new_lock()
        self._is_closed = False
        self.bridge.on(protocol.STOP, self._stop_wanted)
        self.bridge.on(protocol.SETTINGS, self._apply_front_end_settings)
        # The first time it makes the session, which is slow to import.
        self.bridge.handle(protocol.GET_STATS, self._stats, in_thread=True)
        self.config.on_change(self._load_if_asked)
        self.bridge.open()
        self._load_if_asked(self.config.settings)

    @property
    def session(self) -> Session:
        """The session of this kernel."""
        from codeface_jupyter.session import Session

        with self._session_lock:
            if self._session is None:
                self._session = Session(config=self.config, has_reading_page=lambda: self._has_page)
            return self._session

    def close(self) -> None:
        """Stop what is running and free everything."""
        self.shown_answers.close()
        # First, so that no message begins anything that is not ended below.
        self.bridge.close()
        with self._load_lock:
            self._is_closed = True
        self.stop()
        if self._session is not None:
            self._session.close()
        if self._anchor is not None:
            self._anchor.close()
        self._misspelt.close()
        self.notebook.close()

    def keep_subshell(self) -> None:
        """Make sure that clicks on widgets reach the kernel from now on."""
        from codeface_jupyter.view.answer_view import SubshellAnchor

        if self._anchor is None:
            self._anchor = SubshellAnchor()

    def stop(self, cell_id: str | None = None) -> None:
        """Stop every answer in progress, and a load in the background.

        Parameters
        ----------
        cell_id
            The cell whose answers alone are to stop, since nobody sees them any more.
        """
        for answer in self.answers.shown_in(cell_id):
            answer.cancel()
        if self.background_load is not None and cell_id is None:
            self.background_load.cancel()

    def _stop_wanted(self, wanted: StopWanted) -> None:
        answer_id = wanted.get("answer_id")
        if not answer_id:
            self.stop(wanted.get("cell_id"))
            return
        for answer in self.answers.asked_under(answer_id):
            answer.cancel()

    def _apply_front_end_settings(self, settings: FrontEndSettings) -> None:
        # What its settings begin, such as a load, is to know of it.
        self._has_page = True
        try:
            self.config.set_front_end({k: v for k, v in settings.items() if v is not None})
        finally:
            self.is_page_here.set()

    def _load_if_asked(self, settings: Settings) -> None:
        """Load the model in the background if the settings say so and its files are here."""
        if not settings.background_load:
            return
        with self._load_lock:
            if self.background_load is None and not self._is_closed:
                local_only = settings.model_copy(update={"auto_pull": False})
                self.background_load = self.session.load(local_only)

    def _stats(self, _: Nothing, _job: Job) -> Stats:
        from codeface_jupyter.view.reports import stats_table

        return {"text": str(stats_table(self.session.metrics.summary()))}


def warn_of(refused: Sequence[ConfigError], *, source: str) -> None:
    """Say in one warning which settings are left out.

    Not every one is the user's: a cluster or a launcher may have set a variable.
    """
    if refused:
        parts = (part for error in refused for part in (error.message, error.hint) if part)
        # A cluster sets many variables, of all of which there is the same to say.
        reasons = " ".join(dict.fromkeys(parts))
        sys.stderr.write(f"Warning: not taken from {source}: {reasons}\n")
