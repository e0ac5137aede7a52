"""Drawing tokens with numpy, held against transformers' own processors."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from codeface_jupyter.engines.text.sampler import Sampler
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import SamplingParameters

LOGITS = np.array([1.0, 3.0, -2.0, 2.5, 0.0, 2.9, -1.0, 0.5], dtype=np.float32)
DRAWS = 4_000


def sampler(*, prompt: tuple[int, ...] = (), **sampling: object) -> Sampler:
    return Sampler(SamplingParameters(**sampling), prompt)  # type: ignore[arg-type]


def shares(**sampling: object) -> NDArray[np.float64]:
    """Return how often each token is drawn."""
    one = sampler(seed=1, **sampling)
    drawn = Counter(one.sample(LOGITS) for _ in range(DRAWS))
    return np.array([drawn[token] / DRAWS for token in range(len(LOGITS))])


def expected(*, temperature: float, top_k: int = 0, top_p: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities that transformers would draw from."""
    import torch
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    ids, scores = torch.zeros((1, 1), dtype=torch.long), torch.tensor(LOGITS)[None]
    scores = TemperatureLogitsWarper(temperature)(ids, scores)
    if top_k:
        scores = TopKLogitsWarper(top_k)(ids, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(ids, scores)
    return np.asarray(scores.softmax(-1)[0].double())


def test_at_temperature_zero_the_likeliest_is_chosen() -> None:
    assert sampler().sample(LOGITS) == 1


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": 1.0},
        {"temperature": 0.3},
        {"temperature": 2.0, "top_k": 3},
        {"temperature": 1.0, "top_p": 0.6},
        {"temperature": 1.5, "top_k": 5, "top_p": 0.8},
        {"temperature": 1.0, "top_p": 0.01},
    ],
    ids=str,
)
def test_tokens_are_drawn_as_transformers_would(sampling: dict[str, float]) -> None:
    wanted = expected(**sampling)  # type: ignore[arg-type]
    drawn = shares(**sampling)
    assert set(np.flatnonzero(drawn)) <= set(np.flatnonzero(wanted))
    # Three standard deviations of a share of this many draws, at the most.
    assert np.abs(drawn - wanted).max() < 3 * 0.5 / DRAWS**0.5


def test_what_was_seen_is_penalized_as_transformers_does() -> None:
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor

    said = (1, 2, 5)
    processor = RepetitionPenaltyLogitsProcessor(1.4)
    wanted = processor(torch.tensor([said]), torch.tensor(LOGITS)[None])[0]
    one = sampler(prompt=said, repetition_penalty=1.4)
    assert one.sample(LOGITS) == int(wanted.argmax()) == 3
    # Said now, it counts for the next; nothing of ours is left in the caller's array.
    assert one.sample(LOGITS) == 1
    assert LOGITS[1] == 3.0


def test_a_seed_repeats_the_draws_and_none_does_not() -> None:
    def draws(seed: int | None) -> list[int]:
        one = sampler(temperature=2.0, seed=seed)
        return [one.sample(LOGITS) for _ in range(40)]

    assert draws(3) == draws(3) != draws(4)
    assert draws(None) != draws(None)


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0}], ids=str)
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_no_number_is_refused(broken: float, sampling: dict[str, float]) -> None:
    logits = LOGITS.copy()
    logits[4] = broken
    with pytest.raises(GenerationError, match=str(broken)) as caught:
        sampler(**sampling).sample(logits)
    assert "float32" in caught.value.hint
    with pytest.raises(GenerationError, match="inf"):
        sampler(**sampling).sample(np.full(8, -np.inf, dtype=np.float32))


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0, "seed": 1}], ids=str)
def test_tokens_that_a_model_rules_out_are_no_error(sampling: dict[str, float]) -> None:
    logits = np.full(8, -np.inf, dtype=np.float32)
    logits[6] = -3.0
    assert sampler(**sampling).sample(logits) == 6
