"""What an answer copies: cells above that have run, and what the model was told."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from codeface_jupyter.context import Cell
from codeface_jupyter.context.cells import MAX_CELLS_LOOKED_AT, nearest
from codeface_jupyter.context.ipython_lines import is_request, python_in
from codeface_jupyter.syntax import (
    Import,
    digest,
    is_deep,
    mentions,
    parse_module,
    words_in,
)
from codeface_jupyter.trials.bindings import names_bound, names_bound_in_scope
from codeface_jupyter.trials.made_data import (
    counts_on,
    gives_something_else,
    is_still_there,
    only_shows,
    says_what_is_there,
)
from codeface_jupyter.trials.name_changes import REBINDS_ANYTHING

__all__ = [
    "ONLY_REPEATS",
    "REBINDS_ANYTHING",
    "REPEATS_ITSELF",
    "Uncopied",
    "only_new",
    "parsed",
    "repeated_value",
    "repetition",
    "statements",
    "without_copied_text",
    "without_copies",
]

ONLY_REPEATS = "This only repeats"
REPEATS_ITSELF = f"{ONLY_REPEATS} the cell."
# Magics that set something up and touch no variable, as a first cell has them.
SETUP = re.compile(r"^%(?:load_ext|reload_ext|config|matplotlib|autoreload)\b.*$", re.MULTILINE)
# Cells are read once, not for each answer. Only digests are kept of them.
REMEMBERED_CELLS = 10_000


@dataclass(frozen=True, kw_only=True)
class Uncopied:
    """A code without its copies of cells, how many these were, which, and what they make."""

    code: str
    note: str
    count: int = 0
    makes: frozenset[str] = frozenset()


def only_new(
    codes: Sequence[str], namespace: Mapping[str, object], cells: Sequence[Cell], *, prompt: str
) -> tuple[list[str | None], list[str]]:
    """Return an answer's codes without copies, None for each that is nothing else; and notes.

    Where nothing would be left, all stay as they are.

    Parameters
    ----------
    codes
        The code of the answer's Python blocks, in order.
    namespace
        The notebook's variables.
    cells
        The notebook's cells above the one that asks.
    prompt
        What the model was told.
    """
    found: list[str | None] = []
    notes: list[str] = []
    for code in codes:
        new = _without_echo(code, prompt) or without_copies(code, namespace, cells)
        found.append(code if new is None else new.code or None)
        notes += [new.note] if new is not None else []
    if not any(found):
        return list(codes), []
    return found, list(dict.fromkeys(notes))


def without_copies(
    code: str, namespace: Mapping[str, object], cells: Sequence[Cell], *, for_one_cell: bool = False
) -> Uncopied | None:
    """Return ``code`` without the cells that it begins with; None if it begins with none.

    A cell is left out as a whole, comments and white space aside, and only if it made data
    that the notebook still has: a plot has to be made again to be changed, what has changed
    since may be wanted as it was, and what failed or has not run is needed. In a code
    ``for_one_cell``, which stands in that cell's place, other cells that have run are left out
    whatever they made, unless what is left goes on from that.
    """
    tree = parsed(code)
    if tree is None or not tree.body:
        return None
    wanted = _digests(tree.body)
    copied, looked_at = 0, 0
    found: list[Cell] = []
    code_cells = _code_cells(cells)
    while looked_at < len(wanted):
        nodes = tree.body[looked_at:]
        # Only these are read, which takes the longer, the more cells there are.
        likely = _with_words_of(nodes[0], code_cells)
        cell, length = _cell_at(wanted[looked_at:], likely)
        if cell is not None and (
            for_one_cell
            or is_still_there(
                nodes[:length], rest=nodes[length:], namespace=namespace, cell=cell, cells=cells
            )
        ):
            copied = looked_at = looked_at + length
            found.append(cell)
        elif isinstance(nodes[0], Import) and wanted[looked_at] in _known_statements(likely):
            # Gone only if a copied cell follows.
            looked_at += 1
        else:
            break
    copies, rest = tree.body[:copied], tree.body[copied:]
    if not found or counts_on(copies, rest=rest, namespace=namespace):
        return None
    # One that failed has not done what it was to do.
    done = "" if any(cell.error for cell in found) else ", which the notebook has run"
    return Uncopied(
        code=_lines_after(code, tree.body, copied),
        note=f"Left out a copy of {_names(found)}{done}.",
        count=len(found),
        makes=names_bound_in_scope([node for node in copies if not isinstance(node, Import)]),
    )


def without_copied_text(code: str, cells: Sequence[Cell]) -> Uncopied | None:
    """Return a text that Python cannot read without the cells that it begins with; None for none.

    At least one of them is one that Python cannot read; the others have run.
    """
    if _is_readable(code):
        return None
    rest, found = code.strip("\n"), []
    while place := _text_at(rest, cells):
        cell, text = place
        rest = rest.removeprefix(text).strip("\n")
        found.append(cell)
    if all(_is_readable(cell.source) for cell in found):
        return None
    return Uncopied(code=rest, note=f"Left out a copy of {_names(found)}.", count=len(found))


def _is_readable(code: str) -> bool:
    """Whether Python can read a code, lines of IPython's aside."""
    return parse_module(python_in(code)) is not None


