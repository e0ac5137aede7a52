"""CodeFace for Jupyter: an AI pair programmer in the notebook's own kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codeface_jupyter.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; called by ``%load_ext codeface_jupyter``."""
    from codeface_jupyter.magics import register
    from codeface_jupyter.quiet_dependencies import quiet_dependencies

    with quiet_dependencies():
        register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics and give back the model; called by ``%unload_ext``."""
    from codeface_jupyter.magics import unregister
    from codeface_jupyter.quiet_dependencies import quiet_dependencies

    with quiet_dependencies():
        unregister(shell)
