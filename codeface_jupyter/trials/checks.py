"""Compare an answer's code with the notebook, without running it."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from codeface_jupyter.generation import Finding

__all__ = ["check_code"]


def check_code(code: str, namespace: Mapping[str, object]) -> tuple[Finding, ...]:
    """Return what does not fit the notebook in ``code``.

    Parameters
    ----------
    code
        The code of an answer.
    namespace
        The notebook's variables.
    """
    del namespace
    try:
        ast.parse(code)
    except SyntaxError as error:
        message = f"This is not Python: {error.msg}."
        return (Finding(kind="syntax", message=message, line=error.lineno or 1),)
    return ()
