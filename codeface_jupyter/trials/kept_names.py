"""What a cell that is rewritten keeps of the old one: its names."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from symtable import Symbol, SymbolTable, symtable
from types import ModuleType

from codeface_jupyter.context import Cell, Rewrite
from codeface_jupyter.context.cells import defined_names, used_names
from codeface_jupyter.context.ipython_lines import is_python, names_in_magics, python_in
from codeface_jupyter.syntax import identifiers
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.usual_imports import is_usual_module
from codeface_jupyter.trials.checks.wording import is_slip
from codeface_jupyter.trials.copies import parsed
from codeface_jupyter.trials.naming.lexing import lex
from codeface_jupyter.trials.needed_statements import (
    needed_statements,
    needs_itself,
    with_lines_above,
)

__all__ = [
    "BINDS_ANYTHING",
    "BUILTINS",
    "KEPT_LINES",
    "UNRELATED",
    "bound_names",
    "keeps_little",
    "lost_below",
    "lost_names",
    "with_lost_names",
]

KEPT_LINES = "Kept the lines of the cell that make what this uses."
UNRELATED = "This has little in common with the cell."
# A repair keeps more than a third of the names of a cell that has some.
LEAST_NAMES, MOST_LOST = 3, 2 / 3
LEAST_WORDS = 2
# What such a line binds is not said.
BINDS_ANYTHING = re.compile(r"import \*|^[ \t]*%(?:pylab|run|store[ \t]+-r[ \t]*$)", re.MULTILINE)
BUILTINS = frozenset(dir(builtins))
KEYWORDS = frozenset(keyword.kwlist)


def keeps_little(code: str, rewrite: Rewrite, namespace: Mapping[str, object]) -> bool:
    """Whether a repair of a cell is about something else, by the names in both.

    Those of variables, attributes and columns count, but for what the cell binds itself and for
    modules with what is theirs, which repairs replace: ``np.asscalar(a)`` by ``a.item()``. A
    mistyped one is kept by one that it may have been meant for. What keeps all the data of a cell
    is about it, whatever methods it calls; where that is one variable, as often in a notebook,
    something that is done with it has to be kept as well. Of a cell that Python cannot read, the
    words count, half of which a repair keeps. What has no word of it is never about it.
    """
    text = code.removeprefix(rewrite.head)
    old, new = _python(rewrite.text), _python(text)
    if new is None:
        return False
    words, kept = _kept_words(text, rewrite.text)
    if old is None or (words and not kept):
        return len(words) >= LEAST_WORDS and len(kept) * 2 < len(words)
    names = {n for n in _names(old, namespace) if n not in BUILTINS} - names_bound(old)
    others = set(_names(new, {}))
    lost = {name for name in names if not _is_among(name, others)}
    data = _data(old, namespace)
    if data and all(_is_among(name, others) for name in data):
        done = set(_done(new, namespace))
        if len(data) > 1 or any(_is_among(what, done) for what in _done(old, namespace)):
            return False
    return len(names) >= LEAST_NAMES and len(lost) >= MOST_LOST * len(names)


def _kept_words(code: str, old: str) -> tuple[set[str], set[str]]:
    """Return the words of a cell that are not Python's own, and those of them that are kept.

    Comments do not count, nor what is lost of texts: where a quote is missing, nobody knows
    what is one.
    """
    others = _words(code, {"name", "string"})
    names, texts = _words(old, {"name"}), _words(old, {"string"})
    kept = {word for word in names | texts if _is_among(word, others)}
    return names | kept, kept


def _words(code: str, kinds: set[str]) -> set[str]:
    found = (identifiers(token.text) for token in lex(code) if token.kind in kinds)
    return set(chain.from_iterable(found)) - BUILTINS - KEYWORDS


def _is_among(name: str, others: set[str]) -> bool:
    """Whether a name is one of some, or a mistyped one."""
    return any(name == other or is_slip(name, other) for other in others)


def lost_names(code: str, rewrite: Rewrite, cells: Sequence[Cell]) -> list[str]:
    """Return the names that the new cell uses, and neither it nor one above defines any more.

    Parameters
    ----------
    code
        The new cell.
    rewrite
        The old one, which defined them.
    cells
        The cells above the one that asks, perhaps with the old one among them.
    """
    return sorted(_no_longer_defined(code, rewrite, cells) & used_names(_new(code, rewrite)))


def with_lost_names(text: str, rewrite: Rewrite, cells: Sequence[Cell]) -> str:
    """Return a new cell's text with those lines of the old one that make what it uses.

    Empty if it lacks nothing, or lacks it still (see `lost_names`), and where those lines only
    change what another cell has made: the edit may be to do without that.
    """
    lost = lost_names(text, rewrite, cells)
    kept = needed_statements(python_in(rewrite.text), lost, below=python_in(text)) if lost else ""
    if not kept or kept in text or needs_itself(kept, lost):
        return ""
    whole = with_lines_above(text, kept)
    return "" if lost_names(whole, rewrite, cells) else whole


def lost_below(code: str, rewrite: Rewrite, cells: Sequence[Cell]) -> list[str]:
    """Return the names that cells below use, and the new cell no longer defines for them.

    Parameters
    ----------
    code, rewrite, cells
        As in `lost_names`, which has those that the new cell itself uses.
    """
    lost = _no_longer_defined(code, rewrite, cells) - used_names(_new(code, rewrite))
    found: set[str] = set()
    for cell in rewrite.below:
        names = lost.intersection(identifiers(cell.source))
        if not names or cell.cell_type != "code":
            continue
        if is_python(cell.source):
            source = python_in(cell.source)
            found |= names & _global_reads(source)
            lost -= found | defined_names(source)
        lost -= names_in_magics(cell.source)
        if not lost:
            break
    return sorted(found)


def _no_longer_defined(code: str, rewrite: Rewrite, cells: Sequence[Cell]) -> set[str]:
    """Return what the old cell defined, and neither the new one nor one above does."""
    new = _new(code, rewrite)
    tree = parsed(new)
    if tree is None:
        return set()
    lost = _defined(python_in(rewrite.text)) - names_bound(tree) - BUILTINS
    if not lost:
        return set()
    later = {cell.cell_id for cell in rewrite.below}
    above = [c for c in cells if _is_another(c, rewrite.cell) and c.cell_id not in later]
    sources = [code.removeprefix(rewrite.head), *(cell.source for cell in above)]
    if any(map(BINDS_ANYTHING.search, sources)):
        return set()
    return set(lost.difference(*map(bound_names, sources)))


def bound_names(source: str) -> frozenset[str]:
    """Return the names that a cell may give a value, by whatever means."""
    python = python_in(source)
    declared = _declared(python) if "global " in python else frozenset()
    return defined_names(python) | names_in_magics(source) | declared


def _declared(source: str) -> frozenset[str]:
    """Return the names that functions bind for the whole notebook."""
    nodes = ast.walk(parsed(source) or ast.Module(body=[], type_ignores=[]))
    return frozenset(name for node in nodes if isinstance(node, ast.Global) for name in node.names)


def _defined(source: str) -> set[str]:
    """Return what a cell defines for others, without what only its comprehensions know."""
    nodes = ast.walk(parsed(source) or ast.Module(body=[], type_ignores=[]))
    inner = (node for node in nodes if isinstance(node, ast.comprehension))
    targets = (node for each in inner for node in ast.walk(each.target))
    return set(defined_names(source)) - {n.id for n in targets if isinstance(n, ast.Name)}


def _new(code: str, rewrite: Rewrite) -> str:
    return python_in(code.removeprefix(rewrite.head))


def _global_reads(source: str) -> set[str]:
    """Return the names that a cell takes from outside; a name that it defines is its own."""
    try:
        table = symtable(source, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return set(_free_names(table)) - {s.get_name() for s in table.get_symbols() if _is_made(s)}


def _free_names(table: SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_module or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _free_names(child)


def _is_made(symbol: Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def _is_another(cell: Cell, old: Cell) -> bool:
    is_same = cell.cell_id == old.cell_id if cell.cell_id and old.cell_id else cell == old
    return cell.cell_type == "code" and not is_same


def _python(source: str) -> ast.Module | None:
    return parsed(python_in(source))


def _data(tree: ast.Module, namespace: Mapping[str, object]) -> set[str]:
    """Return the variables that a cell takes from outside, and the columns and keys it names.

    What it calls is no data.
    """
    found: set[str] = set()
    bound: set[str] = set()
    for statement in tree.body:
        # What an assignment binds is bound only after it: `df = df.dropna()` reads `df`.
        inner = statement.value if isinstance(statement, ast.Assign) else statement
        found |= set(_data_names(statement)) - bound - names_bound(inner)
        bound |= names_bound(statement)
    return {name for name in found - BUILTINS if not _is_module(name, namespace)}


def _data_names(tree: ast.AST) -> Iterator[str]:
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if node not in called:
                yield name
            case ast.Subscript(slice=ast.Constant(value=str() as name)):
                yield name


def _done(tree: ast.AST, namespace: Mapping[str, object]) -> Iterator[str]:
    """Yield what tells what is done with data: attributes, keywords and texts."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if not _is_of_module(node, namespace):
                yield name
            case ast.keyword(arg=str() as name) | ast.Constant(value=str() as name) if name.strip():
                yield name


def _names(tree: ast.AST, namespace: Mapping[str, object]) -> Iterator[str]:
    """Yield the names in a tree, without modules and what is read of them."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if _is_of_module(node, namespace):
                    continue
                yield name
            case ast.Subscript(slice=ast.Constant(value=str() as name)):
                yield name
        waiting += ast.iter_child_nodes(node)


def _is_of_module(node: ast.AST, namespace: Mapping[str, object]) -> bool:
    """Whether an expression is a module, or what is read of one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and _is_module(node.id, namespace)


def _is_module(name: str, namespace: Mapping[str, object]) -> bool:
    """Whether a name is a module's here or, where it is none at all, by custom."""
    if name in namespace:
        return type(namespace[name]) is ModuleType
    return is_usual_module(name)
