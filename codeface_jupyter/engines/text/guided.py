"""A completion's tokens are chosen among those that its guide allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from codeface_jupyter.engines.text.vocabulary import Vocabulary
from codeface_jupyter.infilling import Guide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GuidedChoice"]


class GuidedChoice:
    """Rules tokens out, and notes how likely those are that came.

    Parameters
    ----------
    guide
        Says which names may come.
    vocabulary
        Makes the tokens to compare with; None where the tokenizer is of another kind, and
        nothing is ruled out.
    text
        Returns the completion as far as it has come.

    Attributes
    ----------
    likelihood
        The product of the probabilities of the tokens that were chosen.
    """

    def __init__(
        self, guide: Guide, *, vocabulary: Callable[[], Vocabulary | None], text: Callable[[], str]
    ) -> None:
        self.likelihood = 1.0
        self._guide = guide
        self._vocabulary = vocabulary
        self._text = text

    def narrowed(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``logits``, of shape ``(vocabulary,)``, without those that are ruled out."""
        name = self._guide.next_name(self._text())
        vocabulary = self._vocabulary() if name is not None else None
        if name is None or vocabulary is None:
            return logits
        import numpy as np

        allowed = vocabulary.allowed(name)
        allowed = allowed[: allowed.searchsorted(len(logits))]
        if not len(allowed):
            return logits
        narrowed = np.full_like(logits, -np.inf)
        narrowed[allowed] = logits[allowed]
        return narrowed

    def note(self, logits: NDArray[np.float32], token_id: int) -> None:
        """Note that a token was chosen of those that ``logits`` leave."""
        import numpy as np

        # In float32: a sum over the vocabulary is exact enough for a threshold.
        weights = np.exp(logits - logits.max())
        self.likelihood *= float(weights[token_id] / weights.sum())
