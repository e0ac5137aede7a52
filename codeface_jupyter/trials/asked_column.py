"""The column of names that a request asks for one of, and an answer that gives a number."""

from __future__ import annotations

import re
from collections.abc import Mapping

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.asked_kind import shown_by
from codeface_jupyter.trials.checks.values import Frame, value_of

__all__ = ["asked_column", "gives_a_number"]

# "Which region sells most?", not "which regions have …" and how many they are.
WHICH = re.compile(r"\W*(?:(?:so|and|now|please)\W+)?(?:which|what)\s+(\w+)\s+(?!and\b|or\b)", re.I)
ASKS_FOR_NUMBER = re.compile(
    r"\bhow\s+(?:many|much|often)\b|\b(?:number|share|percentage)\s+of\b", re.I
)
TEXT_DTYPES = frozenset({"object", "str", "string"})
NUMBER = re.compile(r"[-+]?(?:\d[\d_,]*(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf)%?", re.I)


def asked_column(request: str, namespace: Mapping[str, object]) -> str:
    """Return the column of texts one of which a request asks for; empty if it is not clear.

    Parameters
    ----------
    request
        What was asked, in the user's words.
    namespace
        The notebook's variables.
    """
    asked = WHICH.match(request)
    if asked is None or ASKS_FOR_NUMBER.search(request):
        return ""
    frames = [value for value in map(value_of, namespace.values()) if isinstance(value, Frame)]
    columns = [(label, frame.dtypes.get(label)) for frame in frames for label in frame.labels or ()]
    dtypes = {dtype for label, dtype in columns if str(label).casefold() == asked[1].casefold()}
    return asked[1] if dtypes and dtypes <= TEXT_DTYPES else ""


def gives_a_number(outcome: Outcome | None) -> bool:
    """Whether all that a code shows is one number."""
    return (
        outcome is not None and outcome.has_run and NUMBER.fullmatch(shown_by(outcome)) is not None
    )
