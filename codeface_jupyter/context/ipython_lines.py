"""What is IPython's in a cell, not Python's: cell magics, magic lines, requests to CodeFace."""

from __future__ import annotations

import ast
import re
from itertools import chain

from codeface_jupyter.syntax import ends_in_string, failing_line, identifiers, parse_module

__all__ = [
    "PYTHON_CELL_MAGICS",
    "as_typed",
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
MAGIC_LINE = re.compile(
    r"^\s*(?:[\w.,\[\]'\" ]+=\s*)?[%!](?!=)|^\s*\?|^\s*%{0,2}[\w.*\[\]]+\?\??\s*$"
)
# What IPython takes for a request for help where Python cannot read the line.
HELP_LINE = re.compile(r"\?\s*$")
REQUEST_CELL = re.compile(r"(?:\s*#[^\n]*\n)*\s*%%codeface")
REQUEST_LINE = re.compile(r"^\s*(?:[\w.,\[\]'\" ]+=\s*)?%codeface", re.MULTILINE)
MAGIC_OF_NAMES = re.compile(
    r"""^\s*(?:(?P<targets>[\w.,\[\]'" ]+)=\s*[%!](?!=)|(?P<line>%(?!=).*))""", re.MULTILINE
)
# For each of these magics a cell is read once more; of the others, looks tell.
MAX_READ = 50
# What IPython makes of such lines.
CALL = re.compile(
    r"get_ipython\(\)\.(?P<name>run_line_magic|run_cell_magic|system|getoutput)"
    r"\((?P<arguments>.*)\)\s*\Z"
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


def as_typed(line: str) -> str:
    """Return a line that IPython runs as the user wrote it: ``%run x.py`` for its call.

    Of a cell magic that is the first line.
    """
    call = CALL.search(line)
    if call is None:
        return line
    try:
        arguments = ast.literal_eval(f"({call['arguments']},)")
    except (ValueError, SyntaxError):
        return line
    match call["name"], arguments:
        case "run_line_magic", (str() as name, str() as words):
            typed = f"%{name} {words}"
        case "run_cell_magic", (str() as name, str() as words, str()):
            typed = f"%%{name} {words}"
        case "system" | "getoutput", (str() as command,):
            typed = f"!{command}"
        case _:
            return line
    return f"{line[: call.start()]}{typed}".rstrip()


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
    lines = source.split("\n")
    magics = _magics(lines)
    if not magics:
        return source, 0
    dropped = set(chain.from_iterable(magics))
    rest = "\n".join(line for number, line in enumerate(lines) if number not in dropped)
    filled = _filled(lines, magics)
    if parse_module(rest) is None and parse_module(filled) is not None:
        # A block cannot be empty.
        rest = filled
    return rest, len(magics)


def _magics(lines: list[str]) -> list[range]:
    """Return the lines of each magic: those at which Python cannot read the cell.

    So a text, a comment or brackets may hold what looks like one. Where Python cannot read the
    cell for another reason, looks have to do.
    """
    found: list[range] = []
    while number := failing_line(_filled(lines, found)):
        is_last = len(found) == MAX_READ or any(number - 1 in magic for magic in found)
        line = lines[number - 1]
        if is_last or not (MAGIC_LINE.search(line) or HELP_LINE.search(line)):
            break
        found.append(_magic_from(number - 1, lines))
    return found if number is None else [*found, *_others(lines, found)]


def _others(lines: list[str], found: list[range]) -> list[range]:
    others: list[range] = []
    for number, line in enumerate(lines):
        is_known = any(number in magic for magic in chain(found, others))
        if not is_known and MAGIC_LINE.search(line):
            above = _filled(lines[:number], [*found, *others])
            if not ends_in_string(above):
                others.append(_magic_from(number, lines))
    return others


def _magic_from(start: int, lines: list[str]) -> range:
    end = start + 1
    while end < len(lines) and lines[end - 1].rstrip().endswith("\\"):
        end += 1
    return range(start, end)


def _filled(lines: list[str], magics: list[range]) -> str:
    """Return code with an empty statement in the place of each line of a magic."""
    filled = list(lines)
    for number in chain.from_iterable(magics):
        if number < len(filled):
            line = filled[number]
            filled[number] = f"{line[: len(line) - len(line.lstrip())]}pass"
    return "\n".join(filled)


def _does_nothing(source: str) -> bool:
    tree = parse_module(source)
    return tree is not None and all(map(_is_empty, tree.body))


def _is_empty(node: ast.stmt) -> bool:
    if isinstance(node, BLOCKS):
        inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
        return all(map(_is_empty, inner)) and not getattr(node, "handlers", None)
    return isinstance(node, ast.Pass)
