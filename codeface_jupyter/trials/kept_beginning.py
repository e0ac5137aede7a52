"""The beginning of a failed cell that repairs of it keep: what stands above the fault.

A small model that is to repair a cell writes it down again as it was, or begins with a copy of
the notebook. With the lines above the fault given, what it writes is about the fault.
"""

from __future__ import annotations

import builtins
import keyword
import re

from codeface_jupyter.context import ContextSources
from codeface_jupyter.syntax import first_line, parse_module
from codeface_jupyter.trials.failed_statement import UNREADABLE, failed_statement

__all__ = ["kept_beginning", "repair_beginning"]

# It is read once more, and takes room from the answer.
MAX_CHARS = 2_000
# With comments above it, which a model writes down again as well.
FIRST_WORD = re.compile(r"(?:\s*#.*\n)*\s*(?P<word>\w+|[^\s#])")
ASSIGNED = re.compile(r"[^\S\n]*=(?!=)")
# For others something may have to be done first: a model fitted, a file made.
OF_A_STATEMENT = UNREADABLE | {
    "AttributeError",
    "IndexError",
    "KeyError",
    "NameError",
    "TypeError",
    "ValueError",
}


def kept_beginning(sources: ContextSources) -> str:
    """Return the lines of a cell to be repaired that stand above the statement that failed.

    Empty where it is not a cell in Python, where it is not known what failed, or where much
    stands above it.
    """
    rewrite, error = sources.rewrite, sources.error
    if sources.task != "fix" or rewrite is None or error is None or rewrite.language != "python":
        return ""
    statement = failed_statement(parse_module(rewrite.text), rewrite.text, error)
    if statement is None:
        return ""
    kept = "".join(f"{line}\n" for line in rewrite.text.split("\n")[: first_line(statement) - 1])
    return kept if len(kept) <= MAX_CHARS else ""


def repair_beginning(sources: ContextSources) -> str:
    """Return what the first repair of a cell begins with: the lines above the fault, and a word.

    That much is enough for it not to begin with another cell. Empty where it is not a cell in
    Python that failed, and without the word where that may be what is wrong, or something may be
    missing before it.
    """
    rewrite, error = sources.rewrite, sources.error
    if sources.task != "fix" or rewrite is None or error is None or rewrite.language != "python":
        return ""
    kept = kept_beginning(sources)
    match = FIRST_WORD.match(rewrite.text, len(kept)) if error.ename in OF_A_STATEMENT else None
    if match is None or not _is_right(match["word"], rewrite.text[match.end() :], sources):
        return kept
    begin = f"{kept}{match[0]}"
    return begin if len(begin) <= MAX_CHARS else ""


def _is_right(word: str, rest: str, sources: ContextSources) -> bool:
    """Whether a word that a cell begins with is surely no mistyped one."""
    if sources.error is not None and sources.error.ename in UNREADABLE:
        known = {*keyword.kwlist, *vars(builtins), *sources.namespace}
        return not word.isidentifier() or word in known or ASSIGNED.match(rest) is not None
    return sources.error is None or f"'{word}'" not in sources.error.evalue
