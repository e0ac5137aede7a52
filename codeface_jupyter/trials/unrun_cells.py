"""What an answer's code fails for because a cell above has not been run."""

from __future__ import annotations

import re
from collections.abc import Iterable

from codeface_jupyter.context import Cell
from codeface_jupyter.context.cells import defined_names
from codeface_jupyter.outcome import Outcome

__all__ = ["unrun_name", "unrun_note"]

UNDEFINED = re.compile(r"name '(\w+)' is not defined")


def unrun_name(outcome: Outcome | None, cells: Iterable[Cell]) -> str:
    """Return the name that a code lacked and a cell makes that has not been run; empty if none.

    Parameters
    ----------
    outcome
        What the code did on a copy of the kernel.
    cells
        The cells above.
    """
    if outcome is None or outcome.error_type != "NameError":
        return ""
    found = UNDEFINED.search(outcome.error)
    name = found[1] if found else ""
    not_run = (cell for cell in cells if cell.cell_type == "code" and not cell.was_run)
    return name if name and any(name in defined_names(cell.sent) for cell in not_run) else ""


def unrun_note(outcome: Outcome | None, cells: Iterable[Cell]) -> str:
    """Return a sentence of Markdown on that name; empty if there is none."""
    name = unrun_name(outcome, cells)
    if not name:
        return ""
    return f"`{name}` is not there yet: a cell above makes it that has not been run in this kernel."
