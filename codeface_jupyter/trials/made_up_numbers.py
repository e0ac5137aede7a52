"""Numbers in an explanation that are not in what it explains."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Container, Iterator
from dataclasses import dataclass

from codeface_jupyter.prompts import LINE_END, find_fences, without_thoughts
from codeface_jupyter.trials.derived_numbers import derived_numbers

__all__ = ["made_up_numbers"]

# What is said: with a sign between thousands, an exponent, a word or per cent behind it; not a
# part of a name, a version or an address. Letters of scripts without spaces may touch it.
SPACE = r"'\u202f\u00a0 "
SAID = re.compile(
    rf"(?<![A-Za-z0-9_.])(?P<number>\d{{1,3}}(?:[.{SPACE}]\d{{3}})+,\d+(?!,\d)"
    rf"|\d{{1,3}}(?:[,{SPACE}]\d{{3}})+(?:\.\d+)?|\d+(?:,\d+)+"
    r"|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![A-Za-z0-9_]|\.\d)"
    r"\s?(?P<unit>%|thousand\b|million\b|billion\b)?"
)
# What has a number for a name.
NUMBERED = re.compile(r"\b(?:PEP|ISO|RFC|HTTP|Python|[Pp]ort|[Vv]ersion)(?:/\w+)?[\s/-]\s*\Z")
CHARS_BEFORE = 16
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "%": 0.01}
# What is known, wherever digits stand: in names, dates and code, too. A comma may be between
# thousands or between two numbers.
KNOWN = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
KNOWN_SHARE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s?%")
KNOWN_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
BETWEEN_THOUSANDS = re.compile(rf"[,{SPACE}]")
# A comma, or a point, may stand between thousands or before decimals, and a comma or a space
# between two numbers.
WITH_DECIMAL_COMMA = re.compile(rf"(?:\d{{1,3}}(?:[.{SPACE}]\d{{3}})+|\d+),\d+")
ONE_THOUSANDS_POINT = re.compile(r"\d{1,3}\.\d{3}")
THOUSANDS = re.compile(rf"\d{{1,3}}(?:[,{SPACE}]\d{{3}})+(?:\.\d+)?")
BETWEEN_NUMBERS = re.compile(r"[,\u202f\u00a0 ]")
UNDERSCORE = re.compile(r"(?<=\d)_(?=\d)")
NO_WORDS = re.compile(r"(`+).+?\1|https?://\S+|^[ \t]*\d+[.)](?=\s)", re.DOTALL | re.MULTILINE)
# People count as far without a source: steps, months, "the two columns".
MAX_COUNTED = 12
MAX_CHARS = 40
# What textbooks and defaults have: levels of significance and confidence, quartiles, the whole.
COMMON = frozenset({0.01, 0.05})
COMMON_SHARES = frozenset({0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0})
# Of floats, whose last digit is not certain.
TOLERANCE = 1e-9


def made_up_numbers(answer: str, *, known: str) -> list[str]:
    """Return the numbers that an answer's words name and ``known`` does not have, as written.

    A number that is rounded, is a share as per cent, or what a share leaves, counts as known; so
    do small whole ones, those that follow from others, what is in every textbook ("95%
    confidence"), and all that is in code.
    """
    known = UNDERSCORE.sub("", known)
    values, derived = sorted(_known(known)), derived_numbers(known)
    words = _words(answer)

    def is_known(numbers: list[_Said]) -> bool:
        return all(number.is_in(values) or number.is_one_of(derived) for number in numbers)

    made_up = (
        found[0].strip()
        for found in SAID.finditer(words)
        if not NUMBERED.search(words[max(0, found.start() - CHARS_BEFORE) : found.start()])
        and not any(map(is_known, _readings(found)))
    )
    return list(dict.fromkeys(made_up))


def _readings(found: re.Match[str]) -> Iterator[list[_Said]]:
    """Yield what a number may be read as, in English and elsewhere: mostly one number."""
    for numbers in _spellings(found["number"]):
        yield [_Said.of(number, unit=found["unit"] or "") for number in numbers]


def _spellings(number: str) -> Iterator[list[str]]:
    """Yield what digits may be read as, as Python writes it."""
    if THOUSANDS.fullmatch(number):
        yield [BETWEEN_THOUSANDS.sub("", number)]
        if "," not in number:
            yield _several(number)
    elif "," not in number:
        yield [number]
    else:
        yield _several(number)
    if WITH_DECIMAL_COMMA.fullmatch(number):
        whole, _, decimals = number.partition(",")
        yield [f"{re.sub('[^0-9]', '', whole)}.{decimals}"]
    if ONE_THOUSANDS_POINT.fullmatch(number):
        yield [number.replace(".", "")]


def _several(number: str) -> list[str]:
    """Return the numbers that commas and spaces are between, as Python writes them.

    What else can stand between thousands stands in one of them: `1'234`, `1.234.567`.
    """
    parts = BETWEEN_NUMBERS.split(number.replace("'", ""))
    return [part.replace(".", "") if part.count(".") > 1 else part for part in parts]


def _known(text: str) -> Iterator[float]:
    for pattern in (KNOWN, KNOWN_THOUSANDS):
        yield from (float(written.replace(",", "")) for written in pattern.findall(text))
    yield from (float(written) * SCALES["%"] for written in KNOWN_SHARE.findall(text))


def _words(answer: str) -> str:
    """Return an answer without code, thoughts, addresses and the numbers of lists."""
    answer = without_thoughts(answer)
    lines = LINE_END.split(answer)
    for fence in find_fences(answer):
        first = max(0, fence.first_line - 1)
        lines[first : fence.end_line] = [""] * (fence.end_line - first)
    return NO_WORDS.sub("", "\n".join(lines))


@dataclass(frozen=True)
class _Said:
    """A number that is said: what it comes to, and what its last digit stands for."""

    value: float
    last_digit: float
    is_share: bool

    @classmethod
    def of(cls, number: str, *, unit: str) -> _Said:
        digits, _, exponent = number.lower().partition("e")
        digits = digits[:MAX_CHARS]
        whole, _, decimals = digits.partition(".")
        # Zeros at the end of a whole number may stand for what was rounded.
        zeros = 0 if decimals else len(whole) - len(whole.rstrip("0"))
        scale = SCALES.get(unit, 1.0) * float(f"1e{exponent or 0}")
        last_digit = 10.0 ** (zeros - len(decimals))
        return cls(
            value=float(digits) * scale,
            last_digit=last_digit * scale,
            is_share=unit == "%",
        )

    def is_in(self, values: list[float]) -> bool:
        """Whether one of some sorted numbers is this one, as far as it is written."""
        if self._goes_without_saying:
            return True
        scales = (1.0, 100.0) if self.is_share else (1.0,)
        is_known = any(_has(values, self.value * s, digit=self.last_digit * s) for s in scales)
        # What a share leaves of one.
        is_part = 0 < self.value < 1
        return is_known or (is_part and _has(values, 1 - self.value, digit=self.last_digit))

    def is_one_of(self, values: Container[float]) -> bool:
        """Whether this number is exactly one of some."""
        return not self.is_share and self.value in values

    @property
    def _goes_without_saying(self) -> bool:
        if self.is_share:
            return round(self.value, 6) in COMMON_SHARES
        return self.value in COMMON or (self.value <= MAX_COUNTED and self.value.is_integer())


def _has(values: list[float], value: float, *, digit: float) -> bool:
    """Whether one of some sorted numbers is ``value``, whose last digit stands for ``digit``."""
    tolerance = digit / 2 + TOLERANCE * abs(value)
    place = bisect_left(values, value - tolerance)
    return place < len(values) and values[place] <= value + tolerance
