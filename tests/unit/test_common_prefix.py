"""How far token sequences begin alike."""

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.engines.text.common_prefix import common_prefix_length

TOKENS = st.lists(st.integers(0, 2), max_size=12)


@given(TOKENS, TOKENS)
def test_it_is_the_tokens_before_the_first_that_differs(first: list[int], second: list[int]):
    pairs = zip(first, second, strict=False)
    alike = list(takewhile(lambda pair: pair[0] == pair[1], pairs))
    assert common_prefix_length(first, second) == len(alike)
    assert common_prefix_length(tuple(second), first) == len(alike)


@given(TOKENS, TOKENS)
def test_a_continuation_shares_the_whole_start(start: list[int], more: list[int]):
    assert common_prefix_length(start, start + more) == len(start)
