"""How much a column's name has to do with what a request says, by the words they share."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

__all__ = ["relevance", "relevant", "word_stems"]

# Long enough to tell words apart, short enough for `salary` and `salaries`.
STEM_CHARS = 5
# Looking for one stem in two million characters takes two milliseconds.
MAX_READ_CHARS = 100_000_000
MIN_STEMS = 10
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


def relevant(labels: Iterable[str], stems: frozenset[str], *, most: int) -> list[int]:
    """Return the positions of labels that share a word with ``stems``, the closest ones first.

    Only those are looked into in which a stem begins a word, and ``most`` for each stem. Of
    100,000 labels that takes a fifth of a second, and no longer the longer a request is.
    """
    lines = CASE_CHANGE.sub(" ", "\n".join(label.replace("\n", " ") for label in labels))
    text = lines.lower()
    written = lines.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    found: dict[int, float] = {}
    most_stems = max(MIN_STEMS, MAX_READ_CHARS // len(text)) if text else 0
    for stem in sorted(stems, key=lambda stem: (-len(stem), stem))[:most_stems]:
        count = 0
        for place in _beginnings(stem, text):
            position = bisect_right(starts, place) - 1
            if position not in found:
                found[position] = relevance(written[position], stems)
            count += found[position] > 0
            if count == most:
                break
    return sorted(filter(found.get, found), key=lambda position: (-found[position], position))


def _beginnings(stem: str, text: str) -> Iterator[int]:
    """Yield where a stem begins a word."""
    is_part = str.isdecimal if stem.isdecimal() else str.isalpha
    place = text.find(stem)
    while place >= 0:
        if not place or not is_part(text[place - 1]):
            yield place
        place = text.find(stem, place + 1)


def _stem(word: str) -> str:
    return PLURAL.sub("", word)[:STEM_CHARS]