def _text_at(text: str, cells: Sequence[Cell]) -> tuple[Cell, str] | None:
    """Return the longest cell whose lines a text begins with, and these lines."""
    found = [
        (cell, own)
        for cell in _code_cells(cells)
        for version in _versions(cell)
        if (own := version.strip("\n")) and f"{text}\n".startswith(f"{own}\n")
        if cell.was_run or not _is_readable(cell.source)
    ]
    return max(found, key=lambda one: len(one[1]), default=None)


def repetition(
    code: str,
    cells: Sequence[Cell],
    *,
    whole_cells_only: bool = False,
    single_statements: bool = False,
) -> str:
    """Return a note if ``code`` only repeats what cells do already; empty if it does not.

    Parameters
    ----------
    code
        Python.
    cells
        The cells above.
    whole_cells_only
        Whether lines that stand in several cells are no repetition.
    single_statements
        Whether a single statement counts wherever it is the whole of a cell; otherwise only in
        the last code cell: such as ``df.head()`` may well be asked for again. Unless only whole
        cells count, so does a function or a class wherever it stands, if none of its name follows,
        and nothing counts that may give something else by now.
    """
    tree = parsed(code)
    if tree is None or not tree.body:
        return ""
    wanted = _digests(tree.body)
    code_cells = _code_cells(cells)
    counts_anywhere = single_statements or len(wanted) > 1
    looked_at = code_cells if counts_anywhere else code_cells[-1:]
    for cell in reversed(_with_words_of(tree, looked_at)):
        if any(wanted == statements(version) for version in _versions(cell)):
            repeated, what = [cell] * len(wanted), _name(cell)
            break
    else:
        repeated, what = [], "lines of cells above"
        if len(wanted) > 1 and not whole_cells_only:
            repeated = _cells_of_lines(tree.body, code_cells)
    if not repeated:
        return "" if whole_cells_only else _repeated_definition(code, cells)
    if not whole_cells_only and gives_something_else(tree.body, repeated=repeated, cells=cells):
        return ""
    return f"{ONLY_REPEATS} {what}."


def repeated_value(code: str, namespace: Mapping[str, object], cells: Sequence[Cell]) -> str:
    """Return a note if a code is one line of a cell that gives a variable what it holds already."""
    tree = parsed(code)
    match tree.body if tree is not None else []:
        case [ast.Assign() as only]:
            pass
        case _:
            return ""
    if not says_what_is_there(only, namespace):
        return ""
    for cell in reversed(_with_words_of(only, _code_cells(cells))):
        if digest(only) in _known_statements([cell]):
            return f"{ONLY_REPEATS} a line of {_name(cell)}."
    return ""


def _cells_of_lines(nodes: Sequence[ast.stmt], cells: Sequence[Cell]) -> list[Cell]:
    """Return the last cell that each statement stands in; none if one stands in no cell."""
    likely = [_with_words_of(node, cells) for node in nodes]
    last_cells: dict[int, Cell] = {}
    # Where one is missing, it is most likely the one that the fewest cells may hold.
    for number in sorted(range(len(nodes)), key=lambda number: len(likely[number])):
        wanted = digest(nodes[number])
        holders = (cell for cell in reversed(likely[number]) if wanted in _known_statements([cell]))
        last = next(holders, None)
        if last is None:
            return []
        last_cells[number] = last
    return [last_cells[number] for number in range(len(nodes))]


def _repeated_definition(code: str, cells: Sequence[Cell]) -> str:
    """Return a note if a code is one function or class that a cell defines in the same way."""
    tree = parsed(code)
    match tree.body if tree is not None else []:
        case [
            ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name)
        ]:
            pass
        case _:
            return ""
    for cell in reversed([cell for cell in cells if cell.cell_type == "code"]):
        if any(sign in cell.source for sign in REBINDS_ANYTHING):
            return ""
        if name not in cell.source:
            continue
        makers = [_last_maker(name, version) for version in _versions(cell)]
        if makers[0] is None or not cell.was_run:
            return ""
        if makers[0]:
            is_same = statements(code)[0] in makers
            return f"{ONLY_REPEATS} a definition in {_name(cell)}." if is_same else ""
    return ""


