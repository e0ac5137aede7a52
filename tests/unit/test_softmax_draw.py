"""Drawing without a sort, held against the plain way: sort, cut, add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from codeface_jupyter.engines.text import softmax_draw
from codeface_jupyter.engines.text.sampler import Sampler
from codeface_jupyter.engines.text.softmax_draw import ROW_TOKENS, SoftmaxDraw, top_k_ids
from codeface_jupyter.generation import SamplingParameters

Logits = NDArray[np.float32]

VOCABULARY = 151_936
TOLERANCE = 1e-6
# What 1,000 true distributions of chi-square exceed once, by its degrees of freedom.
CHI_SQUARE_LIMITS = {2: 13.8, 5: 20.5, 7: 24.3}
# Several rows of weights, the last of them not full.
LONG = 2 * ROW_TOKENS + 77

temperatures = st.sampled_from([1e-30, 0.2, 0.7, 1.0, 2.0, 1e6])
masses = st.sampled_from([1e-9, 0.1, 0.5, 0.9, 0.95, 1.0])
# Few different values, so that there are ties, beside any others.
values = st.one_of(
    st.sampled_from([0.0, 1.0, -3.5, -float("inf")]),
    st.floats(-60, 60, width=32),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)


class ExhaustedError(Exception):
    """One more random number was asked for: the first draw was not accepted."""


class Scripted:
    """Gives the numbers that a test wants, and no others."""

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = list(numbers)

    def random(self) -> float:
        if not self._numbers:
            raise ExhaustedError
        return self._numbers.pop(0)


def draw_at(number: float, logits: Logits, *, temperature: float, top_p: float) -> int | None:
    """Return where the random number falls, if that is accepted."""
    generator = cast("np.random.Generator", Scripted([number]))
    draw = SoftmaxDraw(temperature=temperature, top_p=top_p, generator=generator)
    try:
        return draw(logits)
    except ExhaustedError:
        return None


def plain_softmax(logits: Logits, temperature: float) -> NDArray[np.float64]:
    below = (logits.astype(np.float64) - np.float64(logits.max())) / temperature
    weights = np.exp(below)
    return np.asarray(weights / weights.sum())


def plain_mass_before(logits: Logits, softmax: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each token, the mass of those that come before it, the likeliest first."""
    order = np.argsort(-logits, kind="stable")
    before = np.empty(len(logits))
    before[order] = np.cumsum(softmax[order]) - softmax[order]
    return before


def check_distribution(logits: Logits, *, temperature: float, top_p: float) -> None:
    """Look up the random number amid each token's share, and right beside its ends."""
    softmax = plain_softmax(logits, temperature)
    before = plain_mass_before(logits, softmax)
    ends = np.cumsum(softmax)
    for number in _numbers(softmax, ends):
        place = int(np.searchsorted(ends, number, side="right"))
        if top_p < 1 and abs(before[place] - top_p) < TOLERANCE:
            continue  # rounding decides
        expected = place if top_p >= 1 or before[place] < top_p else None
        assert draw_at(number, logits, temperature=temperature, top_p=top_p) == expected


def _numbers(softmax: NDArray[np.float64], ends: NDArray[np.float64]) -> Iterator[float]:
    for share, end in zip(softmax, ends, strict=True):
        if share > 2 * TOLERANCE:
            yield from (end - share + TOLERANCE, end - share / 2, end - TOLERANCE)


@given(
    st.lists(values, min_size=1, max_size=12).filter(lambda some: max(some) > -float("inf")),
    temperatures,
    masses,
)
def test_each_token_has_its_share_and_the_nucleus_is_exact(
    some: list[float], temperature: float, top_p: float
) -> None:
    logits = np.array(some, dtype=np.float32)
    check_distribution(logits, temperature=temperature, top_p=top_p)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("top_p", [0.1, 0.95, 1.0])
@pytest.mark.parametrize("kind", ["peaked", "flat", "tied", "mostly ruled out"])
def test_the_same_over_several_rows(kind: str, temperature: float, top_p: float) -> None:
    check_distribution(many(kind, LONG), temperature=temperature, top_p=top_p)


def many(kind: str, size: int) -> Logits:
    """Return logits as they may come."""
    random = np.random.default_rng(0)
    logits = random.normal(size=size)
    if kind == "peaked":
        logits = 3 * logits + np.where(random.random(size) < 0.01, 12, 0)
    elif kind == "tied":
        logits = np.round(logits)
    elif kind == "mostly ruled out":
        logits = np.where(random.random(size) < 0.9, -np.inf, logits)
    return logits.astype(np.float32)


