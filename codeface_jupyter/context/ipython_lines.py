"""What is IPython's in a cell, not Python's: cell magics, magic lines, requests to CodeFace."""

from __future__ import annotations

import ast
import re

from codeface_jupyter.syntax import identifiers, parse_module

__all__ = [
    "PYTHON_CELL_MAGICS",
    "is_python",
    "is_request",
    "names_in_magics",
    "python_in",
    "split_cell_magics",
    "without_magics",
]

# Cell magics whose body is still the notebook's own Python.
PYTHON_CELL_MAGICS = frozenset({"capture", "prun", "python", "python3", "time", "timeit"})
CELL_MAGIC = re.compile(r"%%(\S+)[^\n]*\n?")
MAGIC_LINE = re.compile(r"^\s*(?:[\w.,\[\]'\" ]+=\s*)?[%!](?!=)|^\s*\?|\?\s*$")
REQUEST_CELL = re.compile(r"(?:\s*#[^\n]*\n)*\s*%%codeface")
REQUEST_LINE = re.compile(r"^\s*(?:[\w.,\[\]'\" ]+=\s*)?%codeface", re.MULTILINE)
MAGIC_OF_NAMES = re.compile(
    r"""^\s*(?:(?P<targets>[\w.,\[\]'" ]+)=\s*[%!](?!=)|(?P<line>%(?!=).*))""", re.MULTILINE
)
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try)


def split_cell_magics(source: str) -> tuple[tuple[str, ...], str]:
    """Return the names of a cell's magics, outermost first, and what is below them.

    Below one that does not take Python, nothing is a cell magic.
    """
    names: list[str] = []
    body = source.lstrip()
    while match := CELL_MAGIC.match(body):
        names.append(match[1])
        body = body[match.end() :]
        if match[1] not in PYTHON_CELL_MAGICS:
            break
        body = body.lstrip() if body.lstrip().startswith("%%") else body
    return tuple(names), body if names else source


def is_python(source: str) -> bool:
    """Whether a code cell is the notebook's own Python, not another language's."""
    names, _ = split_cell_magics(source)
    return not names or names[-1] in PYTHON_CELL_MAGICS


def python_in(source: str) -> str:
    """Return a cell's Python, without its magics."""
    return without_magics(split_cell_magics(source)[1])[0]


def names_in_magics(source: str) -> frozenset[str]:
    """Return the names that magics may give a cell's values: ``x = !ls``, ``%%sql x <<``.

    That is every name on a magic's line, or in a cell that is not in Python. A request to
    CodeFace gives none.
    """
    if ("%" not in source and "!" not in source) or is_request(source):
        return frozenset()
    names, body = split_cell_magics(source)
    if not is_python(source):
        return frozenset(identifiers(source))
    head = source.removesuffix(body) if names else ""
    # As in `without_magics`.
    lines = [] if parse_module(body) is not None else MAGIC_OF_NAMES.finditer(body)
    found = (match["targets"] or match["line"] for match in lines)
    return frozenset(name for text in (head, *found) for name in identifiers(text))


def is_request(source: str) -> bool:
    """Whether a cell asks CodeFace and does nothing else, whatever the request stands under."""
    if "%codeface" not in source:
        return False
    names, body = split_cell_magics(source)
    if (names and names[-1].startswith("codeface")) or REQUEST_CELL.match(body):
        return True
    return bool(REQUEST_LINE.search(body)) and _does_nothing(without_magics(body)[0])


def without_magics(source: str) -> tuple[str, int]:
    """Drop lines that are IPython's, not Python's; return the rest and the number dropped."""
    # Where Python can read it, a line that starts with % is an operator or a string.
    if parse_module(source) is not None:
        return source, 0
    kept: list[str] = []
    filled: list[str] = []
    dropped = 0
    is_continued = False
    for line in source.split("\n"):
        if is_continued or MAGIC_LINE.search(line):
            dropped += not is_continued
            is_continued = line.rstrip().endswith("\\")
            filled.append(f"{line[: len(line) - len(line.lstrip())]}pass")
        else:
            kept.append(line)
            filled.append(line)
    rest = "\n".join(kept)
    if dropped and parse_module(rest) is None and parse_module("\n".join(filled)) is not None:
        # A block cannot be empty.
        rest = "\n".join(filled)
    return rest, dropped


def _does_nothing(source: str) -> bool:
    tree = parse_module(source)
    return tree is not None and all(map(_is_empty, tree.body))


def _is_empty(node: ast.stmt) -> bool:
    if isinstance(node, BLOCKS):
        inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
        return all(map(_is_empty, inner)) and not getattr(node, "handlers", None)
    return isinstance(node, ast.Pass)
