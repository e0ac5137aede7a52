"""The notebook's cells: what may be sent of each, and which ones fit the budget."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Literal

from codeface_jupyter.context.error_info import ErrorInfo
from codeface_jupyter.context.ipython_lines import (
    PYTHON_CELL_MAGICS,
    is_python,
    is_request,
    split_cell_magics,
    without_magics,
)
from codeface_jupyter.context.tokens import TokenCounter, cut_middle
from codeface_jupyter.privacy import redact
from codeface_jupyter.shorten import shorten
from codeface_jupyter.syntax import Definition, Import, identifiers, is_deep, parse_module, unparsed
from codeface_jupyter.wording import counted

__all__ = [
    "MAX_CELLS_LOOKED_AT",
    "NOT_RUN_MARK",
    "Cell",
    "CellChoice",
    "choose",
    "clean",
    "defined_names",
    "nearest",
    "render",
    "used_names",
    "window_start",
]

NOT_RUN_MARK = "# (this cell was not run)"
SEPARATOR = "\n\n"

# A larger cell is data: its middle is removed before anything else looks at it.
MAX_CELL_CHARS = 100_000
MAX_TITLE_CHARS = 40
# Farther cells are not even looked at. Fewer than are remembered: each is read once, not each time.
MAX_CELLS_LOOKED_AT = 5_000
REMEMBERED_CELLS = 2 * MAX_CELLS_LOOKED_AT


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the notebook, as the front end or the kernel's history has it.

    Attributes
    ----------
    source
        The text as typed.
    cell_type
        Markdown cells are sent as comments.
    execution_count
        The number in ``In [n]``; None for a cell that was not run, or is markdown.
    cell_id
        The notebook's own id; empty when unknown.
    was_run
        Whether this source was run in this kernel; the others are marked.
    is_below
        Whether it stands below the cell that asks, from which the nearest are counted.
    error
        The error that its output shows, where the front end has sent it.
    """

    source: str
    cell_type: Literal["code", "markdown"] = "code"
    execution_count: int | None = None
    cell_id: str = ""
    was_run: bool = True
    is_below: bool = field(default=False, compare=False)
    error: ErrorInfo | None = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """How a person identifies the cell: its number, or its first line."""
        if self.execution_count is not None:
            return f"In [{self.execution_count}]"
        words = self.source.strip().partition("\n")[0]
        return shorten(words, max_chars=MAX_TITLE_CHARS)

    @property
    def is_python(self) -> bool:
        """Whether its text is the notebook's own Python, not prose or another language."""
        return self.cell_type == "code" and is_python(self.source)

    @property
    def sent(self) -> str:
        """What may be sent of it: nothing of magics, of other languages and of secrets."""
        return clean(self)[0]

    @property
    def without_secrets(self) -> str:
        """Its text with a mark in the place of lines that hold a secret."""
        return redact(self.source, is_code=self.is_python)[0]


@dataclass
class CellChoice:
    """Whether and how one cell is sent.

    Attributes
    ----------
    cell
        The cell.
    text
        What is sent of it; empty when it is left out.
    reason
        Why it is left out or sent only in part; empty when it is sent whole.
    tokens
        The tokens of ``text``, its separator included.
    is_needed
        Whether the request names something that this cell defines.
    """

    cell: Cell
    text: str = ""
    reason: str = ""
    tokens: int = 0
    is_needed: bool = field(default=False, kw_only=True)

    def leave_out(self, reason: str) -> None:
        """Send nothing of this cell."""
        self.text, self.tokens, self.reason = "", 0, reason


@lru_cache(maxsize=REMEMBERED_CELLS)
def clean(cell: Cell) -> tuple[str, str]:
    """Return what may be sent of a cell, and what was left out of it.

    Magics, shell lines and lines with secrets are removed; cells in another language
    and those that ask CodeFace are left out as a whole.

    Returns
    -------
    tuple
        The text, empty if nothing is left, and the reason, empty if nothing was removed.
    """
    source = _without_middle(cell.source)
    if cell.cell_type == "markdown":
        text, secrets = redact(source, is_code=False)
        reason = "a secret left out" if secrets else "" if text.strip() else "empty"
        return text.strip(), reason
    names, body = split_cell_magics(source)
    if names and names[-1] not in PYTHON_CELL_MAGICS:
        return "", f"a %%{names[-1]} cell"
    if is_request(source):
        return "", "a request to CodeFace"
    text, magics = without_magics(body)
    text, secrets = redact(text)
    left_out = [name for name, count in (("a secret", secrets), ("magics", magics)) if count]
    if not text.strip():
        return "", "nothing but magics" if magics else "empty"
    return text.strip("\n").rstrip(), f"{' and '.join(left_out)} left out" if left_out else ""


