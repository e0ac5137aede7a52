"""Whole numbers that follow from those in a text: the last of a range, the size of an array.

An explanation of ``range(1, 100)`` rightly says "99", and one of ``zeros((20, 30))`` "600 values".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import combinations

__all__ = ["derived_numbers"]

# Digits that are a number by themselves: no part of a name, a date or a decimal fraction. One
# with a zero before it is a part of a date, of a time or of a code.
WHOLE = r"(?<![\w.-])(?:0|[1-9]\d{0,14})(?!\w|\.\d)"
NUMBER = re.compile(WHOLE)
THOUSANDS = re.compile(r"(?<![\w.-])[1-9]\d{0,2}(?:,\d{3}){1,4}(?!\w|\.\d)")
DATE = re.compile(r"\b\d+-\d\d-\d\d\S*|\b\d{1,2}:\d\d\b\S*")
PAIR = re.compile(rf"({WHOLE})\s?(\*\*|[*,]|by)\s?(?=({WHOLE}))")
BOUND = re.compile(rf"[<>]=?\s*({WHOLE})|\[\s*({WHOLE})\s*:|\[[^\[\]:]*:\s*({WHOLE})")
RANGE = re.compile(r"range\(\s*(-?\d{1,15})(?:\s*,\s*(-?\d{1,15}))?(?:\s*,\s*(-?\d{1,15}))?\s*\)")
# Of more, nearly every small number would be the sum or the difference of two. The last ones are
# nearest to what is asked about.
MAX_COMBINED = 16
MAX_RANGES = 8
MAX_DIGITS = 15


def derived_numbers(text: str) -> frozenset[int]:
    """Return the whole numbers that follow from those in a text and need not be in it.

    They are what comes before a number (rows are counted from zero, ranges end before their
    end) and behind a bound, the last value and the length of a range, products and powers that
    are written, and what two of the last numbers come to.
    """
    text = DATE.sub(" ", text)
    # A comma may be between thousands or between two numbers.
    found = [*THOUSANDS.findall(text), *NUMBER.findall(text)]
    numbers = [int(number.replace(",", "")) for number in found]
    last = list(dict.fromkeys(number for number in reversed(numbers) if number > 1))
    return frozenset(
        {
            *(number - 1 for number in numbers),
            *(bound + 1 for bound in _bounds(text)),
            *_of_ranges(text),
            *_written(text),
            *_combined(last[:MAX_COMBINED]),
        }
    )


def _bounds(text: str) -> Iterator[int]:
    for found in BOUND.finditer(text):
        yield from (int(number) for number in found.groups() if number)


def _of_ranges(text: str) -> Iterator[int]:
    ranges = [made for found in RANGE.finditer(text) if (made := _range(found))]
    for made in ranges:
        yield from (abs(made[-1]), len(made))
    # Of loops within loops.
    lengths = [len(made) for made in ranges[-MAX_RANGES:]]
    yield from (one * other for one, other in combinations(lengths, 2))


def _range(found: re.Match[str]) -> range:
    first, *others = (int(part) for part in found.groups() if part is not None)
    step = others[1] if len(others) > 1 else 1
    return range(first, others[0], step or 1) if others else range(first)


def _written(text: str) -> Iterator[int]:
    for left, operator, right in PAIR.findall(text):
        one, other = int(left), int(right)
        if operator != "**":
            yield one * other
        elif other * math.log10(max(one, 1)) < MAX_DIGITS:
            yield one**other


def _combined(numbers: Iterable[int]) -> Iterator[int]:
    for one, other in combinations(numbers, 2):
        yield from (one + other, abs(one - other), one * other)
