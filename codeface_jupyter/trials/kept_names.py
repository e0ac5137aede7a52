"""What a cell that is rewritten keeps of the old one: its names."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

from codeface_jupyter.context import Cell, Rewrite
from codeface_jupyter.context.cells import defined_names, used_names
from codeface_jupyter.context.ipython_lines import (
    is_python,
    is_request,
    split_cell_magics,
    without_magics,
)
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.wording import is_slip
from codeface_jupyter.trials.copies import parsed

__all__ = ["UNRELATED", "keeps_little", "lost_names"]

UNRELATED = "This has little in common with the cell."
# A repair keeps more than a third of the names of a cell that has some.
LEAST_NAMES, MOST_LOST = 3, 2 / 3
BUILTINS = frozenset(dir(builtins))


def keeps_little(code: str, rewrite: Rewrite) -> bool:
    """Whether a repair of a cell is about something else, by the names in both.

    Those of variables, attributes and columns count, but for what the cell binds itself. A
    mistyped one is kept by one that it may have been meant for.
    """
    old, new = _python(rewrite.text), _python(code.removeprefix(rewrite.head))
    if old is None or new is None:
        return False
    names = set(_names(old)) - names_bound(old) - BUILTINS
    others = set(_names(new))
    lost = [name for name in names if not any(name == o or is_slip(name, o) for o in others)]
    return len(names) >= LEAST_NAMES and len(lost) >= MOST_LOST * len(names)


def lost_names(code: str, rewrite: Rewrite, cells: Sequence[Cell]) -> tuple[list[str], list[str]]:
    """Return the names that neither the new cell nor one above it defines any more.

    Parameters
    ----------
    code
        The new cell.
    rewrite
        The old one, which defined them.
    cells
        The cells above, and perhaps the old one.

    Returns
    -------
    Those that the new cell uses, and the others that cells below it use.
    """
    old, new = (_without_magics(text) for text in (rewrite.text, code.removeprefix(rewrite.head)))
    tree = parsed(new)
    if tree is None:
        return [], []
    used_here = used_names(new)
    wanted = used_here | _used_below(rewrite.below)
    lost = (defined_names(old) & wanted) - names_bound(tree) - BUILTINS
    if not lost:
        return [], []
    sources = [new, *(_without_magics(c.source) for c in cells if _is_another(c, rewrite.cell))]
    # What such an import binds is not said.
    if any(map(_imports_all, sources)):
        return [], []
    lost = lost.difference(*map(defined_names, sources))
    return sorted(lost & used_here), sorted(lost - used_here)


def _used_below(cells: Sequence[Cell]) -> set[str]:
    """Return the names that cells use before one of them defines them."""
    used: set[str] = set()
    defined: set[str] = set()
    for cell in cells:
        if cell.cell_type != "code" or not is_python(cell.source) or is_request(cell.source):
            continue
        source = _without_magics(cell.source)
        if parsed(source) is not None:
            own = defined_names(source)
            used |= used_names(source) - own - defined
            defined |= own
    return used


def _is_another(cell: Cell, old: Cell) -> bool:
    is_same = cell.cell_id == old.cell_id if cell.cell_id and old.cell_id else cell == old
    return cell.cell_type == "code" and not is_same


def _without_magics(source: str) -> str:
    return without_magics(split_cell_magics(source)[1])[0]


def _python(source: str) -> ast.Module | None:
    return parsed(_without_magics(source))


def _imports_all(source: str) -> bool:
    return "import *" in source


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.Subscript(slice=ast.Constant(value=str() as name)):
                yield name
