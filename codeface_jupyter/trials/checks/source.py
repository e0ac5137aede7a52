"""A code with its tree, and the way from the tree's places to the code's characters."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from codeface_jupyter.syntax import LOOKED_AT, is_deep, parsed, without_warnings
from codeface_jupyter.trials.checks.ipython_syntax import (
    UNKNOWN,
    Escape,
    hide_escape,
    python_of_magic,
    split_cell_magic,
)

__all__ = ["Source", "Unreadable", "read_source"]

LINE_END = re.compile(r"\r\n|\r|\n")
NO_TEXT = re.compile("[\0\ud800-\udfff]")
# Cells with more lines in IPython's syntax are not for Python.
MAX_ESCAPES = 40
PYTHON_CELLS = frozenset({"time", "timeit", "prun", "capture"})
PASTED_PROMPT = re.compile(r"\s*(>>> |In \[\d+\]:)")


@dataclass(frozen=True)
class Unreadable:
    """Why Python cannot read a code, in its own words, and the line from 1."""

    reason: str
    line: int


@dataclass
class Source:
    """What was read of a code.

    Attributes
    ----------
    code
        The code itself.
    tree
        Its tree; None if it is no Python, cannot be read or is nested very deeply.
    unreadable
        Why it cannot be read.
    escapes
        The magics and system commands in it.
    """

    code: str
    tree: ast.Module | None = None
    unreadable: Unreadable | None = None
    escapes: list[Escape] = field(default_factory=list)

    def __post_init__(self) -> None:
        ends = [match.end() for match in LINE_END.finditer(self.code)]
        self._starts = [0, *ends, len(self.code) + 1]

    def position(self, line: int, column: int) -> int:
        """Return the character at a line, from 1, and a column in UTF-8 bytes, from 0."""
        start = self._starts[min(line, len(self._starts) - 1) - 1]
        text = self.code[start : self._starts[min(line, len(self._starts) - 1)]]
        return start + len(text.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.expr | ast.keyword | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends, in characters."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.position(node.lineno, node.col_offset), self.position(end_line, end_column)

    def text(self, node: ast.expr | ast.keyword | ast.stmt) -> str:
        """Return the code of a node."""
        start, end = self.span(node)
        return self.code[start:end]


def read_source(code: str) -> Source:
    """Read a cell as IPython would."""
    source = Source(code)
    lines = LINE_END.split(code)
    cell_magic = split_cell_magic(code)
    if cell_magic is not None:
        number = next(number for number, line in enumerate(lines) if line.strip())
        source.escapes.append(Escape(number + 1, lines[number].strip()))
        if cell_magic[0] not in PYTHON_CELLS:
            return source
        lines[number] = _in_place_of(lines[number], *cell_magic)
    source.unreadable = _without_meaning(lines)
    if source.unreadable is None and not PASTED_PROMPT.match(code):
        _parse(source, lines)
    return source


def _in_place_of(line: str, magic: str, rest: str) -> str:
    """Return the Python that does to the variables what the line of a cell magic does."""
    if magic != "capture":
        return python_of_magic(line) or ""
    captured = rest.split()[-1:]
    return f"{captured[0]} = {UNKNOWN}" if captured and captured[0].isidentifier() else ""


def _parse(source: Source, lines: list[str]) -> None:
    """Parse, and hide one line in IPython's syntax after another until all can be read."""
    for _ in range(MAX_ESCAPES):
        try:
            source.tree = _tree(lines)
        except SyntaxError as error:
            number = min(max(error.lineno or 1, 1), len(lines)) - 1
            if _hide(source, lines, number):
                continue
            if not _is_warning(error):
                source.unreadable = Unreadable(error.msg, number + 1)
        except (ValueError, RecursionError, MemoryError):
            pass  # Python itself may fail to run it, or not
        return


def _tree(lines: list[str]) -> ast.Module | None:
    text = "\n".join(lines)
    first = next((line for line in lines if line.strip() and line.lstrip()[0] != "#"), "")
    if first[:1] not in (" ", "\t"):
        tree = parsed(text)
        if is_deep(tree):
            return None
        with without_warnings():
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(tree, LOOKED_AT, "exec", flags=flags, dont_inherit=True)
        return tree
    # IPython takes away an indentation that the whole cell has.
    block = parsed(f"if True:\n{text}")
    ast.increment_lineno(block, -1)
    condition = block.body[0]
    if len(block.body) > 1 or not isinstance(condition, ast.If):
        raise IndentationError("unexpected indent", (LOOKED_AT, lines.index(first) + 1, 1, first))
    return None if is_deep(block) else ast.Module(condition.body, type_ignores=[])


def _is_warning(error: SyntaxError) -> bool:
    """Whether it is a warning that the notebook's filters make an error of."""
    return "invalid escape sequence" in error.msg or error.msg.startswith('"is')


def _hide(source: Source, lines: list[str], number: int) -> bool:
    """Hide a line in IPython's syntax, with those that continue it; return whether it is one."""
    last = number
    while lines[last].endswith("\\") and last + 1 < len(lines):
        last += 1
    joined = " ".join(line.removesuffix("\\") for line in lines[number : last + 1])
    hidden = hide_escape(joined)
    if hidden is None or hidden[0] == lines[number]:
        return False
    source.escapes.append(Escape(number + 1, hidden[1]))
    lines[number : last + 1] = [hidden[0], *[""] * (last - number)]
    return True


def _without_meaning(lines: list[str]) -> Unreadable | None:
    """Return where the character is that is no text: a null byte or half a surrogate pair."""
    for number, line in enumerate(lines, start=1):
        if NO_TEXT.search(line):
            return Unreadable("a character that is not text", number)
    return None
