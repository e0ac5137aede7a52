"""Draft tokens for speculative decoding: what followed the last tokens elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["PromptLookup", "TokenIndex"]

MAX_MATCH = 8
# A common token occurs in many positions; only the last of them are tried.
MAX_POSITIONS = 64


class TokenIndex:
    """Tokens, and the positions of each of them.

    Parameters
    ----------
    token_ids
        The tokens, in order.
    """

    def __init__(self, token_ids: Iterable[int]) -> None:
        self.token_ids: list[int] = []
        self._positions: defaultdict[int, list[int]] = defaultdict(list)
        for token_id in token_ids:
            self.add(token_id)

    def add(self, token_id: int) -> None:
        """Take the next token."""
        self._positions[token_id].append(len(self.token_ids))
        self.token_ids.append(token_id)

    def continuation(
        self, ending: Sequence[int], *, max_tokens: int, min_match: int = 1
    ) -> list[int]:
        """Return what follows the longest match with the end of ``ending``, or the last of these.

        As many tokens as the match is long: the longer it is, the likelier they are.
        """
        best, longest = 0, 0
        for position in reversed(self._positions_of(ending[-1:])):
            match = self._match(position, ending)
            if match > longest:
                best, longest = position + 1, match
            if longest == MAX_MATCH:
                break
        if longest < min_match:
            return []
        return self.token_ids[best : best + max(0, min(longest, max_tokens))]

    def _positions_of(self, last: Sequence[int]) -> list[int]:
        """Return the last positions of a token that are followed by another."""
        positions = self._positions.get(last[0], []) if last else []
        if positions and positions[-1] == len(self.token_ids) - 1:
            return positions[-MAX_POSITIONS - 1 : -1]
        return positions[-MAX_POSITIONS:]

    def _match(self, position: int, ending: Sequence[int]) -> int:
        """Return how many tokens before and at ``position`` are the last of ``ending``, too."""
        longest = min(MAX_MATCH, position + 1, len(ending))
        ids = self.token_ids
        match = 1
        while match < longest and ids[position - match] == ending[-1 - match]:
            match += 1
        return match


class PromptLookup:
    """Finds where the last tokens occurred before, and drafts what followed them there.

    Prompt lookup decoding (A. Saxena, 2023), a kind of speculative decoding: rejected draft
    tokens cost a wider pass, nothing else.

    Parameters
    ----------
    token_ids
        The prompt's tokens.
    corpus
        A text to look in where prompt and answer have no match.
    """

    def __init__(self, token_ids: Sequence[int], *, corpus: TokenIndex | None = None) -> None:
        self._own = TokenIndex(token_ids)
        self._corpus = corpus

    def add(self, token_id: int) -> None:
        """Take the next token."""
        self._own.add(token_id)

    def draft(self, *, max_tokens: int, min_match: int = 1) -> list[int]:
        """Return the tokens that may come next; none if the last one occurs nowhere else."""
        for index in (self._own, self._corpus):
            if index is None:
                continue
            ending = self._own.token_ids
            found = index.continuation(ending, max_tokens=max_tokens, min_match=min_match)
            if found:
                return found
        return []
