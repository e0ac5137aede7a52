"""Statements that only make data, and whether the notebook still has these as they were made."""

from __future__ import annotations

import ast
import types
from collections.abc import Container, Mapping, Sequence

from codeface_jupyter.context import Cell
from codeface_jupyter.syntax import Definition, Import, digest
from codeface_jupyter.trials.bindings import names_bound_in_scope
from codeface_jupyter.trials.name_changes import changes_after, names_changed, names_read
from codeface_jupyter.trials.value_kinds import TABLE_KINDS, ValueKinds

__all__ = [
    "counts_on",
    "gives_something_else",
    "is_still_there",
    "only_shows",
    "says_what_is_there",
]

# What stays as it was made, so that making it once more adds nothing. A plot is not among
# them, nor what counts or remembers.
DATA = (
    bool, int, float, complex, str, bytes, type(None), list, tuple, dict, set, frozenset,
    types.FunctionType, types.ModuleType, type,
)  # fmt: skip
Declaration = Definition | Import
# What gives something else each time: making it once more may be what was asked for.
VARIES = frozenset({
    "random", "rand", "randn", "randint", "randrange", "choice", "choices", "sample", "shuffle",
    "permutation", "rng", "default_rng", "integers", "normal", "standard_normal", "uniform",
    "gauss", "poisson", "binomial", "exponential", "now", "utcnow", "today", "time", "time_ns",
    "monotonic", "perf_counter", "uuid1", "uuid4", "token_hex", "token_bytes", "token_urlsafe",
    "urandom", "input", "next", "pop", "get", "urlopen",
})  # fmt: skip
TAKES_SEED = frozenset({"default_rng", "manual_seed", "Random", "RandomState"})
NO_LITERAL = object()


def is_still_there(
    made: Sequence[ast.stmt],
    *,
    rest: Sequence[ast.stmt],
    namespace: Mapping[str, object],
    cell: Cell,
    cells: Sequence[Cell],
) -> bool:
    """Whether a code loses nothing without statements that a cell has run before.

    They only make data that the notebook has as they would make them, and show some of them at
    their end.

    Parameters
    ----------
    made
        The statements.
    rest
        The code's other ones, which follow.
    namespace
        The notebook's variables.
    cell
        The cell.
    cells
        The notebook's cells, with it among them.
    """
    *before, last = made
    makers = before if only_shows(last) else made
    return (
        bool(makers)
        and _made_data(makers, namespace)
        and not counts_on(makers, rest=rest, namespace=namespace)
        and not any(_is_changed(node, namespace, cell, cells) for node in makers)
    )


def says_what_is_there(node: ast.stmt, namespace: Mapping[str, object]) -> bool:
    """Whether a statement gives names a literal that they hold already: it does nothing."""
    match node:
        case ast.Assign(targets=targets, value=value):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            literal = _literal(value)
            is_plain = literal is not NO_LITERAL and len(names) == len(targets)
            return is_plain and all(
                name in namespace and _is_same(literal, namespace[name]) for name in names
            )
    return False


def counts_on(
    made: Sequence[ast.stmt], *, rest: Sequence[ast.stmt], namespace: Mapping[str, object]
) -> bool:
    """Whether the rest of a code goes on from what was made, as a sum does from its zero.

    Tables do not count: what is made of one is as well made of the notebook's.
    """
    kinds = ValueKinds(namespace)
    changed = {name for node in rest for name, how in names_changed(node) if how != "anew"}
    changed &= names_bound_in_scope([node for node in made if not isinstance(node, Declaration)])
    return any(_kind(name, kinds) not in TABLE_KINDS for name in changed)


def gives_something_else(
    nodes: Sequence[ast.stmt], *, repeated: Sequence[Cell], cells: Sequence[Cell]
) -> bool:
    """Whether a code whose statements are all from cells may give something else now than there.

    Parameters
    ----------
    nodes
        The statements.
    repeated
        The cell that each of them is from.
    cells
        All cells.
    """
    run = [node for node in nodes if not isinstance(node, Declaration)]
    is_seeded = any(_is_seeded(part) for node in nodes for part in ast.walk(node))
    if any(map(_varies, run)) and not is_seeded:
        return True
    made, own = names_bound_in_scope(nodes), set(map(digest, nodes))
    return any(
        _is_worked_on(node, cell, cells, made=made, own=own)
        for node, cell in zip(nodes, repeated, strict=True)
        if not isinstance(node, Import)
    )


