"""Draft tokens from what stands there already."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.engines.openvino.prompt_lookup import (
    MAX_ANSWERS_BESIDE,
    MAX_MATCH,
    AnswersTo,
    PromptLookup,
    TokenIndex,
)


def test_what_followed_the_longest_match_is_drafted() -> None:
    # 2 3 stood there twice; with 1 before it, only once.
    lookup = PromptLookup([1, 2, 3, 7, 7, 7, 9, 2, 3, 8, 8, 8, 1, 2, 3])
    assert lookup.draft(max_tokens=10) == [7, 7, 7]


def test_of_matches_of_one_length_the_last_counts() -> None:
    assert PromptLookup([5, 1, 0, 5, 2, 0, 5]).draft(max_tokens=10) == [2, 0]


def test_a_longer_match_makes_a_longer_draft_and_the_limit_holds() -> None:
    text = list(range(20))
    lookup = PromptLookup([*text, *text[:12]])
    assert lookup.draft(max_tokens=100) == text[12:20]
    assert lookup.draft(max_tokens=3) == text[12:15]
    assert lookup.draft(max_tokens=0) == []


def test_nothing_is_drafted_after_a_new_token_or_too_short_a_match() -> None:
    assert PromptLookup([1, 2, 3]).draft(max_tokens=5) == []
    assert PromptLookup([1, 2, 1]).draft(max_tokens=5, answers=4) == []
    assert PromptLookup([]).draft(max_tokens=5) == []


def test_beside_many_answers_half_as_many_tokens_are_drafted() -> None:
    text = list(range(20))
    lookup = PromptLookup([*text, *text[:6]])
    assert lookup.draft(max_tokens=9, answers=3) == text[6:12]
    assert lookup.draft(max_tokens=9, answers=4) == text[6:9]
    # However many there are, a match of four tokens is enough.
    assert PromptLookup([*text, *text[:4]]).draft(max_tokens=9, answers=16) == text[4:6]


def test_tokens_of_the_answer_are_found_too() -> None:
    lookup = PromptLookup([1])
    for token in (4, 5, 6, 4, 5):
        lookup.add(token)
    assert lookup.draft(max_tokens=5) == [6, 4]


def test_the_corpus_is_looked_at_where_the_own_text_has_nothing_like_it() -> None:
    corpus = TokenIndex([9, 1, 2, 3, 4, 5, 9])
    assert PromptLookup([7, 1, 2], corpus=corpus).draft(max_tokens=5) == [3, 4]
    # What stands in the prompt goes first, however short the match.
    assert PromptLookup([2, 8, 1, 2], corpus=corpus).draft(max_tokens=5) == [8]
    assert PromptLookup([7, 1, 2], corpus=corpus).draft(max_tokens=5, answers=8) == []
    # Nothing follows the last token of a text.
    assert PromptLookup([5, 9], corpus=TokenIndex([4, 9])).draft(max_tokens=5) == []


def test_other_answers_to_the_prompt_are_looked_in_first() -> None:
    prompt = [1, 2, 3]
    beside = AnswersTo(prompt, earlier=[[7, 8, 9]])
    first = PromptLookup(prompt, beside=beside)
    second = PromptLookup(prompt, beside=beside)
    # The prompt's end is known; what an earlier answer began with is drafted.
    assert first.draft(max_tokens=5) == [7, 8, 9]
    for token in (7, 5, 6):
        first.add(token)
    # Of two that match alike the earlier one counts; then the one that matches further.
    assert second.draft(max_tokens=2) == [7, 8]
    second.add(7)
    second.add(5)
    assert second.draft(max_tokens=5) == [6]
    second.add(6)
    assert second.draft(max_tokens=5) == []


def test_the_prompt_counts_where_it_matches_further_than_other_answers() -> None:
    prompt = [4, 5, 6, 7, 1]
    lookup = PromptLookup(prompt, beside=AnswersTo(prompt, earlier=[[9, 6, 8]]))
    for token in (5, 6):
        lookup.add(token)
    assert lookup.draft(max_tokens=1) == [7]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 10))
def test_a_draft_is_what_followed_a_longest_match(ids: list[int], max_tokens: int) -> None:
    draft = PromptLookup(ids).draft(max_tokens=max_tokens)
    matches = [
        max(n for n in range(1, MAX_MATCH + 1) if n <= end and ids[end - n : end] == ids[-n:])
        for end in range(1, len(ids))
        if ids[end - 1] == ids[-1]
    ]
    longest = max(matches, default=0)
    assert len(draft) <= min(longest, max_tokens)
    followed = [
        ids[end : end + len(draft)]
        for end in range(longest, len(ids))
        if longest and ids[end - longest : end] == ids[-longest:]
    ]
    assert draft == [] or draft in followed


def test_of_hundreds_of_answers_the_last_are_looked_in() -> None:
    prompt = [1, 2]
    earlier = [[100 + n, 200 + n] for n in range(500)]
    beside = AnswersTo(prompt, earlier=earlier)
    lookup = PromptLookup(prompt, beside=beside)
    assert len(beside.indices) == MAX_ANSWERS_BESIDE
    lookup.add(100 + 499)
    assert lookup.draft(max_tokens=4)[:1] == [200 + 499]
    others = [PromptLookup(prompt, beside=beside) for _ in range(500)]
    assert len(beside.indices) == MAX_ANSWERS_BESIDE
    # One that goes on longer than all of them drafts from itself.
    for token_id in (7, 8, 9, 7, 8):
        lookup.add(token_id)
    assert lookup.draft(max_tokens=1) == [9]
    assert len(others) == 500


@given(
    st.lists(st.integers(0, 3), max_size=40),
    st.lists(st.integers(0, 3), min_size=1, max_size=12),
    st.integers(0, MAX_MATCH),
)
def test_the_longest_match_is_what_a_look_at_each_position_finds(
    text: list[int], ending: list[int], beyond: int
) -> None:
    def length(position: int) -> int:
        most = min(position, len(ending), MAX_MATCH)
        return max(
            n for n in range(most + 1) if n == 0 or text[position - n : position] == ending[-n:]
        )

    expected = max(((length(p), p) for p in range(len(text))), default=(0, 0))
    found = TokenIndex(text).longest_match(ending, beyond=beyond)
    if expected[0] <= beyond:
        assert found is None
    else:
        assert found is not None
        assert (found.length, found.after) == expected
