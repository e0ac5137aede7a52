"""Guesses from what stands there already."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.engines.openvino.prompt_lookup import LONGEST_RUN, PromptLookup, TokenText


def test_what_followed_the_longest_run_is_guessed() -> None:
    # 2 3 stood there twice; with 1 before it, only once.
    lookup = PromptLookup([1, 2, 3, 7, 7, 7, 9, 2, 3, 8, 8, 8, 1, 2, 3])
    assert lookup.guess(at_most=10) == [7, 7, 7]


def test_of_runs_of_one_length_the_last_counts() -> None:
    assert PromptLookup([5, 1, 0, 5, 2, 0, 5]).guess(at_most=10) == [2, 0]


def test_a_longer_run_makes_a_longer_guess_and_the_limit_holds() -> None:
    text = list(range(20))
    lookup = PromptLookup([*text, *text[:12]])
    assert lookup.guess(at_most=100) == text[12:20]
    assert lookup.guess(at_most=3) == text[12:15]
    assert lookup.guess(at_most=0) == []


def test_nothing_is_guessed_after_a_new_token_or_too_short_a_run() -> None:
    assert PromptLookup([1, 2, 3]).guess(at_most=5) == []
    assert PromptLookup([1, 2, 1]).guess(at_most=5, shortest_run=2) == []
    assert PromptLookup([]).guess(at_most=5, shortest_run=0) == []


def test_tokens_of_the_answer_are_found_too() -> None:
    lookup = PromptLookup([1])
    for token in (4, 5, 6, 4, 5):
        lookup.add(token)
    assert lookup.guess(at_most=5) == [6, 4]


def test_habits_are_asked_where_the_own_text_has_nothing_like_it() -> None:
    habits = TokenText([9, 1, 2, 3, 4, 5, 9])
    assert PromptLookup([7, 1, 2], habits=habits).guess(at_most=5) == [3, 4]
    # What stands in the prompt goes first, however short the run.
    assert PromptLookup([2, 8, 1, 2], habits=habits).guess(at_most=5) == [8]
    assert PromptLookup([7, 1, 2], habits=habits).guess(at_most=5, shortest_run=3) == []
    # Nothing follows the last token of a text.
    assert PromptLookup([5, 9], habits=TokenText([4, 9])).guess(at_most=5) == []


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 10))
def test_a_guess_is_what_followed_a_longest_run(ids: list[int], at_most: int) -> None:
    guess = PromptLookup(ids).guess(at_most=at_most)
    runs = [
        max(n for n in range(1, LONGEST_RUN + 1) if n <= end and ids[end - n : end] == ids[-n:])
        for end in range(1, len(ids))
        if ids[end - 1] == ids[-1]
    ]
    longest = max(runs, default=0)
    assert len(guess) <= min(longest, at_most)
    followed = [
        ids[end : end + len(guess)]
        for end in range(longest, len(ids))
        if longest and ids[end - longest : end] == ids[-longest:]
    ]
    assert guess == [] or guess in followed