def _is_worked_on(
    node: ast.stmt,
    cell: Cell,
    cells: Sequence[Cell],
    *,
    made: Container[str],
    own: Container[bytes],
) -> bool:
    """Whether what a statement reads has changed since its cell ran, or what it made has.

    Parameters
    ----------
    node
        The statement.
    cell, cells
        Its cell, and all of them.
    made
        What the whole code binds. That such a name is used again for something else changes
        nothing, as of a figure's ``ax``.
    own
        The whole code's statements, as `digest` gives them.
    """
    names = names_bound_in_scope([node]) | names_read(node)
    later = changes_after(cell, cells, names=names) or ()
    return any(
        name in names
        and how != "item"
        and not (how == "anew" and name in made)
        and other.statement not in own
        for other in later
        for name, how in other.names
    )


def _varies(node: ast.AST) -> bool:
    """Whether what a node says may give something else each time that it is run."""
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    said = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return not VARIES.isdisjoint(used | said)


def _is_seeded(node: ast.AST) -> bool:
    """Whether a node has numbers drawn that are the same each time."""
    match node:
        case ast.Attribute(attr="seed") | ast.keyword(arg="seed" | "random_state"):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, *_]):
            return name in TAKES_SEED
    return False


def _made_data(makers: Sequence[ast.stmt], namespace: Mapping[str, object]) -> bool:
    kinds = ValueKinds(namespace)
    return all(
        _makes_the_same(node)
        and all(_is_data(name, namespace, kinds) for name in names_bound_in_scope([node]))
        for node in makers
    )


def _makes_the_same(node: ast.stmt) -> bool:
    """Whether a statement gives names what it gave them before: it depends on nothing of theirs."""
    match node:
        case ast.Assign(targets=targets, value=value):
            made = {target.id for target in targets if isinstance(target, ast.Name)}
            used = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
            is_plain = len(made) == len(targets) and made.isdisjoint(used)
            return is_plain and not _varies(value)
    return isinstance(node, Declaration)


def only_shows(node: ast.stmt) -> bool:
    """Whether a statement shows a value: a name, a part of it, or ``.head()`` and the like."""
    match node:
        case ast.Expr(value=ast.Name() | ast.Attribute() | ast.Subscript()):
            return True
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(), attr="head" | "tail" | "info"))
        ):
            return True
    return False


def _is_data(name: str, namespace: Mapping[str, object], kinds: ValueKinds) -> bool:
    if name not in namespace:
        return False
    is_table = _kind(name, kinds) in TABLE_KINDS
    return is_table or type(namespace[name]) in DATA or isinstance(namespace[name], type)


def _is_changed(
    node: ast.stmt, namespace: Mapping[str, object], cell: Cell, cells: Sequence[Cell]
) -> bool:
    """Whether what a statement made is another thing now, or would become one if it ran again."""
    made = names_bound_in_scope([node])
    match node:
        case ast.Assign(value=value):
            literal = _literal(value)
            if literal is not NO_LITERAL:
                return not all(_is_same(literal, namespace[name]) for name in made)
            read = names_read(value)
        case _:
            read = frozenset()
    later = changes_after(cell, cells, names=made | read)
    if later is None:
        return True
    kinds, own = ValueKinds(namespace), digest(node)
    # The same line once more makes the same.
    return any(
        (name in read or (name in made and not (how == "item" and _kind(name, kinds) == "frame")))
        and other.statement != own
        for other in later
        for name, how in other.names
    )


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return NO_LITERAL


def _is_same(literal: object, live: object) -> bool:
    """Whether a live value is what a literal says. None of the user's classes is asked."""
    if type(literal) is not type(live):
        return False
    match literal, live:
        case (list() | tuple() | set() as made, list() | tuple() | set() as held):
            return len(made) == len(held) and all(map(_is_same, made, held))
        case (dict() as made, dict() as held):
            return len(made) == len(held) and all(map(_is_same, made.items(), held.items()))
    return literal == live


def _kind(name: str, kinds: ValueKinds) -> str | None:
    return kinds.of(ast.Name(id=name, ctx=ast.Load()))
