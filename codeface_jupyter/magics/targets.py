"""Which cell a magic is about, and which error: by number, by the notebook's id, or the nearest."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from codeface_jupyter.context import Cell, ErrorInfo, is_request
from codeface_jupyter.errors import NotebookError, NothingToDoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codeface_jupyter.magics.failures import Failure, Failures
    from codeface_jupyter.magics.notebook import Notebook

__all__ = [
    "cell_to_rewrite",
    "cell_with_id",
    "cells_below",
    "error_of",
    "find_cell",
    "find_error",
    "with_error",
]

CHANGED_HINT = "Run it again first."
INTERRUPT = "KeyboardInterrupt"
# What ends a cell without being an error of it.
ENDS = frozenset({INTERRUPT, "GeneratorExit", "SystemExit"})
NUMBER_HINT = "The number is the one in the cell's prompt."
# How a page writes the UUID by which JupyterLab knows a cell.
SHORT_ID = re.compile("[0-9a-f]{8}")


def find_cell(notebook: Notebook, *, number: int | None, cell_id: str | None) -> Cell:
    """Return the cell with an id or an execution count, else the nearest code cell above.

    Raises
    ------
    NothingToDoError
        If there is none, or it is not what it was when it was run under that number.
    NotebookError
        If it is a request, or the page has not sent the cells.
    """
    if cell_id is not None:
        return cell_to_rewrite(notebook.cells(below=True)[0], cell_id)
    if number is not None:
        return _not_a_request(_cell_with_number(notebook, number))
    above = [cell for cell in notebook.cells()[0] if cell.cell_type == "code"]
    own = [cell for cell in above if not is_request(cell.source)]
    if not own:
        raise NothingToDoError("There is no code cell above this one.")
    return own[-1]


def find_error(
    notebook: Notebook, *, number: int | None, cell_id: str | None
) -> tuple[ErrorInfo, Cell]:
    """Return the error of a cell, else the last one, and the cell as it is in the notebook now.

    What this kernel no longer knows is taken from the error that the page shows.

    Raises
    ------
    NothingToDoError
        If there is none, or the cell has been changed since it failed.
    NotebookError
        If it is a request, or the page has not sent the cells.
    """
    failures = notebook.failures
    if cell_id is not None:
        return error_of(cell_to_rewrite(notebook.cells(below=True)[0], cell_id), failures)
    if number is not None:
        return _with_its_cell(notebook, failures.numbered(number), number)
    if failures.ended is not None:
        ended, by = failures.ended
        raise NothingToDoError(
            f"Cell In [{ended}] was {_how_ended(by)}, which is no error to repair.",
            hint="An earlier error has its number: %codeface_fix NUMBER.",
        )
    if failures.last is not None:
        return _with_its_cell(notebook, failures.last, failures.last.number)
    for cell in reversed(notebook.cells()[0]):
        if cell.error is not None and cell.error.ename not in ENDS:
            return _unchanged(cell.error, cell)
    raise NothingToDoError("There is nothing to fix: no cell of this kernel has failed.")


def cell_with_id(notebook: Notebook, cell_id: str) -> Cell:
    """Return the cell with an id, wherever it stands.

    Raises
    ------
    NothingToDoError
        If it is not in the notebook.
    NotebookError
        If the page has sent no cells.
    """
    return _with_id(notebook.cells(below=True)[0], cell_id)


def cells_below(notebook: Notebook, cell: Cell) -> list[Cell]:
    """Return the cells below one that the page has sent; none if it is not among those."""
    cells, _ = notebook.cells(below=True)
    ids = [other.cell_id for other in cells]
    # Without ids, what is there are runs in their order, the cell's own later ones among them.
    return cells[ids.index(cell.cell_id) + 1 :] if cell.cell_id and cell.cell_id in ids else []


def cell_to_rewrite(cells: Sequence[Cell], cell_id: str) -> Cell:
    """Return the one of ``cells`` with an id, which an answer may rewrite.

    Raises
    ------
    NothingToDoError
        If it is not in the notebook.
    NotebookError
        If it is a request, or the page has sent no cells.
    """
    return _not_a_request(_with_id(cells, cell_id))


def error_of(cell: Cell, failures: Failures) -> tuple[ErrorInfo, Cell]:
    """Return the error of a cell that has an id, and the cell.

    What this kernel no longer knows is taken from the error that the page shows.

    Raises
    ------
    NothingToDoError
        If there is none, or the cell has been changed since it failed.
    """
    failure = failures.of_cell(cell.cell_id, cell.source)
    if failure is None and cell.error is not None and cell.error.ename in ENDS:
        how = _how_ended(cell.error.ename)
        raise NothingToDoError(f"That cell was {how}, which is no error to repair.")
    return _unchanged(failure.error if failure else cell.error, cell)


def _how_ended(by: str) -> str:
    return "interrupted" if by == INTERRUPT else f"ended by {by}"


def with_error(cell: Cell, failures: Failures) -> Cell:
    """Return a cell with the error of its last run in this kernel, if it had one."""
    if cell.cell_id:
        failure = failures.of_cell(cell.cell_id, cell.source)
    else:
        failure = failures.numbered(cell.execution_count or 0)
    return replace(cell, error=failure.error) if failure is not None else cell


def _with_id(cells: Sequence[Cell], cell_id: str) -> Cell:
    found = [cell for cell in cells if cell.cell_id == cell_id]
    if not found and SHORT_ID.fullmatch(cell_id):
        found = [cell for cell in cells if (cell.cell_id or "").startswith(f"{cell_id}-")]
    if len(found) == 1:
        return found[0]
    if found:
        raise NothingToDoError(
            f"The ids of several cells begin with {cell_id}.", hint="Name the cell by its number."
        )
    if not any(cell.cell_id for cell in cells):
        raise NotebookError(
            "The page has not sent the notebook's cells, so none can be found by its id.",
            hint="Reload the page, or name the cell by its number.",
        )
    raise NothingToDoError("That cell is no longer in this notebook.")


def _not_a_request(cell: Cell) -> Cell:
    if is_request(cell.source):
        raise NotebookError("That cell is a request to CodeFace.", hint="Edit it by hand.")
    return cell


def _cell_with_number(notebook: Notebook, number: int) -> Cell:
    return _place_of(notebook, _check_was_run(notebook, number))


def _check_was_run(notebook: Notebook, number: int) -> Cell:
    """Return what was run under a number; raise `NothingToDoError` if nothing was."""
    # Executed in this kernel: the counts in a saved notebook may be another kernel's.
    executed = [cell for cell in notebook.executed_cells() if cell.execution_count == number]
    if not executed:
        raise NothingToDoError(
            f"No cell was run as In [{number}] in this kernel.", hint=NUMBER_HINT
        )
    return executed[-1]


def _place_of(notebook: Notebook, run: Cell) -> Cell:
    """Return the cell of the notebook that was run so; the run itself where nothing tells."""
    cells, _ = notebook.cells(below=True)
    if not any(cell.cell_id for cell in cells):
        return run
    same = [cell for cell in cells if cell.source.strip() == run.source.strip()]
    counted = [cell for cell in same if cell.execution_count == run.execution_count]
    if len(same) > 1 and not counted:
        _refuse_changed(f"Which of several equal cells was In [{run.execution_count}] is not known")
    if not same:
        _refuse_changed(f"No cell of the notebook is still what was In [{run.execution_count}]")
    return (counted or same)[-1]


def _with_its_cell(
    notebook: Notebook, failure: Failure | None, number: int
) -> tuple[ErrorInfo, Cell]:
    if failure is None:
        _check_was_run(notebook, number)
        raise NothingToDoError(f"Cell In [{number}] raised no error in this kernel.")
    if failure.cell_id:
        return _unchanged(failure.error, cell_with_id(notebook, failure.cell_id))
    run = Cell(source=failure.error.source, execution_count=number)
    return failure.error, _place_of(notebook, run)


def _unchanged(error: ErrorInfo | None, cell: Cell) -> tuple[ErrorInfo, Cell]:
    if error is None:
        raise NothingToDoError("That cell raised no error in this kernel, and shows none.")
    if error.source.strip() != cell.source.strip():
        _refuse_changed("The cell has been changed since it failed")
    return replace(error, source=cell.source), cell


def _refuse_changed(what: str) -> NoReturn:
    raise NothingToDoError(f"{what}.", hint=CHANGED_HINT)
