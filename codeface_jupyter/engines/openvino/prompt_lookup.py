"""Draft tokens for speculative decoding: what followed the last tokens elsewhere."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["AnswersTo", "PromptLookup", "TokenIndex"]

MAX_MATCH = 8
# A common token occurs in many positions; only the last of them are tried.
MAX_POSITIONS = 64
# Of the answers to one prompt the last are looked in: twice as many as are decoded side by side.
MAX_ANSWERS_BESIDE = 32
# In a pass that reads tokens of many answers, a draft token costs a larger share of its time. For
# each so many answers a match is to be one token longer, up to a length; from so many on, half as
# many tokens are drafted as match.
MANY_ANSWERS = 4
MAX_MIN_MATCH = 4


class Match(NamedTuple):
    """Where the last tokens of a text stand elsewhere.

    Attributes
    ----------
    length
        How many of them do.
    text, after
        Where, and the position behind them.
    """

    length: int
    text: TokenIndex
    after: int

    def continuation(self, max_tokens: int) -> list[int]:
        """Return what follows there."""
        return self.text.token_ids[self.after : self.after + max(0, max_tokens)]


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

    def longest_match(self, ending: Sequence[int], *, beyond: int = 0) -> Match | None:
        """Return the longest match with the end of ``ending``, the last one of these.

        None unless it has more tokens than ``beyond``.
        """
        ids, most = self.token_ids, min(MAX_MATCH, len(ending))
        after, longest = 0, beyond
        for position in reversed(self._positions_of(ending[-1:])):
            if longest >= most:
                break
            # Nearly all positions fail by the token that would make theirs the longest match.
            if position < longest or ids[position - longest] != ending[-1 - longest]:
                continue
            match = self._match(position, ending)
            if match > longest:
                after, longest = position + 1, match
        return Match(longest, self, after) if longest > beyond else None

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


class AnswersTo:
    """What several answers to one prompt say, as far as they have come.

    Parameters
    ----------
    prompt_ids
        The prompt's tokens.
    earlier
        Answers that have ended.
    """

    def __init__(self, prompt_ids: Sequence[int], *, earlier: Iterable[Sequence[int]] = ()) -> None:
        # By the prompt's last tokens an answer's first ones are found.
        self._begin = list(prompt_ids[-MAX_MATCH:])
        # Were there no end to them, a draft among hundreds of samples would take as long as a pass.
        last = list(earlier)[-MAX_ANSWERS_BESIDE:]
        self.indices = deque(
            (TokenIndex([*self._begin, *token_ids]) for token_ids in last),
            maxlen=MAX_ANSWERS_BESIDE,
        )

    def begin(self) -> TokenIndex:
        """Return where one more answer's tokens are to be put."""
        index = TokenIndex(self._begin)
        self.indices.append(index)
        return index


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
    beside
        Other answers to the prompt, to which this one is added. They are looked in as the
        prompt is, and first: what they go on with is likelier than what the prompt does.
    """

    def __init__(
        self,
        token_ids: Sequence[int],
        *,
        corpus: TokenIndex | None = None,
        beside: AnswersTo | None = None,
    ) -> None:
        self._own = TokenIndex(token_ids)
        self._corpus = corpus
        self._beside = AnswersTo(token_ids) if beside is None else beside
        self._said = self._beside.begin()

    def add(self, token_id: int) -> None:
        """Take the next token."""
        self._own.add(token_id)
        self._said.add(token_id)

    def draft(self, *, max_tokens: int, answers: int = 1) -> list[int]:
        """Return the tokens that may come next; none if the last one occurs nowhere else.

        Parameters
        ----------
        max_tokens
            How many there may be.
        answers
            How many answers the pass reads tokens of: beside many, only likely drafts pay.
        """
        ending = self._own.token_ids[-MAX_MATCH:]
        min_match = min(1 + answers // MANY_ANSWERS, MAX_MIN_MATCH)
        best: Match | None = None
        for index in (*self._beside.indices, self._own):
            beyond = min_match - 1 if best is None else best.length
            best = index.longest_match(ending, beyond=beyond) or best
        if best is None and self._corpus is not None:
            best = self._corpus.longest_match(ending, beyond=min_match - 1)
        if best is None:
            return []
        likely = best.length if answers < MANY_ANSWERS else best.length // 2
        return best.continuation(min(likely, max_tokens))
