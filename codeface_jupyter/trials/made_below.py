"""Names that an answer's code takes from cells below it, which run after it from the top."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from codeface_jupyter.context import Cell
from codeface_jupyter.context.cells import defined_names, used_names
from codeface_jupyter.context.ipython_lines import python_in
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.copies import parsed
from codeface_jupyter.trials.kept_names import BINDS_ANYTHING, BUILTINS, bound_names

__all__ = ["made_below_note"]

MAX_NAMES = 3


def made_below_note(code: str, cells: Sequence[Cell]) -> str:
    """Return a sentence of Markdown on the names that only cells below make; empty for none.

    Parameters
    ----------
    code
        The answer's code.
    cells
        The notebook's cells in document order, those below marked as such.
    """
    tree = parsed(python_in(code))
    if tree is None:
        return ""
    codes = [cell for cell in cells if cell.cell_type == "code"]
    above = list(takewhile(lambda cell: not cell.is_below, codes))
    if any(BINDS_ANYTHING.search(cell.source) for cell in above):
        return ""
    wanted = used_names(python_in(code)) - names_bound(tree) - BUILTINS
    wanted = wanted.difference(*(bound_names(cell.source) for cell in above))
    made: set[str] = set()
    for cell in codes[len(above) :]:
        made |= wanted & defined_names(python_in(cell.source)) if cell.was_run else set()
    if not made:
        return ""
    names = " and ".join(f"`{name}`" for name in sorted(made)[:MAX_NAMES])
    is_made, it = ("is", "it") if len(made) == 1 else ("are", "them")
    return f"{names} {is_made} made by a cell below: run from the top, this one does not find {it}."
