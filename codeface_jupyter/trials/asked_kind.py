"""The kind of value that a request asks for by its name, and an answer that gives another."""

from __future__ import annotations

import re

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.unsaid_names import NOT_MEANT, without_code

__all__ = ["asked_kind", "gives_another_kind", "kind_note", "shown_by"]

# As requests call them, and as they are.
KINDS = {
    "dataframe": "DataFrame",
    "series": "Series",
    "tuple": "tuple",
    "list": "list",
    "dict": "dict",
    "dictionary": "dict",
}
KIND = (
    r"`?(?P<kind>data ?frame|series(?!\s+of\s+(?:\w+\s+)?(?:plots|charts|graphs|figures|steps)\b)"
    r"|tuple|list|dict(?:ionary)?)\b(?!\s+(?:columns?|comprehension))"
)
SHOULD = r"(?:should|must|has\s+to)"
# What tells which things are meant may name the kind of another: "the rows whose tags are a list".
TELLS_WHICH = r"\b(?:whose|where|which|that|who|how|number|is|are|was|were)\b"
WORDS = rf"(?:(?!{TELLS_WHICH})[^.?!:;\n]){{0,60}}?"
VERB = rf"\b(?P<verb>return|give|show|put|present|output|results?\s+{SHOULD}\s+be)\b"
A_KIND = rf"\s+(?:(?:new|single|sorted|named|pandas)\s+)*{KIND}(?P<of>\s+of\b)?"
# What is given itself, or what things become.
ASKED = re.compile(
    rf"{VERB}(?:(?:\s+(?:me|us))?\s+an?|{WORDS}\b(?:as(?:\s+an?)?|into\s+an?)){A_KIND}",
    re.IGNORECASE,
)
# Things are put in a list, and so is a result; the largest value in a list is looked for there.
PUT_IN = re.compile(
    rf"(?:\bput\b{WORDS}|{VERB}(?:{WORDS}\b(?:results?|answers?|output|it|them|these|those|this)"
    rf"|(?<=\bbe)(?:\s+\w+)?))\s+in\s+an?{A_KIND}",
    re.IGNORECASE,
)
RESULT = re.compile(rf"\bresult(?:ing)?\s+{KIND}`?\s+{SHOULD}\b", re.IGNORECASE)


def asked_kind(request: str) -> str:
    """Return the kind of value that ``request`` asks for; empty if that is not clear.

    Examples
    --------
    >>> asked_kind("The mean of each region. Return a DataFrame with two columns.")
    'DataFrame'
    """
    request = without_code(request)
    found = {
        KINDS[match["kind"].lower().replace(" ", "")]
        for asked in (ASKED, PUT_IN, RESULT)
        for match in asked.finditer(request)
        if not NOT_MEANT.search(request[: match.start("kind")]) and not _is_said_so(match)
    }
    return found.pop() if len(found) == 1 else ""


def _is_said_so(match: re.Match[str]) -> bool:
    """Whether a list is spoken of as people do: "show a list of all customers" may be a table."""
    said = match.groupdict()
    is_shown = str(said.get("verb")).lower() in {"give", "show"}
    return is_shown and bool(said.get("of")) and said["kind"].lower() == "list"


def gives_another_kind(outcome: Outcome | None, kind: str) -> bool:
    """Whether what a code gave is known to be of another kind, and so are its variables."""
    if not kind or outcome is None or not outcome.value or kind in outcome.value_kinds:
        return False
    # Other libraries have data frames too.
    if outcome.value.startswith(kind):
        return False
    return not any(
        change.kind == "changed" or change.text.startswith(kind) for change in outcome.changes
    )


def kind_note(outcome: Outcome | None, kind: str) -> str:
    """Return a sentence on an answer that misses a kind of value; empty if it misses none."""
    if not kind or outcome is None:
        return ""
    return f"The request asks for a {kind}; this gives {code_span(shown_by(outcome))}."


def shown_by(outcome: Outcome) -> str:
    """Return what a code gave, or else what it printed."""
    return outcome.value or outcome.printed.strip()
