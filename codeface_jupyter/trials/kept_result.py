"""The last line of a cell, which shows its result, where an edit leaves it out."""

from __future__ import annotations

import ast
import re

from codeface_jupyter.syntax import Definition, is_deep, parse_module
from codeface_jupyter.trials.bindings import names_bound_in_scope
from codeface_jupyter.trials.name_changes import names_read
from codeface_jupyter.trials.secret_values import reads_secrets, shows_secret
from codeface_jupyter.trials.shown_results import may_show

__all__ = ["KEPT_RESULT", "with_result"]

KEPT_RESULT = "Kept the last line of the cell, which shows the result."
# "Without the last line", "do not show it", "only the function", but not "in one line"; the same
# in German, French and Spanish.
LEAVES_OUT = re.compile(
    r"\b(?:no|not|only|just|without|remov\w*|delete\w*|deleting|drop\w*|omit\w*|skip\w*|stop\w*|rid"
    r"|silen\w*|quiet\w*|mute\w*|hid(?:e|den|ing)|suppress\w*|show\w*|display\w*|print\w*"
    r"|output\w*|last|final|end|(?<!one[ -])(?<!single[ -])lines?"
    r"|ohne|kein\w*|nur|nicht|weg\w*|entfern\w*|zeig\w*|anzeig\w*|ausgabe\w*|\w*zeilen?"
    r"|sans|pas|supprim\w*|enlev\w*|affich\w*|lignes?|quit\w*|elimin\w*|mostr\w*)\b|n't\b",
    re.IGNORECASE,
)


def with_result(code: str, old: str, *, instruction: str) -> str:
    r"""Return an edited cell with the line in which the old one showed what it makes.

    Empty where the new cell shows something, does not make what the line reads, would show a
    secret, or may have been meant to leave it out.

    Examples
    --------
    >>> with_result("s = [n for n in x]", "s = []\ns += x\ns", instruction="in one line")
    's = [n for n in x]\ns'
    """
    before, now = _statements(old), _statements(code)
    line = _shown_line(before, old)
    if not line or not now or _leaves_out(instruction) or any(map(may_show, now)):
        return ""
    own = names_read(before[-1]) & names_bound_in_scope(before)
    is_made = bool(own) and own <= names_bound_in_scope(now)
    # What was a value may be a function by now, which is not shown but called.
    is_as_it_was = _functions(before) & own == _functions(now) & own
    gap = "\n\n" if isinstance(now[-1], Definition) else "\n"
    whole = f"{code.rstrip()}{gap}{line}"
    is_open = not shows_secret(whole) and not any(map(reads_secrets, now))
    return whole if is_made and is_as_it_was and is_open else ""


def _leaves_out(instruction: str) -> bool:
    """Whether an instruction may be to show nothing; nobody knows in most other languages."""
    words = instruction.replace("\u2019", "'")
    return not words.isascii() or LEAVES_OUT.search(words) is not None


def _statements(code: str) -> list[ast.stmt]:
    tree = parse_module(code)
    return tree.body if tree is not None and not is_deep(tree) else []


def _shown_line(statements: list[ast.stmt], code: str) -> str:
    """Return the lines of a last statement whose value a cell shows; empty if it shows none."""
    match statements:
        case [*_, ast.Expr(value=value) as last] if not isinstance(value, ast.Constant):
            lines = code.rstrip().split("\n")[last.lineno - 1 :]
            shows = not lines[-1].rstrip().endswith(";")
            return "\n".join(lines) if shows and not last.col_offset else ""
    return ""


def _functions(statements: list[ast.stmt]) -> set[str]:
    """Return the names of what can be called, as far as their making tells."""
    found: set[str] = set()
    for node in statements:
        match node:
            case ast.Assign([ast.Name(id=name)], ast.Lambda()):
                found.add(name)
            case _ if isinstance(node, Definition):
                found.add(node.name)
    return found
