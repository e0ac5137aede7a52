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

# What a function returns is not what its call gives, if it is called at all.
OF_A_FUNCTION = re.compile(
    r"\b(?:functions?|methods?|def|lambda|procedures?)\b"
    r"(?:(?![.?!]\s|\n).)*(?:[.?!]\s+(?:it|this|which)\b(?:(?![.?!]\s|\n).)*)?\Z",
    re.IGNORECASE,
)
# Of what each thing becomes there are as many, in whatever.
EACH = re.compile(r"\b(?:each|every|per|for\s+all)\b", re.IGNORECASE)
EACH_AT_ONCE = re.compile(r"(?:\s+(?:me|us))?\s+(?:each|every)\b", re.IGNORECASE)
PER_THING = re.compile(r"`?\s+(?:per|(?:of|for)\s+(?:each|every|all))\b", re.IGNORECASE)
# A table may well have a row for each thing.
TABLES = frozenset({"DataFrame", "Series"})


def asked_kind(request: str) -> str:
    """Return the kind of value that ``request`` asks for; empty if that is not clear.

    Examples
    --------
    >>> asked_kind("The mean of each region. Return a DataFrame with two columns.")
    'DataFrame'
    """
    request = without_code(request)
    found = {
        _kind(match)
        for asked in (ASKED, PUT_IN, RESULT)
        for match in asked.finditer(request)
        if not NOT_MEANT.search(request[: match.start("kind")])
        and not (_is_said_so(match) or _is_of_each(match) or _is_of_a_function(match))
    }
    return found.pop() if len(found) == 1 else ""


def _kind(match: re.Match[str]) -> str:
    return KINDS[match["kind"].lower().replace(" ", "")]


def _is_of_a_function(match: re.Match[str]) -> bool:
    return bool(OF_A_FUNCTION.search(match.string[: match.start()]))


def _is_of_each(match: re.Match[str]) -> bool:
    """Whether a kind is that of each of several things: "give each line as a tuple"."""
    begin = match.end("verb") if match.groupdict().get("verb") else match.start()
    between = match.string[begin : match.start("kind")]
    is_each = EACH_AT_ONCE.match(between) or PER_THING.match(match.string, match.end("kind"))
    return bool(is_each or (_kind(match) not in TABLES and EACH.search(between)))


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
