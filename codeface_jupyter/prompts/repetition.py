"""Where the words of an answer begin to go round in circles, as small models' do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from codeface_jupyter.prompts.fences import FENCE_MARK

__all__ = ["ends_sentence", "without_repetition"]

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\s*\n\s*")  # noqa: RUF001 - full width
ENDS = frozenset(".!?\n。！？")  # noqa: RUF001 - full width
# Of two sentences together: "Yes. No." may well come twice.
MIN_CHARS = 60


def ends_sentence(text: str) -> bool:
    """Whether a sentence may end in ``text``, so that it is worth looking at the whole again."""
    return not ENDS.isdisjoint(text)


def without_repetition(text: str) -> str | None:
    """Return an answer up to where it begins to say again what it has said; None if it does not.

    It does once two sentences follow each other that have followed each other before. Code in
    fences counts as none: it may well repeat itself, and what was there before.
    """
    seen: set[tuple[str, str]] = set()
    for (start, one), (_, other) in pairwise(_sentences(text)):
        if len(one) + len(other) < MIN_CHARS:
            continue
        if (one, other) in seen:
            return text[:start].rstrip()
        seen.add((one, other))
    return None


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield each whole sentence outside of code with its place."""
    start, fence = 0, ""
    for end in SENTENCE_END.finditer(text):
        sentence = text[start : end.start()]
        mark = FENCE_MARK.match(sentence)
        if mark is not None and mark[0].startswith(fence):
            fence = "" if fence else mark[0]
        elif not fence:
            yield start, sentence
        start = end.end()
