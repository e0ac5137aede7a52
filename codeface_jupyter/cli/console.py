"""What the commands print with."""

from __future__ import annotations

import os
import sys

from rich.console import Console

__all__ = ["new_console"]

# What starts most kernels sets the first, and ipykernel itself the others.
KERNEL_VARIABLE = "JPY_PARENT_PID"
KERNEL_SETTINGS = {"CLICOLOR_FORCE": "1", "PAGER": "cat", "GIT_PAGER": "cat"}


def new_console(
    *, stderr: bool = False, width: int | None = None, soft_wrap: bool = False
) -> Console:
    """Return a console that writes colours and what moves only to a terminal.

    Parameters
    ----------
    stderr
        Whether it writes to stderr instead of stdout.
    width
        The columns; those of the terminal unless given.
    soft_wrap
        Whether long lines stay whole.
    """
    # Kernels set FORCE_COLOR, and Rich takes that for a terminal.
    plain = None if _is_terminal(is_stderr=stderr) else False
    return Console(
        stderr=stderr,
        width=width,
        soft_wrap=soft_wrap,
        highlight=False,
        force_terminal=plain,
        force_interactive=plain,
    )


def _is_terminal(*, is_stderr: bool) -> bool:
    """Whether what is printed goes to a terminal: a cell's ``!`` only looks like one."""
    stream = sys.stderr if is_stderr else sys.stdout
    is_kernel = KERNEL_VARIABLE in os.environ or KERNEL_SETTINGS.items() <= os.environ.items()
    return stream is not None and stream.isatty() and not is_kernel
