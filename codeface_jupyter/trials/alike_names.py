"""Which names may be meant by another one, for what they have in common with it."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from codeface_jupyter.trials.checks.wording import is_slip, plain_name

__all__ = [
    "SAME_IN_PART",
    "SAME_WORDS",
    "contains_words",
    "is_opposite",
    "method_likeness",
    "most_alike",
    "says_the_same",
]

WORD = re.compile(r"[^\W_]+")
# Words of a name without which it says the same.
FILLERS = frozenset({"a", "col", "column", "get", "of", "the"})
# Words of a method that say little of what it does, and those that only say with what.
SMALL_WORDS = frozenset({"as", "by", "do", "get", "make", "set", "to"})
OBJECTS = frozenset({"column", "columns", "index", "row", "rows", "value", "values"})
# How much two names have in common.
SAME_WORDS, SAME_IN_PART = 2, 1
# What turns the rest of a name into another meaning.
TURNS = frozenset(
    {"a", "de", "dis", "drop", "ex", "ignore", "in", "is", "keep", "no", "non", "not", "skip", "un"}
)
# What makes its opposite of a name that it stands before, and what stands before opposites.
NEGATIONS = frozenset({"de", "dis", "drop", "ignore", "keep", "no", "non", "not", "skip", "un"})
OPPOSITES = (frozenset({"a", "de"}), frozenset({"de", "en"}), frozenset({"ex", "in"}))
MIN_COMMON_LETTERS = 3
# One who is in a hurry writes `sep` for `separator`.
MIN_ABBREVIATION = 3
# Of columns, `count` is not short for `country`.
USUAL_ABBREVIATIONS = {
    "addr": ("address",),
    "amt": ("amount",),
    "avg": ("average",),
    "cat": ("category",),
    "cust": ("customer",),
    "dept": ("department",),
    "desc": ("description",),
    "freq": ("frequency",),
    "id": ("identifier",),
    "lat": ("latitude",),
    "lng": ("longitude",),
    "lon": ("longitude",),
    "max": ("maximum",),
    "min": ("minimum",),
    "mon": ("month",),
    "num": ("number",),
    "pct": ("percent", "percentage"),
    "prod": ("product",),
    "qty": ("quantity",),
    "reg": ("region",),
    "temp": ("temperature",),
    "yr": ("year",),
}
VOWELS = str.maketrans("", "", "aeiou")


def most_alike(name: str, names: Iterable[str], *, count: int) -> list[str]:
    """Return those of ``names`` that have the most in common with a name.

    A part of it tells more than its length: ``index_by`` is nearer to ``set_index`` than to
    ``items``.
    """
    return heapq.nlargest(count, sorted(names), key=lambda other: _likeness(name, other))


def says_the_same(name: str, other: str, *, is_column: bool = False) -> bool:
    """Whether two names are one with a slip, or the same words, which may be abbreviated.

    Any three letters may stand for a word that begins with them, but in the name of a column,
    which may be anything: there, only what is usual is an abbreviation.

    ``price`` is neither ``total_price`` nor ``price_eur``: what a word more or less means, would
    have to be computed, or is another thing.
    """
    if is_slip(name, other):
        return True
    words, others = _words(name), _words(other)
    is_one_word = _is_one_word_of_column if is_column else _is_one_word
    pairs = zip(words, others, strict=False)
    return len(words) == len(others) > 0 and all(is_one_word(*pair) for pair in pairs)


def method_likeness(name: str, other: str) -> int:
    """Return how much two methods do the same, by their words: 0 if they do not.

    ``as_list`` is ``to_list``, and ``rename_columns`` may be ``rename``, but ``first`` is not
    ``first_valid_index`` nor ``rolling_mean`` ``rolling``.
    """
    if says_the_same(name, other):
        return SAME_WORDS
    words, others = ({*_words(one)} - SMALL_WORDS for one in (name, other))
    more = _without(words, others) | _without(others, words)
    if _without(words, others) == words or not more <= OBJECTS:
        return 0
    return SAME_IN_PART if more else SAME_WORDS


def _without(words: set[str], others: set[str]) -> set[str]:
    """Return the words that are not among others, not even in the plural or abbreviated."""
    return {word for word in words if not any(_is_one_word(word, other) for other in others)}


def contains_words(shorter_name: str, longer_name: str) -> bool:
    """Whether a name has another one's words, in a row, and none that turns its meaning."""
    shorter, longer = _words(shorter_name), _words(longer_name)
    if sum(map(len, shorter)) < MIN_COMMON_LETTERS:
        return False
    for start in range(len(longer) - len(shorter) + 1):
        end = start + len(shorter)
        if list(longer[start:end]) == list(shorter):
            return TURNS.isdisjoint([*longer[:start], *longer[end:]])
    return False


def is_opposite(name: str, other: str) -> bool:
    """Whether two names end alike, and begin with what makes opposites of them."""
    one, two = plain_name(name), plain_name(other)
    common = 0
    while common < min(len(one), len(two)) and one[-common - 1] == two[-common - 1]:
        common += 1
    # `is_null` says what `null` says.
    begins = {text[: len(text) - common].removeprefix("is") for text in (one, two)}
    is_negation = len(begins) > 1 and begins <= NEGATIONS | {""}
    return common >= MIN_COMMON_LETTERS and (is_negation or begins in OPPOSITES)


def _words(name: str) -> Sequence[str]:
    # Signs are no words: "Unit Price ($)".
    return [word for word in WORD.findall(name.casefold()) if word not in FILLERS]


def _is_one_word(word: str, other: str) -> bool:
    """Whether two words are one, in the plural or abbreviated."""
    shorter, longer = sorted((word, other), key=len)
    if shorter == longer:
        return True
    is_word = shorter.isalpha() and longer.isalpha()
    return is_word and len(shorter) >= MIN_ABBREVIATION and longer.startswith(shorter)


def _is_one_word_of_column(word: str, other: str) -> bool:
    """Whether two words are one with a slip, in the plural, in short, or without its vowels."""
    shorter, longer = sorted((word, other), key=len)
    if shorter == longer or is_slip(word, other):
        return True
    if len(shorter) >= MIN_ABBREVIATION:
        without_vowels = longer[0] + longer[1:].translate(VOWELS)
        if longer in {f"{shorter}s", f"{shorter}es"} or shorter == without_vowels:
            return True
    return longer in USUAL_ABBREVIATIONS.get(shorter, ())


def _likeness(name: str, other: str) -> tuple[int, float]:
    matcher = SequenceMatcher(None, plain_name(name), plain_name(other), autojunk=False)
    return matcher.find_longest_match().size, matcher.ratio()
