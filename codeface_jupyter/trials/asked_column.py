"""The column of names that a request asks for one of, and an answer that gives a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.asked_kind import shown_by
from codeface_jupyter.trials.checks.values import TEXT_DTYPES, Frame, value_of

__all__ = ["asked_column", "gives_a_number"]

# "Which region sells most?", not "which regions have …" and how many they are.
WHICH = re.compile(r"\W*(?:(?:so|and|now|please)\W+)?(?:which|what)\s+(\w+)\s+(?!and\b|or\b)", re.I)
ASKS_FOR_NUMBER = re.compile(
    r"\bhow\s+(?:many|much|often)\b|\b(?:number|share|percentage)\s+of\b", re.I
)
# Of a long column, its first values tell what it holds.
MAX_VALUES = 1_000
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
    columns = [
        (obj, label, frame.dtypes.get(label))
        for obj in namespace.values()
        if isinstance(frame := value_of(obj), Frame)
        for label in frame.labels or ()
        if str(label).casefold() == asked[1].casefold()
    ]
    are_names = all(
        dtype in TEXT_DTYPES and _holds_names(obj, label) for obj, label, dtype in columns
    )
    return asked[1] if columns and are_names else ""


def _holds_names(frame: Any, label: object) -> bool:
    """Whether a column of a pandas frame holds texts, none of which looks like a number.

    Zip codes and years are often kept as texts, or as whole numbers among other objects: there, a
    number is what was asked for.
    """
    try:
        values = frame[label].iloc[:MAX_VALUES].dropna().tolist()
    except Exception:  # noqa: BLE001 - the user's cells may change it meanwhile
        return False
    return all(type(value) is str and not NUMBER.fullmatch(value.strip()) for value in values)


def gives_a_number(outcome: Outcome | None) -> bool:
    """Whether all that a code shows is one number."""
    return (
        outcome is not None and outcome.has_run and NUMBER.fullmatch(shown_by(outcome)) is not None
    )
