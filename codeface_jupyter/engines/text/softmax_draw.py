"""Draw from the softmax of logits, cut to top-k and top-p, without sorting the vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SoftmaxDraw", "top_k_ids"]

# A draw adds up a row of this many weights, and as many sums of rows as there are.
ROW_TOKENS = 512
# Logits are compared in groups to find where the k largest may be: so many groups for each of
# the k let few others pass, and in larger groups there is little left to gain.
GROUPS_FOR_EACH = 2
MAX_GROUP_TOKENS = 64
# All weights below it have less than 1e-28 of the mass together: no draw from 53 random bits
# would land there. Numbers below 1e-38 take a processor ten times as long.
NEGLIGIBLE_WEIGHT = 1e-34
# The logarithm of a weight that is smaller still.
LOWEST_EXPONENT = -80.0


class SoftmaxDraw:
    """Draws places in an array of logits, by their softmax or by its nucleus (top-p).

    Nothing is sorted. Whether a token that was drawn from the whole softmax is in the nucleus
    shows in the mass of the tokens before it, in order of likelihood; of equals, the first is
    before the others. If it is not, nothing after it is either, and the next draw is among those
    before it. This rejection sampling is exact (Ye et al., "Sorting-Free GPU Kernels for LLM
    Sampling", 2025); of all first draws, ``top_p`` are accepted at least.

    Parameters
    ----------
    temperature
        What logits are divided by; above 0.
    top_p
        The mass of the nucleus, in (0, 1]; the token that reaches it is the last one in.
    generator
        Gives the random numbers.
    """

    def __init__(self, *, temperature: float, top_p: float, generator: np.random.Generator) -> None:
        import numpy as np

        # In float32, less would be 0.
        self._temperature = max(temperature, float(np.finfo(np.float32).tiny))
        self._top_p = top_p
        self._generator = generator
        # (rows, row tokens): a buffer of weights, one after another; those at its end are 0.
        self._rows = np.zeros((0, ROW_TOKENS), dtype=np.float32)

    def __call__(self, logits: NDArray[np.float32]) -> int:
        """Return a place in ``logits``, of shape ``(tokens,)``: finite or minus infinity."""
        import numpy as np

        weights = self._weigh(logits)
        sums = self._sums()
        nucleus = self._top_p * sums.sum()
        while True:
            place = self._place(sums)
            if self._top_p >= 1:
                return place
            np.multiply(weights, _before(place, logits), out=weights)
            sums = self._sums()
            if sums.sum() < nucleus:
                return place

    def _weigh(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill the buffer with weights, 1 for the largest of ``logits``; return a view of them."""
        import numpy as np

        rows = -(-len(logits) // ROW_TOKENS)
        if len(self._rows) != rows:
            self._rows = np.zeros((rows, ROW_TOKENS), dtype=np.float32)
        flat = self._rows.reshape(-1)
        flat[len(logits) :] = 0
        weights = flat[: len(logits)]
        # A difference too large for float32 becomes minus infinity, whose weight is 0.
        with np.errstate(over="ignore"):
            np.subtract(logits, logits.max(), out=weights)
            np.divide(weights, self._temperature, out=weights)
        has_negligible = weights.min() < LOWEST_EXPONENT
        if has_negligible:
            np.maximum(weights, LOWEST_EXPONENT, out=weights)
        np.exp(weights, out=weights)
        if has_negligible:
            np.maximum(weights, NEGLIGIBLE_WEIGHT, out=weights)
            np.subtract(weights, np.float32(NEGLIGIBLE_WEIGHT), out=weights)
        return weights

    def _sums(self) -> NDArray[np.float64]:
        """Return the sum of each row."""
        import numpy as np

        # In a third of the time that `sum` takes.
        sums: NDArray[np.float32] = np.einsum("rt->r", self._rows)
        return sums.astype(np.float64)

    def _place(self, sums: NDArray[np.float64]) -> int:
        """Draw a place by the weights, whose rows have these ``sums``."""
        row, rest = _find(self._generator.random() * float(sums.sum()), sums)
        column, _ = _find(rest, self._rows[row])
        return row * ROW_TOKENS + column


def top_k_ids(logits: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the places of the ``k`` largest ``logits``, in ascending order; of equals, the first.

    Parameters
    ----------
    logits
        Of shape ``(tokens,)``.
    k
        At least 1 and at most ``tokens``.
    """
    import numpy as np

    reached = _reached_by(k, logits)
    above = logits > reached
    count = np.count_nonzero(above)
    if count >= k:
        ids = np.flatnonzero(above)
        return ids[top_k_ids(logits[ids], k)]
    above[np.flatnonzero(logits == reached)[: k - count]] = True
    return np.flatnonzero(above)


def _reached_by(k: int, logits: NDArray[np.float32]) -> float:
    """Return what at least ``k`` of ``logits`` reach: the k-th largest, or one close below it.

    The k-th largest of the maxima of groups is reached in k groups, and so by k at least.
    """
    import numpy as np

    size = min(max(1, len(logits) // (GROUPS_FOR_EACH * k)), MAX_GROUP_TOKENS)
    groups = len(logits) // size
    # A group's members are far apart in memory, so that its maximum is taken beside the others'.
    maxima = logits[: groups * size].reshape(size, groups).max(axis=0)
    return float(np.partition(maxima, groups - k)[groups - k])


def _before(place: int, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which of ``logits`` come before that at ``place``, the largest first."""
    import numpy as np

    before = np.empty(len(logits), dtype=np.bool_)
    np.greater_equal(logits[:place], logits[place], out=before[:place])
    np.greater(logits[place:], logits[place], out=before[place:])
    return before


def _find(position: float, weights: NDArray[np.float32] | NDArray[np.float64]) -> tuple[int, float]:
    """Return which of ``weights``, laid end to end, covers a position, and how far it is in.

    A position that rounding has put behind the end is in the last weight above 0.
    """
    import numpy as np

    ends = np.cumsum(weights, dtype=np.float64)
    last = int(np.searchsorted(ends, ends[-1]))
    place = min(int(np.searchsorted(ends, position, side="right")), last)
    return place, position - (float(ends[place - 1]) if place else 0.0)
