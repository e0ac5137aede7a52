"""Words about an answer by which it is rejected: one that does the same is not what is wanted."""

from __future__ import annotations

import re

__all__ = ["SAME_AGAIN", "rejects"]

# "No loop, please" and "not so many lines" ask for the same in another way.
REJECTS = re.compile(
    r"\W*(?:no(?:pe)?\s*[,.!;:\u2013\u2014-]|no\s+(?:i|it|that|this)\b|wrong\b|nein\b|falsch\b"
    r"|not\s+(?:what|right|correct)\b|(?:that|this|it)(?:['\u2019]s|\s+is)\s+(?:wrong|not\s+(?:what|right|correct))\b)",
    re.IGNORECASE,
)
SAME_AGAIN = "This does the same as the answer above."


def rejects(words: str) -> bool:
    """Whether what is said about an answer begins with its rejection.

    Examples
    --------
    >>> rejects("no, I want the number of rentals")
    True
    >>> rejects("no loop, please")
    False
    """
    return REJECTS.match(words) is not None