@given(st.lists(values, min_size=1, max_size=200), st.data())
def test_top_k_is_exact_and_of_equals_the_first_stay(
    some: list[float], data: st.DataObject
) -> None:
    logits = np.array(some, dtype=np.float32)
    k = data.draw(st.integers(1, len(some)))
    expected = sorted(np.argsort(-logits, kind="stable")[:k].tolist())
    assert top_k_ids(logits, k).tolist() == expected


@pytest.mark.parametrize("k", [1, 2, 50, 700, 20_000, VOCABULARY - 1, VOCABULARY])
@pytest.mark.parametrize("kind", ["peaked", "flat", "tied", "mostly ruled out"])
def test_top_k_of_a_real_vocabulary(kind: str, k: int) -> None:
    logits = many(kind, VOCABULARY)
    expected = np.sort(np.argsort(-logits, kind="stable")[:k])
    assert np.array_equal(top_k_ids(logits, k), expected)


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({"temperature": 0.7}, {0, 1, 2, 3, 4, 5, 6, 7}),
        # What comes after a rejection counts as well: half the first draws are not accepted.
        ({"temperature": 1.5, "top_p": 0.45}, {0, 1, 2}),
        ({"temperature": 2.0, "top_k": 6}, {0, 1, 2, 3, 4, 5}),
    ],
)
def test_draws_of_one_seed_fit_the_distribution(
    sampling: dict[str, float], expected: set[int]
) -> None:
    logits = np.array([3.0, 2.5, 2.5, 2.5, 2.0, 2.0, 1.9, 1.8], dtype=np.float32)
    sampler = Sampler(SamplingParameters(seed=5, **sampling), [])  # type: ignore[arg-type]
    count = 10_000
    drawn = Counter(sampler.sample(logits) for _ in range(count))
    assert set(drawn) == expected
    ids = sorted(expected)
    shares = plain_softmax(logits[ids], sampling["temperature"]) * count
    distance = sum((drawn[i] - share) ** 2 / share for i, share in zip(ids, shares, strict=True))
    assert distance < CHI_SQUARE_LIMITS[len(ids) - 1]


@pytest.mark.parametrize("top_k", [0, 1, 3, 9])
@pytest.mark.parametrize("top_p", [0.3, 1.0])
def test_a_single_token_is_drawn_whatever_is_asked(top_k: int, top_p: float) -> None:
    sampling = SamplingParameters(temperature=1.0, top_k=top_k, top_p=top_p)
    assert Sampler(sampling, []).sample(np.array([-7.0], dtype=np.float32)) == 0
    ruled_out = np.full(LONG, -np.inf, dtype=np.float32)
    ruled_out[600] = -7.0
    assert Sampler(sampling, []).sample(ruled_out) == 600


def test_what_is_ruled_out_is_not_drawn_even_at_the_ends() -> None:
    logits = np.full(LONG, -np.inf, dtype=np.float32)
    logits[[40, 600]] = 1.0
    for number, place in ((0.0, 40), (np.nextafter(0.5, 0), 40), (np.nextafter(1, 0), 600)):
        assert draw_at(number, logits, temperature=0.7, top_p=1.0) == place


class Work:
    """Counts what numpy sorts, and the draws."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ordered = 0
        for name in ("sort", "argsort", "partition", "argpartition", "lexsort"):
            monkeypatch.setattr(np, name, self._counting(getattr(np, name)))
        self.draws = 0
        before = softmax_draw._before

        def counting(place: int, logits: Logits) -> NDArray[np.bool_]:
            self.draws += 1
            return before(place, logits)

        monkeypatch.setattr(softmax_draw, "_before", counting)

    def _counting(self, order: object) -> object:
        assert callable(order)

        def counting(array: Logits, *args: object, **kwargs: object) -> object:
            self.ordered += len(array)
            return order(array, *args, **kwargs)

        return counting


@pytest.mark.parametrize("kind", ["peaked", "flat", "tied"])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [0, 50, 1_000])
@pytest.mark.parametrize("top_p", [0.5, 0.95, 1.0])
def test_a_token_takes_little_work(
    kind: str, temperature: float, top_k: int, top_p: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = many(kind, VOCABULARY)
    sampling = SamplingParameters(temperature=temperature, top_k=top_k, top_p=top_p, seed=0)
    sampler, work, count = Sampler(sampling, []), Work(monkeypatch), 20
    for _ in range(count):
        sampler.sample(logits)
    # The 1,000 likeliest are found among the maxima of 2,375 groups, and those that reach them.
    assert work.ordered <= count * (4 * top_k if top_k > 50 else 3_000 if top_k else 0)
    # Between the first draw, which top_p of all are accepted, and the second, mass is halved.
    assert work.draws <= (0 if top_p == 1 else count * 2.5)
