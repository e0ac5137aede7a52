"""How many rows a request asks for, and an answer that gives another number of them."""

from __future__ import annotations

import re

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.unsaid_names import NOT_MEANT, without_code
from codeface_jupyter.wording import counted

__all__ = ["asked_count", "count_note", "given_instead"]

WORDS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
N = rf"(?P<{{}}>\d{{{{1,4}}}}|{'|'.join(WORDS)})"
# What begins a request, or stands behind a word for giving: "the orders of the top 3 customers"
# may be any number of orders.
GIVEN = (
    r"(?:^\W*|[.;:,!?\n]\s*|\b(?:show|list|give|return|display|print|want|are|keep|only|just)\s+)"
    r"(?:(?:me|us|only|just|please)\s+)*(?:the\s+)?"
)
MOST = r"(?:top|first|last|best|worst|most|least|(?!interest|forest|request|harvest)\w{3,}est)"
# A part of each row or of the time, or a share of all.
NO_ROWS = (
    r"(?![\d.,-]*\d|\s*%|[\s-]*(?:\w+\s+)?(?:percent|columns?|components?|features?|variables?|fields?"
    r"|characters?|chars|letters?|words?|digits?|decimals?|lines?|days?|weeks?|months?|quarters?"
    r"|years?|hours?|minutes?|seconds?)\b)"
)
ASKED = re.compile(
    rf"{GIVEN}(?:(?:top|first|last|bottom)\s+{N.format('behind')}\b"
    rf"|{N.format('before')}\s+(?:{MOST}|rows|records|entries)\b){NO_ROWS}",
    re.IGNORECASE,
)
# What is kept, taken or looked for may be more than is counted: the rows of the top 2 regions.
KEEPS = re.compile(r"\b(?:keep|take|select|find|get|filter)\b", re.IGNORECASE)
OF_THINGS = re.compile(r"\s+(?!rows\b|records\b|entries\b)\w")
# There may be as many for each of several things.
OF_EACH = re.compile(
    r"\b(?:per|each|every|all|group(?:ed|s)?|daily|weekly|monthly|yearly|annual(?:ly)?|over\s+time"
    r"|columns?|functions?|levels?|parts?|sheets?|axes|axis|periods?|category|categories|plot|chart"
    r"|bars?|diagram|drop|remove|skip|exclude|delete|hide)\b|['\u2019]",
    re.IGNORECASE,
)
# Something else may be asked for besides.
BESIDES = re.compile(r"\b(?:and|or|then|with\s+their)\b", re.IGNORECASE)
# A tuple may hold anything.
GIVES = re.compile(r"(?:DataFrame|Series|list|\w*Index) of (?P<count>[\d,]+)(?: rows? .*)?")


def asked_count(request: str) -> int:
    """Return how many rows ``request`` asks for; 0 if that is not clear.

    Examples
    --------
    >>> asked_count("only the top 2"), asked_count("top 2 per region")
    (2, 0)
    """
    request = without_code(request)
    found = list(ASKED.finditer(request))
    if len(found) != 1 or OF_EACH.search(request):
        return 0
    before, behind = request[: found[0].start()], request[found[0].end() :]
    is_of_things = KEEPS.search(request) and OF_THINGS.match(behind)
    if is_of_things or NOT_MEANT.search(before) or BESIDES.search(behind):
        return 0
    said = (found[0]["behind"] or found[0]["before"]).lower()
    count = WORDS.index(said) + 2 if said in WORDS else int(said)
    # The first alone may be shown as its value.
    return count if count > 1 else 0


def given_instead(outcome: Outcome | None, asked: int, *, before: Outcome | None) -> str:
    """Return how many rows a code gives if others were asked for; empty if it gives as many.

    Parameters
    ----------
    outcome
        What the code did.
    asked
        How many are asked for; 0 if that is not clear.
    before
        What the cell gave that it changes: there may have been no more. None for a new one.
    """
    given = _given(outcome)
    if not asked or given is None or outcome is None:
        return ""
    in_all = _given(before)
    # Of how many a new code takes some is not known: there may be too few.
    is_less = given < asked and in_all is not None and given < in_all
    if given <= asked and not is_less:
        return ""
    return counted(given, "row" if outcome.value.startswith("DataFrame") else "value")


def count_note(given: str, asked: int) -> str:
    """Return a sentence on an answer that gives another number; empty if it does not."""
    return f"This gives {given}; {asked:,} were asked for." if given else ""


def _given(outcome: Outcome | None) -> int | None:
    """Return how many rows a code gives; None if it gives something else."""
    match = GIVES.fullmatch(outcome.value) if outcome is not None and outcome.has_run else None
    return int(match["count"].replace(",", "")) if match else None
