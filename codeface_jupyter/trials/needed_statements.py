"""The statements of a code that another one needs, since they make what that one reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from codeface_jupyter.syntax import Definition, Import, first_line
from codeface_jupyter.trials.bindings import names_bound_in_scope
from codeface_jupyter.trials.copies import parsed
from codeface_jupyter.trials.name_changes import names_changed, names_read

__all__ = ["needed_statements", "needs_itself"]


def needed_statements(code: str, names: Iterable[str]) -> str:
    r"""Return the lines of a code that make some names, with those that make what they need.

    What only shows or draws something is left out. Empty if Python cannot read the code.

    Examples
    --------
    >>> needed_statements("import math\nr = math.pi\nprint(r)\ns = r + 1\ns", ["s"])
    'import math\nr = math.pi\ns = r + 1'
    """
    tree = parsed(code)
    statements = tree.body if tree is not None else []
    modules = names_bound_in_scope([one for one in statements if isinstance(one, Import)])
    needed, lines = set(names), code.split("\n")
    kept: dict[tuple[int, int], str] = {}
    for statement in reversed(statements):
        changed = {name for name, _ in names_changed(statement)}
        if needed.isdisjoint(changed | (_called_on(statement) - modules)):
            continue
        if isinstance(statement, ast.Expr) and statement is statements[-1]:
            # Its value is what the cell shows.
            continue
        needed |= changed | names_read(statement)
        # Two of them may share a line.
        begin, end = first_line(statement), statement.end_lineno or statement.lineno
        kept[begin, end] = "\n".join(lines[begin - 1 : end])
    return "\n".join(kept[place] for place in sorted(kept))


def needs_itself(code: str, names: Iterable[str]) -> bool:
    """Whether a code reads one of the names before it makes it: then it only changes it."""
    tree, waiting = parsed(code), set(names)
    for statement in tree.body if tree is not None else []:
        changed = dict(names_changed(statement))
        read = {*names_read(statement), *(n for n, how in changed.items() if how == "from itself")}
        if not isinstance(statement, Definition) and not waiting.isdisjoint(read):
            return True
        waiting.difference_update(changed)
    return False


def _called_on(statement: ast.stmt) -> frozenset[str]:
    """Return the names of what a method is called on, and nothing else done: ``model.fit(x)``."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner))):
            return names_read(owner)
    return frozenset()
