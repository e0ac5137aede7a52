"""Whether torch can be imported without harm to the process."""

from __future__ import annotations

import sys
from pathlib import Path

from codeface_jupyter.errors import EngineUnavailableError

__all__ = ["check_torch_can_be_imported"]


def check_torch_can_be_imported() -> None:
    """Refuse to import torch in a working directory that has been deleted.

    The mathematical library that comes with it ends the process there, and with a kernel the
    user's data.

    Raises
    ------
    EngineUnavailableError
        If the working directory is gone and torch has not been imported.
    """
    if "torch" in sys.modules:
        return
    try:
        Path.cwd()
    except OSError:
        raise EngineUnavailableError(
            "The working directory has been deleted; importing torch there would end Python.",
            hint="Change to one that exists: import os; os.chdir(os.path.expanduser('~')).",
        ) from None
