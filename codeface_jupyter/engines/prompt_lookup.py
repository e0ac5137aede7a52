"""Guess the next tokens from those that stand there already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

__all__ = ["PromptLookup"]

LONGEST_RUN = 8
# A common token stands in many places; the last of them are looked at.
PLACES_LOOKED_AT = 64


class PromptLookup:
    """Finds where the last tokens stood before, and guesses that the same follow.

    Prompt lookup decoding (A. Saxena, 2023). The longer the run that is found, the
    likelier the guess, so as many tokens are guessed: a wrong one costs a wider pass.

    Parameters
    ----------
    token_ids
        The prompt's tokens.
    """

    def __init__(self, token_ids: Sequence[int]) -> None:
        self._ids: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        for token_id in token_ids:
            self.add(token_id)

    def add(self, token_id: int) -> None:
        """Take the next token."""
        self._places[token_id].append(len(self._ids))
        self._ids.append(token_id)

    def guess(self, *, at_most: int, shortest_run: int = 1) -> list[int]:
        """Return the tokens that may come next; none where the last stood nowhere before."""
        place, run = self._longest_run() if self._ids else (0, 0)
        if run < shortest_run:
            return []
        return self._ids[place : place + max(0, min(run, at_most))]

    def _longest_run(self) -> tuple[int, int]:
        """Return what follows the longest, most recent run that ends here too, and its length."""
        best, longest = 0, 0
        for end in reversed(self._places[self._ids[-1]][-PLACES_LOOKED_AT - 1 : -1]):
            run = self._run(end)
            if run > longest:
                best, longest = end + 1, run
            if longest == LONGEST_RUN:
                break
        return best, longest

    def _run(self, end: int) -> int:
        """Return how many tokens before and at ``end`` are the last ones, too."""
        run = 1
        while run < LONGEST_RUN and run <= end and self._ids[end - run] == self._ids[-1 - run]:
            run += 1
        return run
