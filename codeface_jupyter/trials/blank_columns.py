"""Columns that an answer leaves without values: what it looks up is not there."""

from __future__ import annotations

import re

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.frame_changes import MOSTLY_MISSING, ONLY_MISSING

__all__ = ["leaves_blank"]

# Who speaks of what is missing may want it to be.
SPEAKS_OF_IT = re.compile(
    r"\b(?:empty|blank|missing|nan|nat|na|none|null|placeholder|notes?|leer\w*|vides?)\b",
    re.IGNORECASE,
)
# By looking up, what is not found is missing; other means may have their reasons.
LOOKS_UP = re.compile(r"\.(?:map|replace|get)\(|\bpd\.cut\(")


def leaves_blank(code: str, outcome: Outcome | None, *, request: str) -> bool:
    """Whether a code looks up the values of a column, and finds none of them, or hardly any.

    Classes that are looked up by their limits are the usual reason:
    ``df["grade"] = df["points"].map({90: "A", 80: "B"})``. ``request`` is empty where it is not
    for a new cell, of which this is not said.
    """
    if outcome is None or not request or SPEAKS_OF_IT.search(request):
        return False
    texts = (change.text for change in outcome.changes if change.kind == "changed")
    is_blank = any(sign in text for text in texts for sign in (ONLY_MISSING, MOSTLY_MISSING))
    return is_blank and LOOKS_UP.search(code) is not None
