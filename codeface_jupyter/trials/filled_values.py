"""Values that a code changes though they were not missing, where it is to fill the missing ones.

``df["age"] = df.groupby("sex")["age"].transform("median")`` fills them, and gives all others the
same value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.checks.values import Frame, value_of
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.unsaid_names import MAX_REQUEST_CHARS, without_code
from codeface_jupyter.wording import counted

__all__ = ["OverwrittenValues", "overwritten_values"]

FILLS = re.compile(
    r"\b(?:fill|impute|replace)\w*\b[^.;\n]{0,60}?\b(?:missing|nans?|nas?|nulls?|empty|blanks?)\b"
    r"|\b(?:missing|nans?|nas?|nulls?|empty|blanks?)\b[^.;\n]{0,60}?\b(?:fill|impute)",
    re.IGNORECASE,
)
# What else is to be done to the values.
CHANGES = re.compile(
    r"\b(?:add|bin|cap|clean|clip|convert|divide|encode|log|lower|map|multiply|normali[sz]e|round"
    r"|scale|shift|sort|standardi[sz]e|strip|subtract|transform|turn|upper)\w*\b|\bint(?:eger)?s?\b",
    re.IGNORECASE,
)
CHANGED = re.compile(
    r"changes column `(?P<column>[^`]+)` in (?:all )?(?P<count>[\d,]+)(?: of [\d,]+)? rows"
)


@dataclass(frozen=True)
class OverwrittenValues:
    """Values of a column that a code changes though they were not missing.

    Attributes
    ----------
    column
        The column.
    count
        How many they are, at the least.
    """

    column: str
    count: int

    @property
    def note(self) -> str:
        """A sentence of Markdown."""
        was = "was" if self.count == 1 else "were"
        values = f"{counted(self.count, 'value')} of {code_span(self.column)}"
        return f"This changes {values} that {was} not missing."


def overwritten_values(
    outcome: Outcome | None, namespace: Mapping[str, object], *, request: str
) -> OverwrittenValues | None:
    """Return the values that are changed besides the missing ones, which alone are to be filled.

    Parameters
    ----------
    outcome
        What a code did.
    namespace
        The notebook's variables before it ran.
    request
        What was asked, in the user's words.
    """
    request = without_code(request)
    if outcome is None or not outcome.has_run or len(request) > MAX_REQUEST_CHARS:
        return None
    if not FILLS.search(request) or CHANGES.search(request):
        return None
    return next(_overwritten(outcome, namespace), None)


def _overwritten(outcome: Outcome, namespace: Mapping[str, object]) -> Iterator[OverwrittenValues]:
    for change in outcome.changes:
        changed = CHANGED.search(change.text)
        if changed is None or change.kind != "changed":
            continue
        column = changed["column"]
        missing = _missing(namespace.get(change.name), column)
        count = int(changed["count"].replace(",", ""))
        if missing is not None and count > missing:
            yield OverwrittenValues(column, count - missing)


def _missing(frame: Any, column: str) -> int | None:
    """Return how many values of a pandas frame's column are missing; None if nobody knows."""
    known = value_of(frame)
    if not isinstance(known, Frame) or known.library != "pandas" or known.has_nested_columns:
        return None
    try:
        return int(frame[column].isna().sum())
    except Exception:  # noqa: BLE001 - the user's cells may change it meanwhile
        return None
