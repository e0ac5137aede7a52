"""Guess the next tokens from what followed the last ones elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["PromptLookup", "TokenText"]

LONGEST_RUN = 8
# A common token stands in many places; the last of them are looked at.
PLACES_LOOKED_AT = 64


class TokenText:
    """Tokens, and where each of them stands.

    Parameters
    ----------
    token_ids
        The tokens, in order.
    """

    def __init__(self, token_ids: Iterable[int]) -> None:
        self.token_ids: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        for token_id in token_ids:
            self.add(token_id)

    def add(self, token_id: int) -> None:
        """Take the next token."""
        self._places[token_id].append(len(self.token_ids))
        self.token_ids.append(token_id)

    def following(self, ending: Sequence[int], *, at_most: int, shortest_run: int) -> list[int]:
        """Return what follows the longest, most recent run of tokens that ends like ``ending``.

        As many tokens as the run is long: the longer it is, the likelier they are.
        """
        best, longest = 0, 0
        for place in reversed(self._places_of(ending[-1:])):
            run = self._run(place, ending)
            if run > longest:
                best, longest = place + 1, run
            if longest == LONGEST_RUN:
                break
        if longest < shortest_run:
            return []
        return self.token_ids[best : best + max(0, min(longest, at_most))]

    def _places_of(self, last: Sequence[int]) -> list[int]:
        """Return the last places of a token that are followed by another."""
        places = self._places.get(last[0], []) if last else []
        if places and places[-1] == len(self.token_ids) - 1:
            return places[-PLACES_LOOKED_AT - 1 : -1]
        return places[-PLACES_LOOKED_AT:]

    def _run(self, place: int, ending: Sequence[int]) -> int:
        """Return how many tokens before and at ``place`` are the last of ``ending``, too."""
        longest = min(LONGEST_RUN, place + 1, len(ending))
        ids = self.token_ids
        run = 1
        while run < longest and ids[place - run] == ending[-1 - run]:
            run += 1
        return run


class PromptLookup:
    """Finds where the last tokens stood before, and guesses that the same follow.

    Prompt lookup decoding (A. Saxena, 2023). A wrong guess costs a wider pass, nothing else.

    Parameters
    ----------
    token_ids
        The prompt's tokens.
    habits
        A text to look in where prompt and answer have nothing like it.
    """

    def __init__(self, token_ids: Sequence[int], *, habits: TokenText | None = None) -> None:
        self._own = TokenText(token_ids)
        self._habits = habits

    def add(self, token_id: int) -> None:
        """Take the next token."""
        self._own.add(token_id)

    def guess(self, *, at_most: int, shortest_run: int = 1) -> list[int]:
        """Return the tokens that may come next; none where the last stands nowhere else."""
        for text in (self._own, self._habits):
            if text is None:
                continue
            ending = self._own.token_ids
            found = text.following(ending, at_most=at_most, shortest_run=shortest_run)
            if found:
                return found
        return []
