"""Numbers in an explanation that are not in what it explains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from codeface_jupyter.prompts import LINE_END, find_fences, without_thoughts

__all__ = ["made_up_numbers"]

# Thousands with commas, a point, an exponent, per cent; not a part of a name or a version.
NUMBER = re.compile(
    r"(?<![\w.])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w]|\.\d)(\s?%)?"
)
# Wherever digits stand: in names, dates and code, too.
KNOWN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
INLINE_CODE = re.compile(r"(`+).+?\1", re.DOTALL)
# People count as far without a source: steps, months, "the two columns".
COUNTED = range(13)
MAX_CHARS = 40
MAX_EXPONENT = 50


def made_up_numbers(answer: str, *, known: str) -> list[str]:
    """Return the numbers that an answer's words name and ``known`` does not have, as written.

    A number that is rounded, or is a share as per cent, counts as known; so do small whole ones,
    and all that is in code.
    """
    values = [value for written in KNOWN.findall(known) if (value := _value(written)) is not None]
    found = (
        match[0].strip()
        for match in NUMBER.finditer(_words(answer))
        if not _is_known(match[1], values, is_share=bool(match[2]))
    )
    return list(dict.fromkeys(found))


def _words(answer: str) -> str:
    """Return an answer without its code and without thoughts."""
    answer = without_thoughts(answer)
    lines = LINE_END.split(answer)
    for fence in find_fences(answer):
        first = max(0, fence.first_line - 1)
        lines[first : fence.end_line] = [""] * (fence.end_line - first)
    return INLINE_CODE.sub("", "\n".join(lines))


def _is_known(written: str, values: Iterable[Fraction], *, is_share: bool) -> bool:
    value = _value(written)
    if value is None or (value in COUNTED and not is_share):
        return True
    # What the last digit stands for: as many are left after rounding.
    unit = Fraction(10) ** int(Decimal(written.replace(",", "")).as_tuple().exponent)
    scales = (1, 100) if is_share else (1,)
    return any(abs(known * scale - value) <= unit / 2 for known in values for scale in scales)


def _value(written: str) -> Fraction | None:
    """Return a number; None for one that nobody means, being so large or so long."""
    if len(written) > MAX_CHARS:
        return None
    value = Decimal(written.replace(",", ""))
    return Fraction(value) if abs(value.adjusted()) < MAX_EXPONENT else None
