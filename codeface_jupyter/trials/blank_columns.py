"""Columns that an answer leaves without values: what it looks up is not there."""

from __future__ import annotations

import re

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.frame_changes import MOSTLY_MISSING, ONLY_MISSING

__all__ = ["leaves_blank"]

# Who speaks of what is missing may want it to be.
SPEAKS_OF_IT = re.compile(
    r"\b(?:empty|blank|missing|nan|nat|na|none|null|placeholder|lag\w*|shift\w*|leer\w*|vides?)\b",
    re.IGNORECASE,
)


def leaves_blank(outcome: Outcome | None, *, request: str) -> bool:
    """Whether a code leaves a column of a frame without values, or nearly so, unasked.

    Categories that are looked up by the limits of their classes are the usual reason:
    ``df["grade"] = df["points"].map({90: "A", 80: "B"})``. ``request`` is empty where it is not
    for a new cell, of which this is not said.
    """
    if outcome is None or not request or SPEAKS_OF_IT.search(request):
        return False
    texts = (change.text for change in outcome.changes if change.kind == "changed")
    return any(sign in text for text in texts for sign in (ONLY_MISSING, MOSTLY_MISSING))
