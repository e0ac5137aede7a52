"""Count and cut text in an engine's own tokens."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import LRUCache

from codeface_jupyter.well_formed import well_formed
from codeface_jupyter.wording import counted

__all__ = ["TokenCounter", "cut_end", "cut_middle", "fits"]

MAX_REMEMBERED_TOKENS = 2**20
# The longest tokens are those of spaces. What is longer cannot fit and is not worth counting.
MAX_TOKEN_CHARS = 256


class TokenCounter:
    """Counts tokens and remembers the counts, as most pieces recur in each request.

    Parameters
    ----------
    count_tokens
        An engine's `Engine.count_tokens`; make a new counter for another engine.
    """

    def __init__(self, count_tokens: Callable[[str], int]) -> None:
        self._count_tokens = count_tokens
        self._counts: LRUCache[str, int] = LRUCache(
            MAX_REMEMBERED_TOKENS, getsizeof=lambda tokens: tokens + 1
        )

    def __call__(self, text: str) -> int:
        """Return the number of tokens in ``text``."""
        if not text:
            return 0
        found = self._counts.get(text)
        if found is None:
            found = self._count_tokens(well_formed(text))
            if found < MAX_REMEMBERED_TOKENS:
                self._counts[text] = found
        return found


def cut_middle(
    text: str, *, max_tokens: int, count_tokens: Callable[[str], int], ending: str = ""
) -> str:
    """Remove lines from the middle of ``text``, leaving a mark that says how many.

    Parameters
    ----------
    text
        Several lines of code.
    max_tokens
        The most tokens that the result and ``ending`` may have together.
    count_tokens
        Counts tokens.
    ending
        The text that will follow.

    Returns
    -------
    str
        The longest such text; empty if not even the mark and a line fit.
    """
    lines = text.split("\n")

    def cut(kept: int) -> str:
        head, tail = lines[: kept - kept // 2], lines[len(lines) - kept // 2 :]
        return "\n".join([*head, f"# … ({counted(len(lines) - kept, 'line')} left out)", *tail])

    return _longest(cut, len(lines) - 1, max_tokens, lambda t: count_tokens(t + ending))


def fits(text: str, *, max_tokens: int, count_tokens: Callable[[str], int]) -> bool:
    """Whether a text has at most ``max_tokens`` tokens."""
    return len(text) <= max_tokens * MAX_TOKEN_CHARS and count_tokens(text) <= max_tokens


def cut_end(text: str, *, max_tokens: int, count_tokens: Callable[[str], int]) -> str:
    """Cut characters off the end of ``text`` until it and an ellipsis fit."""
    if fits(text, max_tokens=max_tokens, count_tokens=count_tokens):
        return text
    most = min(len(text) - 1, max_tokens * MAX_TOKEN_CHARS)
    # Counting is what takes time: most texts are cut at a few characters a token.
    while most > 4 * max_tokens and count_tokens(text[: most // 2]) > max_tokens:
        most //= 2
    return _longest(lambda n: f"{text[:n]}…", most, max_tokens, count_tokens)


def _longest(
    cut: Callable[[int], str], most: int, max_tokens: int, count_tokens: Callable[[str], int]
) -> str:
    """Return the longest ``cut(n)`` with ``1 <= n <= most`` that fits, or nothing."""
    low, high, best = 1, most, ""
    while low <= high:
        middle = (low + high) // 2
        candidate = cut(middle)
        if count_tokens(candidate) <= max_tokens:
            low, best = middle + 1, candidate
        else:
            high = middle - 1
    return best
