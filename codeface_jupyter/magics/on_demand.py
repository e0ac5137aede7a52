"""Load the extension for a page that is about to run one of our magics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython import get_ipython

if TYPE_CHECKING:
    from codeface_jupyter.magics.extension import Extension

__all__ = ["load_for_page"]

# A page connects within a tenth of a second of the kernel's hello.
CONNECT_TIMEOUT_S = 1.0


def load_for_page(*, connects: bool) -> None:
    """Load the extension unless it is there, and wait for the page, which the next cell needs.

    The page has this evaluated in a silent request right before the cell's own, which leaves
    nothing in the user's names, history and counters (`labextension/src/onDemand.ts`).

    Parameters
    ----------
    connects
        Whether the page's comm can open while the kernel is busy with this.
    """
    shell = get_ipython()
    shell.extension_manager.load_extension("codeface_jupyter")
    extension: Extension = shell.magics_manager.registry["CodeFace"].extension
    if connects:
        extension.is_page_here.wait(CONNECT_TIMEOUT_S)
