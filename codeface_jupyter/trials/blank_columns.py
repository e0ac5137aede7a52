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
# What is computed of groups has their keys, not the rows', and texts may be no numbers as written.
FITS_NO_ROW = re.compile(
    r"\.groupby\((?s:.)*\.(?:agg|aggregate|count|first|last|max|mean|median|min|nunique|size|std|sum)\("
    r"|\berrors\s*=\s*[\"']coerce"
)


def leaves_blank(code: str, outcome: Outcome | None, *, request: str) -> bool:
    """Whether a code fills a column and finds none of its values, or looks up hardly any.

    Classes that are looked up by their limits are the usual reason:
    ``df["grade"] = df["points"].map({90: "A", 80: "B"})``, and means of groups:
    ``df["mean"] = df.groupby("class")["points"].mean()``. ``request`` is empty where it is not
    for a new cell, of which this is not said.
    """
    if outcome is None or not request or SPEAKS_OF_IT.search(request):
        return False
    texts = "\n".join(change.text for change in outcome.changes if change.kind == "changed")
    is_blank = ONLY_MISSING in texts
    if LOOKS_UP.search(code):
        return is_blank or MOSTLY_MISSING in texts
    return is_blank and FITS_NO_ROW.search(code) is not None
