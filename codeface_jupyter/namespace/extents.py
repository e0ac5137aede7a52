"""How far the values of a column reach: the smallest, the largest, and of numbers the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Extent", "pandas_extent"]

# Larger ones have an exponent.
MAX_PLAIN = 1e9
DIGITS = 6


@dataclass(frozen=True)
class Extent:
    """The smallest and the largest value, and of numbers the mean; as they are written.

    Of a sample they begin with ``~``.
    """

    low: str
    high: str
    mean: str = ""

    @property
    def range(self) -> str:
        """From where to where."""
        return f"{self.low} to {self.high}"

    @property
    def text(self) -> str:
        """All of it, as it follows a column's type."""
        return f"range {self.range}" + (f", mean {self.mean}" if self.mean else "")


def pandas_extent(present: Any, *, is_estimated: bool = False) -> Extent | None:
    """Return the extent of a pandas Series or Index of numbers or times; None if it has none.

    Parameters
    ----------
    present
        Without missing values.
    is_estimated
        Whether it is a sample of more.
    """
    try:
        return _extent(present, is_estimated=is_estimated)
    except Exception:  # noqa: BLE001 - a class of the user's: all else is worth telling
        return None


def _extent(present: Any, *, is_estimated: bool) -> Extent | None:
    from pandas.api import types

    dtype = present.dtype
    if not len(present) or types.is_bool_dtype(dtype) or types.is_complex_dtype(dtype):
        return None
    about = "~" if is_estimated else ""
    if types.is_numeric_dtype(dtype):
        # An index has none.
        mean = f"{about}{_number(present.mean())}" if hasattr(present, "mean") else ""
        return Extent(f"{about}{_number(present.min())}", _number(present.max()), mean)
    if types.is_datetime64_any_dtype(dtype):
        return Extent(f"{about}{_time(present.min())}", _time(present.max()))
    return None


def _number(value: Any) -> str:
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, int):
        return str(number)
    has_long_whole_part = 10**DIGITS - 0.5 <= abs(number) < MAX_PLAIN
    return f"{number:.0f}" if has_long_whole_part else f"{number:.{DIGITS}g}"


def _time(value: Any) -> str:
    return str(value).removesuffix(" 00:00:00")
