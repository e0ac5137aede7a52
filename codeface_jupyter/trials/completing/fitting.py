"""Whether a completion fits the code around it and what is there in the notebook."""

from __future__ import annotations

from collections.abc import Mapping

from codeface_jupyter.context.cells import defined_names
from codeface_jupyter.infilling import Gap
from codeface_jupyter.trials.checks import NOT_THERE, check_code
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.completing.indentation import indentation_of, opens_block
from codeface_jupyter.trials.naming.lexing import lex
from codeface_jupyter.trials.naming.unfinished import closers, handlers, open_endings

__all__ = ["misfit"]

TIMEOUT_S = 0.25
HALF_CHARACTER = "\ufffd"
# What cannot be run counts, too; what code would do once it is run is its author's business.
MISFITS = NOT_THERE | {"syntax", "bad_call"}


def misfit(text: str, gap: Gap, namespace: Mapping[str, object]) -> str:
    """Return in a few words why a completion is not worth showing; empty if it is.

    Parameters
    ----------
    text
        The completion, as it would be inserted.
    """
    if not text.strip():
        return "nothing"
    if HALF_CHARACTER in text:
        return "half a character"
    if _repeats(text, gap):
        return "a repeat of its neighbours"
    code = _readable(text, gap)
    if code is None:
        return "no Python"
    first = gap.prefix.count("\n") + 1
    lines = range(first, first + text.count("\n") + 1)
    for finding in check_code(code, _known(gap, namespace), timeout_s=TIMEOUT_S):
        if finding.kind in MISFITS and finding.line in lines:
            return finding.message
    return ""


class _NotRunYet:
    """Stands for what a cell above will make: nothing is known of it."""

    def __getattr__(self, name: str) -> object:
        raise AttributeError(name)


def _known(gap: Gap, namespace: Mapping[str, object]) -> Mapping[str, object]:
    """Return the notebook's variables, and those of cells above that have not been run."""
    above = {name for source in gap.above for name in defined_names(source)}
    return {**dict.fromkeys(above, _NotRunYet()), **namespace}


def _repeats(text: str, gap: Gap) -> bool:
    """Whether a completion only says what stands right above or below."""
    lines = (gap.line + text).strip().split("\n")
    first, last = "".join(lines[0].split()), "".join(lines[-1].split())
    above, below = ("".join(line.split()) for line in (gap.line_above, gap.line_below))
    return (len(lines) == 1 and first == above) or (bool(below) and last == below)


def _readable(text: str, gap: Gap) -> str | None:
    """Return the cell with the completion, if need be without what is below; None if no Python."""
    written = gap.prefix + text
    line = written + gap.rest
    tokens, end = lex(line), handlers(line)
    is_comment = bool(tokens) and tokens[-1].kind == "comment"
    if is_comment:
        line = f"{line}\n{indentation_of(gap.line)}"
    ended = [f"{line}{endings(tokens)}" for endings in (open_endings, closers)]
    blocks = [f"{code} pass{end}" for code in ended if is_comment or opens_block(code)]
    for code in (written + gap.suffix, *(f"{code}{end}" for code in ended), *blocks):
        source = read_source(code)
        if source.tree is not None:
            return code
    return None
