"""Draw the next token from logits, with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import SamplingParameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Sampler"]

# A logit this far below the best one adds less than float64's last digit to the probabilities.
NEGLIGIBLE_LOGIT = 40.0


class Sampler:
    """Draws tokens one after another, by one request's sampling parameters.

    Each token is drawn from the model's own distribution after the tokens before it, whether
    it was drafted or not, so speculation changes no answer and, with a seed, no draw.

    Parameters
    ----------
    sampling
        How: temperature, top-k, top-p, repetition penalty, seed.
    prompt_ids
        The tokens that the repetition penalty counts as seen already.
    """

    def __init__(self, sampling: SamplingParameters, prompt_ids: Sequence[int]) -> None:
        import numpy as np

        self._sampling = sampling
        self._seen = set(prompt_ids)
        self._generator = np.random.default_rng(sampling.seed)

    def sample(self, logits: NDArray[np.float32]) -> int:
        """Return the next token's id; ``logits`` are of shape ``(vocabulary,)``.

        Raises
        ------
        GenerationError
            If no token is the most likely one: the logits are NaN or infinite.
        """
        import numpy as np

        if self._sampling.repetition_penalty != 1:
            logits = self._penalized(logits)
        token_id = int(logits.argmax())  # the first NaN, if there is one
        if not np.isfinite(logits[token_id]):
            raise GenerationError(
                f"The model computed {logits[token_id]} as the score of a token.",
                hint="Its weights may be damaged, or overflow the type that it computes in: "
                "fetch it again, or try dtype = 'float32'.",
            )
        if self._sampling.do_sample:
            token_id = self._draw(logits)
        self._seen.add(token_id)
        return token_id

    def _penalized(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make tokens that were seen less likely (Keskar et al., 2019)."""
        import numpy as np

        penalty = self._sampling.repetition_penalty
        seen = np.fromiter(self._seen, dtype=np.int64)
        # Some tokenizers have more tokens than the model has logits.
        seen = seen[seen < len(logits)]
        logits = logits.copy()
        values = logits[seen]
        logits[seen] = np.where(values > 0, values / penalty, values * penalty)
        return logits

    def _draw(self, logits: NDArray[np.float32]) -> int:
        import numpy as np

        scaled = logits.astype(np.float64) / self._sampling.temperature  # (vocabulary,)
        # From here on (candidates,), the most likely first.
        token_ids = np.flatnonzero(scaled > scaled.max() - NEGLIGIBLE_LOGIT)
        token_ids = token_ids[np.argsort(-scaled[token_ids], kind="stable")]
        if self._sampling.top_k > 0:
            token_ids = token_ids[: self._sampling.top_k]
        weights = np.exp(scaled[token_ids] - scaled[token_ids[0]])
        up_to = np.cumsum(weights / weights.sum())
        if self._sampling.top_p < 1:
            # The token that reaches the mass is the last one in.
            up_to = up_to[: 1 + int(np.searchsorted(up_to, self._sampling.top_p))]
        place = int(np.searchsorted(up_to, self._generator.random() * up_to[-1], side="right"))
        return int(token_ids[min(place, len(up_to) - 1)])
