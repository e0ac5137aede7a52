"""The base of all classes of magics, which share one extension."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.magics.extension import Extension

__all__ = ["BaseMagics"]


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
                magics[name] = _forgetting(self._timed(magic))

    def _timed(self, magic: Callable[..., Any]) -> Callable[..., Any]:
        """Return a magic that notes when it was called, before anything is imported for it."""

        @wraps(magic)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.extension.asked_at = time.perf_counter()
            return magic(*args, **kwargs)

        return timed


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
