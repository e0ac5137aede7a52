"""Draw the next token from logits, with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codeface_jupyter.engines.text.softmax_draw import SoftmaxDraw, top_k_ids
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import SamplingParameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Sampler"]


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
        # Each once, in ascending order.
        self._seen = np.unique(np.array(prompt_ids, dtype=np.int64))
        self._penalized = np.empty(0, dtype=np.float32)
        self._softmax_draw = SoftmaxDraw(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            generator=np.random.default_rng(sampling.seed),
        )

    def sample(self, logits: NDArray[np.float32]) -> int:
        """Return the next token's id; ``logits`` are of shape ``(vocabulary,)``.

        Raises
        ------
        GenerationError
            If no token is the most likely one: the logits are NaN or infinite.
        """
        import numpy as np

        if self._sampling.repetition_penalty != 1:
            logits = self._with_penalty(logits)
        token_id = int(logits.argmax())  # the first NaN, if there is one
        if not np.isfinite(logits[token_id]):
            raise GenerationError(
                f"The model computed {logits[token_id]} as the score of a token.",
                hint="Its weights may be damaged, or overflow the type that it computes in: "
                "fetch it again, or try dtype = 'float32'.",
            )
        if self._sampling.do_sample:
            token_id = self._draw(logits)
        self._see(token_id)
        return token_id

    def _see(self, token_id: int) -> None:
        """Count a token as seen."""
        import numpy as np

        place = int(self._seen.searchsorted(token_id))
        if token_id not in self._seen[place : place + 1]:
            self._seen = np.insert(self._seen, place, token_id)

    def _with_penalty(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make tokens that were seen less likely (Keskar et al., 2019)."""
        import numpy as np

        if len(self._penalized) != len(logits):
            self._penalized = np.empty_like(logits)
        np.copyto(self._penalized, logits)
        # Some tokenizers have more tokens than the model has logits.
        seen = self._seen[: self._seen.searchsorted(len(logits))]
        values, penalty = logits[seen], self._sampling.repetition_penalty
        self._penalized[seen] = np.where(values > 0, values / penalty, values * penalty)
        return self._penalized

    def _draw(self, logits: NDArray[np.float32]) -> int:
        """Draw a token by its probability, of those that top-k and top-p leave."""
        top_k = self._sampling.top_k
        if not 0 < top_k < len(logits):
            return self._softmax_draw(logits)
        token_ids = top_k_ids(logits, top_k)
        return int(token_ids[self._softmax_draw(logits[token_ids])])
