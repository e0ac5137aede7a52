"""What the magics share between ``%load_ext`` and ``%unload_ext``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from codeface_jupyter.bridge import Bridge
from codeface_jupyter.config import Config
from codeface_jupyter.magics.notebook import Notebook

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.answer import Answer
    from codeface_jupyter.session import Session

__all__ = ["Extension"]


class Extension:
    """Owns the session, the line to the front end, and the answers on their way.

    The session, and with it all that is slow to import, is made at the first need.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.config = Config()
        self.bridge = Bridge(shell)
        self.notebook = Notebook(shell, self.bridge)
        self.answers: set[Answer] = set()
        self.bridge.on_stop(self.stop)
        self.bridge.on_stats(self._stats)
        self.bridge.open()

    @cached_property
    def session(self) -> Session:
        """The session of this kernel."""
        from codeface_jupyter.session import Session

        return Session(config=self.config)

    def close(self) -> None:
        """Stop what is running and give everything back."""
        self.stop()
        if "session" in self.__dict__:
            self.session.close()
        self.notebook.close()
        self.bridge.close()

    def stop(self) -> None:
        """Stop every answer on its way."""
        for answer in tuple(self.answers):
            answer.cancel()

    def _stats(self) -> str:
        from codeface_jupyter.reports import stats_table

        return str(stats_table(self.session.metrics.summary()))
