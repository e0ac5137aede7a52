"""Gaps in the cells of notebooks: a line, or the end of one, is taken out, to be completed."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeface_jupyter.infilling import Gap

__all__ = ["CutGap", "argument_gaps_of", "gaps_of", "same_code"]

# Where people pause while they type.
PAUSE = re.compile(r"(?<=[=(\[.,\"' ])(?=\S)")
# So much of an argument's name may be typed already.
BEGUN_CHARS = 3
# Nobody expects to have a longer line completed.
MAX_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class CutGap:
    """A gap, and what was taken out of it.

    Attributes
    ----------
    kind
        ``line``: the cursor is where an empty line's text begins; ``end``: within a line;
        ``argument``: where an argument is named.
    has_below
        Whether the rest of the cell is below the cursor, as when a cell is changed; without,
        it is as when a cell is first typed.
    truth
        What was there.
    """

    gap: Gap
    kind: str
    has_below: bool
    truth: str


def gaps_of(
    cells: Sequence[str], number: int, *, count: int, generator: random.Random
) -> Iterator[CutGap]:
    """Yield up to ``count`` gaps of a notebook's cell, at random places."""
    source = cells[number]
    lines = source.split("\n")
    places = [n for n, line in enumerate(lines) if _is_code(line)]
    for place in generator.sample(places, min(count, len(places))):
        line = lines[place]
        kind = generator.choice(("line", "end"))
        has_below = generator.choice((False, True))
        pauses = [match.start() for match in PAUSE.finditer(line) if line[: match.start()].strip()]
        if kind == "end" and not pauses:
            continue
        indent = len(line) - len(line.lstrip())
        column = indent if kind == "line" else generator.choice(pauses)
        yield _cut(cells, number, (place, column), kind=kind, has_below=has_below)


def argument_gaps_of(
    cells: Sequence[str], number: int, *, count: int, generator: random.Random
) -> Iterator[CutGap]:
    """Yield up to ``count`` gaps of a notebook's cell where arguments are named, or begin to be."""
    places = sorted(set(_named_arguments(cells[number])))
    for place in generator.sample(places, min(count, len(places))):
        yield _cut(cells, number, place, kind="argument", has_below=False)


def _named_arguments(source: str) -> Iterator[tuple[int, int]]:
    """Yield line, from 0, and column of the named arguments that do not begin their line."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    lines = source.split("\n")
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg):
        line = lines[keyword.lineno - 1]
        column = len(line.encode()[: keyword.col_offset].decode())
        if line[:column].strip() and len(line) <= MAX_CHARS:
            yield keyword.lineno - 1, column
            yield keyword.lineno - 1, column + min(BEGUN_CHARS, len(str(keyword.arg)))


def _cut(
    cells: Sequence[str], number: int, place: tuple[int, int], *, kind: str, has_below: bool
) -> CutGap:
    """Take out what stands in a line, from 0, after a column."""
    (row, column), lines = place, cells[number].split("\n")
    rest = lines[row + 1 :] if has_below else []
    gap = Gap(
        above=tuple(cells[:number]),
        prefix="\n".join([*lines[:row], lines[row][:column]]),
        suffix="\n".join(["", *rest]) if rest else "",
    )
    return CutGap(gap=gap, kind=kind, has_below=bool(rest), truth=lines[row][column:].rstrip())


def same_code(gap: Gap, text: str, truth: str) -> bool:
    """Whether a completed line is the one that was there, whatever its quotes and spaces."""
    return _normal(gap.line + text) == _normal(gap.line + truth)


def _normal(line: str) -> str:
    stripped = line.strip()
    for code in (stripped, f"{stripped} pass", f"try:\n pass\n{stripped} pass"):
        try:
            return ast.dump(ast.parse(code))
        except SyntaxError:
            continue
    return "".join(stripped.split()).replace('"', "'")


def _is_code(line: str) -> bool:
    is_code = bool(line.strip()) and not line.lstrip().startswith(("#", "%", "!"))
    return is_code and len(line) <= MAX_CHARS
