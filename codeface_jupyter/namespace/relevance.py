"""How much a column's name has to do with what a request says, by the words they share."""

from __future__ import annotations

import re

__all__ = ["relevance", "word_stems"]

# Long enough to tell words apart, short enough for `salary` and `salaries`.
STEM_CHARS = 5
PLURAL = re.compile(r"(?<=[^\Ws]{2})s$")
WORD = re.compile(r"[^\W\d_]+|\d+")
CASE_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z])")
# They say what is to be done or in what form, not what about.
COMMON_WORDS = frozenset({
    "a", "an", "and", "are", "as", "be", "by", "calculate", "column", "columns", "create",
    "dataframe", "each", "find", "for", "frame", "from", "get", "give", "how", "in", "index",
    "is", "it", "its", "make", "many", "name", "names", "new", "of", "on", "or", "result",
    "results", "return", "row", "rows", "series", "show", "that", "the", "their", "this", "to",
    "use", "using", "value", "values", "was", "what", "which", "with",
})  # fmt: skip


def word_stems(text: str) -> frozenset[str]:
    """Return the beginnings of the words in ``text`` that may say what it is about.

    ``unitPrice``, ``unit_price`` and ``Unit prices`` give the same.
    """
    words = WORD.findall(CASE_CHANGE.sub(" ", text).lower())
    return frozenset(_stem(word) for word in words if word not in COMMON_WORDS)


def relevance(label: str, stems: frozenset[str]) -> float:
    """Return the share of the words of ``label`` that are among ``stems``, from 0 to 1."""
    own = word_stems(label)
    return len(own & stems) / len(own) if own else 0.0


def _stem(word: str) -> str:
    return PLURAL.sub("", word)[:STEM_CHARS]
