"""The prompt's own marks in an answer: they say what was not sent, and are no code."""

from __future__ import annotations

from codeface_jupyter.context.cells import NOT_RUN_MARK
from codeface_jupyter.context.ipython_lines import python_in
from codeface_jupyter.privacy.redaction import SECRET_MARK
from codeface_jupyter.trials.copies import statements

__all__ = ["without_marks"]

MARKS = frozenset({NOT_RUN_MARK, SECRET_MARK})


def without_marks(code: str, *, but_for: str = "") -> str:
    """Return a code without the lines that are marks of the prompt.

    Parameters
    ----------
    code
        Python.
    but_for
        A cell that the code is to take the place of: the marks in it stand for lines of its own.
    """
    marks = MARKS - {line.strip() for line in but_for.split("\n")}
    lines = code.split("\n")
    left = "\n".join(line for line in lines if line.strip() not in marks)
    if len(left) == len(code) or not left.strip():
        return code
    # It may stand in a text, too, which is the code's own.
    before, after = (statements(python_in(c)) for c in (code, left))
    return left.strip("\n") if before and before == after else code
