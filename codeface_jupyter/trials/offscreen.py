"""A backend of Matplotlib that draws into memory and shows nothing.

Chosen by its name, ``module://codeface_jupyter.trials.offscreen``, in a copy of the kernel; figures
stay open after ``plt.show()``, to be looked at.
"""

from __future__ import annotations

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

__all__ = ["FigureCanvas", "FigureManager", "show"]


class FigureManager(FigureManagerBase):
    """Keeps a figure open."""

    def show(self) -> None:
        """Show nothing: Matplotlib's own would warn that it cannot."""


class FigureCanvas(FigureCanvasAgg):
    """Draws into memory."""

    manager_class = FigureManager


def show(*_: object, **__: object) -> None:
    """Show nothing, and close nothing."""