@lru_cache(maxsize=REMEMBERED_CELLS)
def _last_maker(name: str, source: str) -> bytes | None:
    """Return the last statement of a cell that gives ``name`` a value; empty if none does.

    None if the cell is not to be looked at.
    """
    tree = parsed(python_in(source))
    makers = [node for node in tree.body if name in names_bound(node)] if tree is not None else []
    nothing = None if tree is None else b""
    return digest(makers[-1]) if makers else nothing


def parsed(code: str) -> ast.Module | None:
    """Return a code as a tree; None if it is not to be looked at."""
    # Python counts other characters as ends of lines than the offsets here do.
    tree = None if "\r" in code or "\f" in code else parse_module(code)
    return None if tree is None or is_deep(tree) else tree


@lru_cache(maxsize=REMEMBERED_CELLS)
def statements(code: str) -> tuple[bytes, ...]:
    """Return digests of a code's statements, which ignore white space and comments."""
    tree = parsed(code)
    return () if tree is None else _digests(tree.body)


def _digests(nodes: Sequence[ast.stmt]) -> tuple[bytes, ...]:
    return tuple(map(digest, nodes))


def _code_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of code that a model may have been sent: also the farthest ones."""
    return [
        cell
        for cell in nearest(cells, MAX_CELLS_LOOKED_AT)
        if cell.cell_type == "code" and cell.source.strip() and not is_request(cell.source)
    ]


def _with_words_of(node: ast.AST, cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that may hold a code, of those whose text has all its names."""
    words = words_in(node)
    return [cell for cell in cells if all(mentions(cell.source, words))]


def _without_echo(code: str, prompt: str) -> Uncopied | None:
    """Return nothing for a text in Python's fence that stands in the prompt line by line."""
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    told = {line.strip() for line in prompt.splitlines()}
    is_echo = len(lines) > 1 and parse_module(code) is None and told.issuperset(lines)
    note = "Left out what only repeats what the model was told."
    return Uncopied(code="", note=note) if is_echo else None


def _versions(cell: Cell) -> list[str]:
    """Return a cell's text as it stands and, where this differs, without its secrets.

    Models are sent the second, and so that is what they copy.
    """
    return list(dict.fromkeys([cell.source, _without_secrets(cell.source)]))


@lru_cache(maxsize=REMEMBERED_CELLS)
def _without_secrets(source: str) -> str:
    return Cell(source=source).without_secrets


def _known_statements(cells: Sequence[Cell]) -> set[bytes]:
    return {one for cell in cells for version in _versions(cell) for one in statements(version)}


def _cell_at(wanted: tuple[bytes, ...], cells: Sequence[Cell]) -> tuple[Cell | None, int]:
    """Return the longest cell that these statements begin with, and how many it has.

    It has run.
    """
    found = [
        (cell, len(own))
        for cell in cells
        if cell.was_run
        for version in _versions(cell)
        for own in _without_setup(version)
        if own and own == wanted[: len(own)]
    ]
    return max(found, key=lambda one: one[1], default=(None, 0))


@lru_cache(maxsize=REMEMBERED_CELLS)
def _without_setup(source: str) -> tuple[tuple[bytes, ...], ...]:
    """Return a cell's statements without the magics of `SETUP`, which models are not sent.

    With any other magic it has none: what that did belongs to the cell. What it only shows at its
    end may be left out of a copy.
    """
    tree = parsed(SETUP.sub("", source))
    own = () if tree is None else _digests(tree.body)
    may_end_before = tree is not None and len(own) > 1 and only_shows(tree.body[-1])
    return (own, own[:-1]) if may_end_before else (own,)


def _lines_after(code: str, nodes: Sequence[ast.stmt], count: int) -> str:
    """Return a code from behind its first ``count`` statements on, comments included."""
    if count == len(nodes):
        return ""
    end = nodes[count - 1].end_lineno or nodes[count - 1].lineno
    return "\n".join(code.split("\n")[end:]).strip("\n")


def _name(cell: Cell) -> str:
    return "a cell above" if cell.execution_count is None else f"cell [{cell.execution_count}]"


def _names(cells: Sequence[Cell]) -> str:
    """Return what several cells are called: "cells [2], [4] and [3]"."""
    names = list(dict.fromkeys(map(_name, cells)))
    if len(names) == 1:
        return names[0]
    names = [name.removeprefix("cell ") for name in names]
    return f"cells {', '.join(names[:-1])} and {names[-1]}".replace("a cell above", "one above")