def render(cell: Cell, text: str) -> str:
    """Write a cleaned cell as Python: Markdown as comments, a cell not run with a mark."""
    if cell.cell_type == "markdown":
        return "\n".join(f"# {line}".rstrip() for line in text.splitlines())
    return text if cell.was_run else f"{NOT_RUN_MARK}\n{text}"


@lru_cache(maxsize=REMEMBERED_CELLS)
def defined_names(source: str) -> frozenset[str]:
    """Return the names that a cell's top level imports, assigns, or defines."""
    tree = parse_module(source)
    if tree is None:
        return frozenset(re.findall(r"^(?:(?:async )?def |class )?(\w+)\s*(?=[=(:])", source, re.M))
    return frozenset(name for node in tree.body for name in _bound(node))


@lru_cache(maxsize=REMEMBERED_CELLS)
def used_names(source: str) -> frozenset[str]:
    """Return every name that a cell reads or writes."""
    tree = parse_module(source)
    if tree is None:
        return frozenset(identifiers(source))
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def nearest(cells: Sequence[Cell], count: int) -> list[Cell]:
    """Return at most so many cells in document order: those above first, then those below."""
    above = [cell for cell in cells if not cell.is_below][-count:]
    below = [cell for cell in cells if cell.is_below][: count - len(above)]
    return above + below


def choose(
    cells: Sequence[Cell],
    *,
    names: Collection[str],
    max_tokens: int,
    max_cells: int | None,
    count_tokens: TokenCounter,
) -> list[CellChoice]:
    """Choose which cells are sent, in document order, within a budget.

    All of them if they fit. If not, the far ones go first, in steps of half the
    budget, so that the start of the prompt stays the same from one request to the
    next and its KV cache can be used again. Of cells that go, imports stay and
    definitions keep their first lines; a cell that defines one of ``names`` stays.
    Any cell below the one that asks is farther than all above.

    Parameters
    ----------
    cells
        The cells around the one that asks, in document order.
    names
        The names that the request is about.
    max_tokens
        The budget; the choice never exceeds it.
    max_cells
        How many of the nearest cells may be sent; None is all.
    count_tokens
        Counts in the engine's own tokens.

    Returns
    -------
    list of CellChoice
        One for each cell, in the same order.
    """
    choices = [CellChoice(cell) for cell in cells]
    candidates = _cleaned(choices, max_cells=max_cells)
    for choice in candidates:
        choice.text = render(choice.cell, choice.text)
        choice.tokens = count_tokens(choice.text + SEPARATOR)
    if sum(choice.tokens for choice in candidates) > max_tokens:
        _fit(candidates, names=names, max_tokens=max_tokens, count_tokens=count_tokens)
    return choices


def _cleaned(choices: Sequence[CellChoice], *, max_cells: int | None) -> list[CellChoice]:
    """Clean every cell and return those of which something is left, at most ``max_cells``.

    The farthest come first, and the nearest of those above last.
    """
    candidates = []
    for choice in choices:
        choice.text, choice.reason = clean(choice.cell)
        if choice.text:
            candidates.append(choice)
    below = [choice for choice in candidates if choice.cell.is_below]
    above = [choice for choice in candidates if not choice.cell.is_below]
    candidates = [*reversed(below), *above]
    kept = len(candidates) if max_cells is None else min(max_cells, len(candidates))
    far = len(candidates) - kept
    reason = f"beyond the nearest {counted(max_cells, 'cell')}" if max_cells else "not requested"
    for choice in candidates[:far]:
        choice.leave_out(reason)
    return candidates[far:]


