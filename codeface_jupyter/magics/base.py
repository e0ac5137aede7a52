"""The base of all classes of magics, which share one extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
