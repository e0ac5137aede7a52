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
    """The smallest and the largest value, and of numbers the mean; as they are written."""

    low: str
    high: str
    mean: str = ""
    is_estimated: bool = False

    @property
    def range(self) -> str:
        """From where to where."""
        return f"{'~' if self.is_estimated else ''}{self.low} to {self.high}"

    @property
    def text(self) -> str:
        """All of it, as it follows a column's type."""
        return f"range {self.range}" + (f", mean {self.mean}" if self.mean else "")


def pandas_extent(present: Any, *, is_estimated: bool = False) -> Extent | None:
    """Return the extent of a pandas Series or Index of numbers or times.

    Parameters
    ----------
    present
        Without missing values.
    is_estimated
        Whether it is a sample of more.
    """
    from pandas.api import types

    dtype = present.dtype
    if not len(present) or types.is_bool_dtype(dtype) or types.is_complex_dtype(dtype):
        return None
    if types.is_numeric_dtype(dtype):
        low, high, mean = (_number(v) for v in (present.min(), present.max(), present.mean()))
        return Extent(low, high, mean, is_estimated)
    if types.is_datetime64_any_dtype(dtype):
        return Extent(_time(present.min()), _time(present.max()), is_estimated=is_estimated)
    return None


def _number(value: Any) -> str:
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, int):
        return str(number)
    has_long_whole_part = 10**DIGITS <= abs(number) < MAX_PLAIN
    return f"{number:.0f}" if has_long_whole_part else f"{number:.{DIGITS}g}"


def _time(value: Any) -> str:
    return str(value).removesuffix(" 00:00:00")
