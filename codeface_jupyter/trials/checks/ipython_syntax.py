"""IPython's own syntax in a cell, put out of Python's sight with every other place kept.

A line that Python cannot read and that IPython would is replaced in place, so that the
lines and columns of everything else stay those of the cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["UNKNOWN", "Escape", "hide_escape", "python_of_magic", "split_cell_magic"]

# Stands for what a magic or a command gives: an expression of whose value nothing is known.
UNKNOWN = "[][0]"

CELL_MAGIC = re.compile(r"\s*%%(\w[\w.]*)[ \t]*(.*)")
ASSIGNED = re.compile(r"([ \t]*[\w., \t\[\]'\"]*[\w\]][ \t]*=[ \t]*)([!%].*)")
ESCAPED = re.compile(r"([ \t]*)(!!?.*|%[\w.]+.*|\?\??[\w.*%]+.*|%{0,2}[\w.*\[\]]+\?\??[ \t]*)$")
# Magics whose line or cell is Python, with the options before it.
OPTION = r"[ \t]+-(?:[DTls][ \t]+\S+|[\w-]+(?:[ \t]+\d+)?)"
PYTHON_MAGIC = re.compile(rf"%%?(?:time|timeit|prun|capture)\b(?:{OPTION})*")


@dataclass(frozen=True)
class Escape:
    """A magic or a system command in a cell.

    Attributes
    ----------
    line
        Its line in the cell, from 1.
    text
        What is written there: ``%pip install x``, ``!ls``.
    """

    line: int
    text: str


def split_cell_magic(code: str) -> tuple[str, str] | None:
    """Return a cell magic's name and the rest of its line; None for a cell without one."""
    match = CELL_MAGIC.match(code)
    return (match[1], match[2].strip()) if match else None


def hide_escape(line: str) -> tuple[str, str] | None:
    """Return a line with IPython's syntax as Python in the same places, and what was hidden.

    None if IPython would not read the line in its own way either.
    """
    assigned = ASSIGNED.fullmatch(line)
    if assigned:
        return f"{assigned[1]}{UNKNOWN}", assigned[2]
    escaped = ESCAPED.fullmatch(line)
    if escaped is None:
        return None
    indent, text = escaped.groups()
    python = python_of_magic(text)
    return f"{indent}{python or 'pass'}", text


def python_of_magic(text: str) -> str | None:
    """Return the Python in the line of a magic, in its place; None if there is none."""
    magic = PYTHON_MAGIC.match(text)
    if magic is None or not text[magic.end() :].strip():
        return None
    # As long as the magic's name, so that the columns stay.
    return f"{'pass;'.ljust(magic.end())}{text[magic.end() :]}"
