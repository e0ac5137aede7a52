"""How far token sequences begin alike: what a model has read of one serves the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["common_prefix_length"]


def common_prefix_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many first tokens two sequences share."""
    # Comparing slices is many times faster than comparing tokens one by one.
    left, right = list(first), list(second)
    lengths = range(1, min(len(left), len(right)) + 1)
    return bisect_left(lengths, True, key=lambda n: left[:n] != right[:n])
