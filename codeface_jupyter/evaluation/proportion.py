"""How certain a share is, of a number of trials."""

from __future__ import annotations

__all__ = ["wilson_interval"]

Z_95 = 1.959964


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson, 1927)."""
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    centre = p + Z_95**2 / (2 * n)
    margin = Z_95 * ((p * (1 - p) + Z_95**2 / (4 * n)) / n) ** 0.5
    scale = 1 + Z_95**2 / n
    # Rounding may leave the ends just outside.
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)
