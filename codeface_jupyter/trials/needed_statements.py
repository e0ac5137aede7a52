"""The statements of a code that another one needs, since they make what that one reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from codeface_jupyter.syntax import Definition, Import, dumped, first_line
from codeface_jupyter.trials.bindings import names_bound_in_scope
from codeface_jupyter.trials.copies import parsed
from codeface_jupyter.trials.name_changes import names_changed, names_read

__all__ = ["needed_statements", "needs_itself", "with_lines_above"]

# Methods that show what they are called on, or write it somewhere, and leave it as it is.
SHOWS = re.compile(r"to_\w+|save\w*|write\w*|info|head|tail|sample|describe|summary|show|display")
# So do these, but where they are given what to draw: on an axis.
DRAWS = frozenset({"plot", "hist", "boxplot"})
# As everybody calls what is drawn on.
CANVAS = re.compile(r"(?:ax|fig)\w*")
# What else is called at the end of a cell is called for its value.
CHANGES = re.compile(r"(?:partial_)?fit\w*|train|compile|execute\w*|commit|(?:add|load|set)_\w+")
SEEDS = frozenset({"seed", "manual_seed", "set_seed"})


def needed_statements(code: str, names: Iterable[str], *, below: str = "") -> str:
    r"""Return the lines of a code that make some names, with those that make what they need.

    What only shows or draws something is left out. Empty if Python cannot read the code.

    Parameters
    ----------
    code
        Where the lines are from.
    names
        The names.
    below
        The code that needs them: random numbers that it draws are to be those of the same seed.

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
    owners = set(filter(None, map(_seeded, statements)))
    drawn_from = _used(parsed(below), owners)
    for statement in reversed(statements):
        changed = _changed(statement, modules)
        called = _called_on(statement, is_last=statement is statements[-1]) - modules
        if needed.isdisjoint(changed | called) and _seeded(statement) not in drawn_from:
            continue
        needed |= changed | names_read(statement)
        drawn_from |= _used(statement, owners)
        # Two of them may share a line.
        begin, end = first_line(statement), statement.end_lineno or statement.lineno
        kept[begin, end] = "\n".join(lines[begin - 1 : end])
    return "\n".join(kept[place] for place in sorted(kept))


def with_lines_above(code: str, lines: str) -> str:
    """Return a code with lines above it, but below what has to be the first: ``__future__``."""
    tree = parsed(code)
    ends = [
        node.end_lineno or node.lineno
        for node in (tree.body if tree is not None else [])
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    own, begin = code.split("\n"), max(ends, default=0)
    return "\n".join([*own[:begin], lines, *own[begin:]])


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


def _changed(statement: ast.stmt, modules: frozenset[str]) -> set[str]:
    """Return the names that a statement changes; ``os.remove(path)`` changes no module."""
    return {
        name for name, how in names_changed(statement) if how != "in place" or name not in modules
    }


def _called_on(statement: ast.stmt, *, is_last: bool) -> frozenset[str]:
    """Return the names of what methods are called on that may change it: ``model.fit(x)``."""
    found: set[str] = set()
    for node in _run(statement):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr)) as call):
                names = names_read(owner)
                does_something = CHANGES.fullmatch(attr) or any(map(CANVAS.fullmatch, names))
                is_for_value = is_last and node is statement and not does_something
                if not is_for_value and not _only_shows(call, owner, attr):
                    found |= names
    return frozenset(found)


def _run(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement that are run with it, which those of a function are not."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Definition):
            yield node
            waiting += ast.iter_child_nodes(node)


def _only_shows(call: ast.Call, owner: ast.expr, attr: str) -> bool:
    match owner:
        # `df.plot.bar()`
        case ast.Attribute(attr="plot"):
            return True
    match call.args:
        # Names of columns.
        case [] | [ast.Constant(value=str()), *_]:
            return attr in DRAWS or bool(SHOWS.fullmatch(attr))
    return bool(SHOWS.fullmatch(attr))


def _seeded(statement: ast.stmt) -> str:
    """Return what a statement gives the seed of random numbers, as a tree; empty for none."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr))) if attr in SEEDS:
            return dumped(owner)
    return ""


def _used(tree: ast.AST | None, owners: set[str]) -> set[str]:
    """Return those of some modules, as trees, that a code uses."""
    if tree is None or not owners:
        return set()
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute))
    return owners.intersection(map(dumped, names))
