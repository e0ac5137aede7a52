"""Words about an answer by which it is rejected: one that does the same is not what is wanted."""

from __future__ import annotations

import re

__all__ = ["SAME_AGAIN", "rejects"]

REJECTS = re.compile(
    r"\W*(?:no(?:pe)?\s*(?:[,.!;:\u2013\u2014]|-(?!\w)|$)|no\s+(?:i|it|that|this)\b|wrong\b"
    r"|nein\b|falsch\b|not\s+(?:what|right|correct|quite)\b"
    r"|(?:that|this|it)(?:['\u2019]s\s+(?:not|wrong)|\s+is\s+(?:not|wrong)|\s+isn['\u2019]?t)\b)",
    re.IGNORECASE,
)
# "No, in one line, please" asks for the same in another way.
FORM = re.compile(
    r"\b(?:us(?:e|ing)|without|in\s+one|one[ -]line\w*|functions?|class(?:es)?|comments?"
    r"|docstrings?|renam\w+|call(?:ed)?|add|thanks?|fine|good|short\w*|simpl\w+|loops?|style|format\w*"
    r"|ohne|mit|kürzer|einfacher)\b",
    re.IGNORECASE,
)
SAME_AGAIN = "This does the same as the answer above."


def rejects(words: str) -> bool:
    """Whether what is said about an answer rejects what it does, not how it is written.

    Examples
    --------
    >>> rejects("no, I want the number of rentals")
    True
    >>> rejects("no loop, please")
    False
    """
    return REJECTS.match(words) is not None and FORM.search(words) is None