def _fit(
    candidates: Sequence[CellChoice],
    *,
    names: Collection[str],
    max_tokens: int,
    count_tokens: TokenCounter,
) -> None:
    """Cut and leave out cells until they fit; the farthest come first."""
    reserve = max_tokens // 4  # for imports and definitions of far cells
    room = max_tokens - reserve
    for choice in candidates:
        _cut(choice, max_tokens=room // 2, count_tokens=count_tokens)
    first_near = window_start([choice.tokens for choice in candidates], room=room)
    far, near = candidates[:first_near], candidates[first_near:]
    _keep_definitions(far, max_tokens=reserve, count_tokens=count_tokens)
    free = max_tokens - sum(choice.tokens for choice in candidates if choice.text)
    _keep_needed(far, near, names=names, free=free, count_tokens=count_tokens)


def window_start(tokens: Sequence[int], *, room: int) -> int:
    """Return the index of the first near cell.

    The tokens left out are a multiple of half the room: as the notebook grows, the
    first near cell stays the same until that much has been added.
    """
    step = max(room // 2, 1)
    excess = sum(tokens) - room
    left_out = -(-excess // step) * step if excess > 0 else 0
    starts = [0, *accumulate(tokens)]
    return next(index for index, start in enumerate(starts) if start >= left_out)


def _keep_definitions(
    far: Sequence[CellChoice], *, max_tokens: int, count_tokens: TokenCounter
) -> None:
    """Reduce far cells to their imports and the heads of their definitions."""
    for choice in far:
        choice.leave_out(f"{_far(choice)}, and the budget is used up")
    # Imports first: they are short, and usually the farthest of all.
    for definitions in (False, True):
        for choice in reversed(far):
            if choice.cell.cell_type == "markdown":
                continue
            digest = _digest(clean(choice.cell)[0], definitions=definitions)
            tokens = count_tokens(digest + SEPARATOR) if digest else 0
            if digest and tokens - choice.tokens <= max_tokens:
                max_tokens -= tokens - choice.tokens
                choice.text, choice.tokens = digest, tokens
                choice.reason = f"{_far(choice)}: only imports and definitions"


def _far(choice: CellChoice) -> str:
    return "far below" if choice.cell.is_below else "far above"


def _keep_needed(
    far: Sequence[CellChoice],
    near: Sequence[CellChoice],
    *,
    names: Collection[str],
    free: int,
    count_tokens: TokenCounter,
) -> None:
    """Bring back far cells that define what the request names, in place of near ones if needed."""
    wanted = set(names)
    for choice in near:
        choice.is_needed = not wanted.isdisjoint(defined_names(clean(choice.cell)[0]))
    evictable = [choice for choice in near[:-1] if not choice.is_needed]
    for choice in reversed(far):
        source, _ = clean(choice.cell)
        if choice.cell.cell_type != "code" or wanted.isdisjoint(defined_names(source)):
            continue
        # The latest definition is the one in force.
        wanted -= defined_names(source)
        before = choice.tokens
        whole = CellChoice(choice.cell, render(choice.cell, source))
        whole.tokens = count_tokens(whole.text + SEPARATOR)
        while evictable and whole.tokens > free + before:
            gone = evictable.pop(0)
            free += gone.tokens
            gone.leave_out("left out for a cell that the request needs")
        _cut(whole, max_tokens=free + before, count_tokens=count_tokens)
        if whole.tokens > before:
            free -= whole.tokens - before
            choice.text, choice.tokens, choice.is_needed = whole.text, whole.tokens, True
            choice.reason = whole.reason


def _cut(choice: CellChoice, *, max_tokens: int, count_tokens: TokenCounter) -> None:
    """Cut a cell in the middle if it is longer than ``max_tokens``."""
    if choice.tokens <= max_tokens:
        return
    choice.text = cut_middle(
        choice.text, max_tokens=max_tokens, count_tokens=count_tokens, ending=SEPARATOR
    )
    choice.tokens = count_tokens(choice.text + SEPARATOR) if choice.text else 0
    choice.reason = "cut in the middle" if choice.text else "longer than the budget"


def _without_middle(source: str) -> str:
    """Cut a giant source at line ends, so that nothing below takes long."""
    if len(source) <= MAX_CELL_CHARS:
        return source
    half = MAX_CELL_CHARS // 2
    head = source[:half].rpartition("\n")[0]
    tail = source[-half:].partition("\n")[2]
    return f"{head}\n# …\n{tail}"


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement binds, including those in its blocks."""
    if isinstance(node, Definition):
        yield node.name
        return
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=asname):
                yield asname or name.partition(".")[0]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


@lru_cache(maxsize=REMEMBERED_CELLS)
def _digest(source: str, *, definitions: bool) -> str:
    """Return a cell's imports and, if asked, its definitions without their bodies."""
    tree = parse_module(source)
    if tree is None:
        return ""
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, Import):
            kept.append(node)
        elif definitions and isinstance(node, Definition):
            kept.append(_outline(node))
    text = "\n".join(unparsed(node) for node in kept if not is_deep(node))
    return "\n".join(line for line in text.splitlines() if line)


def _outline(node: ast.stmt) -> ast.stmt:
    """Return a definition as its signature and its docstring's first line; methods likewise."""
    ellipsis: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            docstring = (ast.get_docstring(node) or "").partition("\n")[0]
            body: list[ast.stmt] = [ast.Expr(ast.Constant(docstring))] if docstring else []
            if isinstance(node, ast.ClassDef):
                body += [_outline(part) for part in node.body if isinstance(part, Definition)]
                body += [part for part in node.body if isinstance(part, ast.AnnAssign)]
            outline = copy(node)
            outline.body = body if isinstance(node, ast.ClassDef) and body else body + ellipsis
            return outline
    return node
