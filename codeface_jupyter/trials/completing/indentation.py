"""How deep a new line of Python may be indented, by the lines around it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codeface_jupyter.infilling import Gap
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.naming.lexing import lex, opener
from codeface_jupyter.trials.naming.unfinished import handlers

__all__ = ["Indentation", "indentation_of", "opens_block", "settled", "width"]

USUAL_STEP = 4
TAB_WIDTH = 8
# The cell is read once for each.
MAX_DEPTHS = 8
# These end a block that the line above them is in.
CONTINUING = ("elif", "else", "except", "finally")


@dataclass(frozen=True)
class Indentation:
    """The least and the most spaces that a line may begin with."""

    least: int
    most: int

    @classmethod
    def of(cls, gap: Gap) -> Indentation | None:
        """Return how deep the cursor's line may be; None where syntax does not say.

        That is where the line has begun already, or goes on with what the lines above leave
        open.
        """
        tokens = lex(gap.prefix)
        is_within = opener(tokens, len(tokens)) is not None or (
            bool(tokens) and tokens[-1].kind == "string"
        )
        if gap.line or gap.rest.strip() or is_within or "\t" in gap.prefix + gap.suffix:
            return None
        above, below = gap.line_above, gap.line_below
        if opens_block(above):
            depth = max(width(below), width(above) + _step(gap))
            return cls(depth, depth)
        if not below.strip():
            return cls(0, width(above))
        return _between(width(above), below, step=_step(gap))

    def nearest(self, depth: int) -> int:
        """Return the allowed number of spaces that is nearest to ``depth``."""
        return min(max(depth, self.least), self.most)


def settled(text: str, gap: Gap) -> str:
    """Return a text that begins a line with the nearest indentation that Python can read there.

    The further lines of its block go with the first. Where the cell cannot be read in any way,
    it is what the lines around allow.
    """
    allowed = Indentation.of(gap)
    if allowed is None or not text.strip():
        return text
    for depth in _depths(text, gap):
        moved = _moved(text, depth)
        code = gap.prefix + moved + gap.suffix
        tree = read_source(f"{code}{handlers(code)}").tree
        if tree is not None and not _has_stray(tree):
            return moved
    return _moved(text, allowed.nearest(width(text)))


def _has_stray(node: ast.AST, *, in_function: bool = False, in_loop: bool = False) -> bool:
    """Whether a return, a break or a continue stands where Python would refuse to run it."""
    match node:
        case ast.Return():
            return not in_function
        case ast.Break() | ast.Continue():
            return not in_loop
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            in_function, in_loop = True, False
        case ast.ClassDef():
            in_function = in_loop = False
        case ast.For() | ast.AsyncFor() | ast.While():
            in_loop = True
    children = ast.iter_child_nodes(node)
    return any(_has_stray(child, in_function=in_function, in_loop=in_loop) for child in children)


def _depths(text: str, gap: Gap) -> list[int]:
    """Return how many spaces a line may begin with, the likeliest first.

    A block that begins is indented as the others of the cell, any other line as it comes.
    """
    above, lines = gap.line_above, (gap.prefix + gap.suffix).split("\n")
    usual = width(above) + _step(gap)
    wanted = usual if opens_block(above) else width(text)
    found = {wanted, usual, width(text), *(width(line) for line in lines if line.strip())}
    return sorted(found, key=lambda depth: (abs(depth - wanted), depth))[:MAX_DEPTHS]


def _moved(text: str, depth: int) -> str:
    first, newline, further = text.partition("\n")
    return _at(first, depth) + newline + _shifted(further, by=depth - _block_width(text))


def opens_block(line: str) -> bool:
    """Whether a line of Python ends with a colon that a block follows."""
    tokens = [token for token in lex(line) if token.kind not in ("comment", "newline")]
    return bool(tokens) and tokens[-1].text == ":" and opener(tokens, len(tokens)) is None


def width(line: str) -> int:
    """Return how many spaces a line begins with; a tab counts as Python counts it."""
    return len(indentation_of(line).expandtabs(TAB_WIDTH))


def indentation_of(line: str) -> str:
    """Return the spaces and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def _block_width(text: str) -> int:
    """Return how deep the block is that a text's first line begins."""
    first, *further = [line for line in text.split("\n") if line.strip()]
    below = width(further[0]) if further else 0
    # Nothing can be deeper than a whole statement: its own line only lacks spaces.
    is_whole = parse_module(first.strip()) is not None
    return below if is_whole and below > width(first) else width(first)


def _shifted(text: str, *, by: int) -> str:
    return "\n".join(_at(line, width(line) + by) for line in text.split("\n"))


def _at(line: str, depth: int) -> str:
    return " " * depth + line.lstrip(" \t") if line.strip() else line


def _between(above: int, below: str, *, step: int) -> Indentation:
    depth = width(below)
    if depth > above:
        # What is deeper needs a line that opens its block.
        return Indentation(max(depth - step, 0), max(depth - step, 0))
    if below.lstrip().startswith(CONTINUING):
        depth = min(depth + step, above)
    return Indentation(depth, above)


def _step(gap: Gap) -> int:
    """Return by how much the cell indents its blocks."""
    widths = {width(line) for line in (gap.prefix + gap.suffix).split("\n") if line.strip()}
    return min((n for n in widths if n > 0), default=USUAL_STEP)
