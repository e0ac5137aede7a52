"""The code of the answer before, where one that goes on from it needs what that code makes."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping, Sequence

from codeface_jupyter.context import Cell
from codeface_jupyter.context.cells import defined_names
from codeface_jupyter.context.ipython_lines import python_in
from codeface_jupyter.syntax import Definition, digest, unparsed
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks import check_code
from codeface_jupyter.trials.copies import parsed, statements
from codeface_jupyter.trials.name_changes import names_changed, names_read
from codeface_jupyter.trials.needed_statements import needed_statements

__all__ = ["GOES_ON", "adds_something", "needed_earlier_code"]

# What is said of an answer may ask for something more, or for something else in its place.
ADDS = re.compile(
    r"\W*(?:and|then|now)\b|.*\b(?:also|too|as\s+well|additionally|in\s+addition)\b",
    re.IGNORECASE | re.DOTALL,
)
GOES_ON = "Begins with lines of the answer before, which it goes on from."


def adds_something(words: str) -> bool:
    """Whether what is said of an answer asks for something in addition to it.

    Examples
    --------
    >>> adds_something("also replace the spaces")
    True
    >>> adds_something("in upper case instead")
    False
    """
    return ADDS.match(words) is not None


def needed_earlier_code(
    code: str,
    earlier: str,
    *,
    namespace: Mapping[str, object],
    cells: Sequence[Cell],
    is_added: bool = False,
) -> str:
    """Return what of the answer before makes names and columns that a code reads.

    That is empty where the notebook has them, or a cell of it makes them.

    Parameters
    ----------
    code
        The answer's code.
    earlier
        The code of the answer before.
    namespace
        The notebook's variables.
    cells
        The notebook's cells above: one that makes the name has only to be run.
    is_added
        Whether the code is to do something in addition: a column or an attribute that both make
        from itself is made by the answer before first.
    """
    earlier = python_in(earlier)
    tree, before = parsed(code), parsed(earlier)
    if tree is None or before is None:
        return ""
    made = defined_names(earlier).difference(namespace, _built_in(tree, before))
    waiting = made.difference(*(defined_names(cell.sent) for cell in cells))
    missing: set[str] = set()
    for statement in tree.body:
        missing |= waiting & _read(statement)
        waiting -= names_bound(statement)
    if is_added:
        missing |= _made_further(tree, before, cells)
    lines = _lines(earlier, missing, below=code)
    lacking = _lacking_columns(f"{lines}\n{code}", namespace)
    if not lacking or _are_made_in(cells, lacking):
        return lines
    changed = {name for node in before.body for name, _ in names_changed(node)}
    changed &= names_read(tree).intersection(namespace)
    all_lines = _lines(earlier, missing | changed, below=code)
    is_better = _lacking_columns(f"{all_lines}\n{code}", namespace) < lacking
    return all_lines if is_better else lines


def _made_further(tree: ast.Module, before: ast.Module, cells: Sequence[Cell]) -> set[str]:
    """Return the names a part of which both codes make from itself, as no cell has done yet."""
    own = {digest(statement) for statement in tree.body}
    done = {one for cell in cells if cell.cell_type == "code" for one in statements(cell.sent)}
    made = {
        part: name
        for statement in before.body
        if digest(statement) not in own | done
        for part, name in _made_from_itself(statement)
    }
    parts = (part for statement in tree.body for part, _ in _made_from_itself(statement))
    return {made[part] for part in parts if part in made}


def _made_from_itself(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield a part of a name that a statement makes from itself, and the name."""
    match statement:
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target], value=value):
            part = unparsed(target)
            if isinstance(target.value, ast.Name) and part in unparsed(value):
                yield part, target.value.id


def _lines(earlier: str, names: set[str], *, below: str) -> str:
    return needed_statements(earlier, names, below=below) if names else ""


def _lacking_columns(code: str, namespace: Mapping[str, object]) -> set[str]:
    """Return the columns and keys that a code reads and that do not exist."""
    findings = check_code(code, namespace)
    return {finding.missing for finding in findings if finding.kind == "unknown_key"}


def _are_made_in(cells: Sequence[Cell], columns: set[str]) -> bool:
    """Whether a cell that only has to be run may make some of the columns."""
    waiting = (cell.sent for cell in cells if cell.cell_type == "code" and not cell.was_run)
    return any(column in text for text in waiting for column in columns)


def _built_in(tree: ast.Module, before: ast.Module) -> set[str]:
    """Return the names that a code calls for Python's own, though values have them before it."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    called = {node.func.id for node in functions if isinstance(node.func, ast.Name)}
    own = {node.name for node in before.body if isinstance(node, Definition)}
    return called.intersection(dir(builtins)) - own


def _read(statement: ast.stmt) -> frozenset[str]:
    """Return the names that a statement takes from outside."""
    match statement:
        # Its value is there before what it binds.
        case ast.Assign(value=value):
            own = names_bound(value)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return (names_read(value) - names_bound(value)) | {name}
        case _:
            own = names_bound(statement)
    return names_read(statement) - own
