"""A completion's tokens are chosen among those that its guide allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from codeface_jupyter.engines.text.vocabulary import MAX_CHARACTER_BYTES, Vocabulary
from codeface_jupyter.infilling import InfillRequest, NextName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GuidedChoice", "GuidedText"]


class GuidedText:
    """A completion as it comes: knows how likely its lines are, and when enough has come.

    Parameters
    ----------
    request
        What is wanted, with its guide.
    """

    def __init__(self, request: InfillRequest) -> None:
        self._guide = request.guide
        self._min_likelihood = request.min_likelihood
        self._text = ""
        self._line_start = 0
        self._line_likelihood = self._least_before = 1.0

    @property
    def likelihood(self) -> float:
        """The product of the tokens' probabilities in the least likely line."""
        return min(self._least_before, self._line_likelihood)

    @property
    def text(self) -> str:
        """The completion, without a last line that is less likely than is wanted."""
        is_wanted = self._line_likelihood >= self._min_likelihood
        return self._text if is_wanted else self._text[: self._line_start].rstrip()

    @property
    def whole_text(self) -> str:
        """All that has come."""
        return self._text

    def next_name(self) -> NextName | None:
        """Return the names that may go on the text; None where anything may."""
        return self._guide.next_name(self._text)

    def note(self, probability: float) -> None:
        """Note how likely the next token is, among those that may come."""
        self._line_likelihood *= probability

    def add(self, text: str) -> bool:
        """Take the text of the token that was chosen; return whether enough has come."""
        self._text += text
        if self._line_likelihood < self._min_likelihood:
            return True
        above, _, _ = self._text.rpartition("\n")
        if "\n" in text and above.strip():
            self._line_start = len(above) + 1
            self._least_before, self._line_likelihood = self.likelihood, 1.0
        return self._guide.is_complete(self._text)


class GuidedChoice:
    """Rules tokens out among all that a model knows.

    Parameters
    ----------
    written
        The completion so far.
    vocabulary
        Makes the tokens to compare with; None where the tokenizer is of another kind, and
        nothing is ruled out.

    Attributes
    ----------
    written
        As given.
    """

    def __init__(self, written: GuidedText, *, vocabulary: Callable[[], Vocabulary | None]) -> None:
        self.written = written
        self._vocabulary = vocabulary
        self._last_ids: deque[int] = deque(maxlen=MAX_CHARACTER_BYTES)

    def narrowed(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``logits``, of shape ``(vocabulary,)``, without those that are ruled out."""
        name = self.written.next_name()
        vocabulary = self._vocabulary() if name is not None else None
        if name is None or vocabulary is None:
            return logits
        import numpy as np

        allowed = vocabulary.allowed(replace(name, pending=vocabulary.pending(self._last_ids)))
        allowed = allowed[: allowed.searchsorted(len(logits))]
        if not len(allowed):
            return logits
        narrowed = np.full_like(logits, -np.inf)
        narrowed[allowed] = logits[allowed]
        return narrowed

    def note(self, logits: NDArray[np.float32], token_id: int) -> None:
        """Note that a token was chosen of those that ``logits`` leave."""
        import numpy as np

        self._last_ids.append(token_id)
        # In float32: a sum over the vocabulary is exact enough for a threshold.
        weights = np.exp(logits - logits.max())
        self.written.note(float(weights[token_id] / weights.sum()))
