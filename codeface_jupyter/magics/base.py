"""The base of all classes of magics, which share one extension."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics
from IPython.display import display

from codeface_jupyter.errors import NotAskedError, NothingToDoError
from codeface_jupyter.quiet_dependencies import quiet_dependencies

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.magics.extension import Extension

__all__ = ["BaseMagics"]

# By this the page knows that it may put back what the cell showed before.
NOT_ASKED = {"codeface": {"is_not_asked": True}}


class BaseMagics(Magics):
    """Magics for one task.

    Parameters
    ----------
    shell
        The running IPython shell.
    extension
        The object that all magics share.
    """

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell)
        self.extension = extension
        for magics in self.magics.values():
            for name, magic in magics.items():
                magics[name] = _telling(_forgetting(self._timed(magic)))

    def _timed(self, magic: Callable[..., Any]) -> Callable[..., Any]:
        """Return a magic that notes when it was called, before anything is imported for it."""

        @wraps(magic)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.extension.asked_at = time.perf_counter()
            with quiet_dependencies():
                return magic(*args, **kwargs)

        return timed


def _telling(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Return a magic that says so when it has nothing to do, so that Run All goes on."""

    @wraps(magic)
    def telling(*args: Any, **kwargs: Any) -> Any:
        try:
            return magic(*args, **kwargs)
        except NothingToDoError as reason:
            from codeface_jupyter.view.findings import Remark

            said = Remark(" ".join(filter(None, (reason.message, reason.hint))))
            display(said, metadata=NOT_ASKED if isinstance(reason, NotAskedError) else {})

    return telling


def _forgetting(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Return a magic whose errors keep none of the user's objects alive.

    IPython keeps the last error with all its frames, and ours hold the notebook's names.
    """

    @wraps(magic)
    def forgetting(*args: Any, **kwargs: Any) -> Any:
        try:
            return magic(*args, **kwargs)
        except BaseException as error:
            from codeface_jupyter.models.memory_usage import forget_frames

            forget_frames(error)
            raise

    return forgetting
