"""What an answer under way proposes to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from codeface_jupyter.engines.openvino import pipeline
from codeface_jupyter.engines.openvino.kv_blocks import TokenSequence
from codeface_jupyter.engines.openvino.paged_model import PagedModel, Piece
from codeface_jupyter.engines.openvino.pipeline import PASS_TOKENS, TokenPipeline, _Decoding
from codeface_jupyter.engines.openvino.prompt_lookup import MAX_MATCH, PromptLookup, TokenIndex
from codeface_jupyter.engines.text.streaming_text import IncrementalDetokenizer
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.jobs import Job

CORPUS = TokenIndex([9, 1, 2, 3, 4, 9])


VOCABULARY = 50


@pytest.fixture(autouse=True)
def multiplies_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the same passes on every machine."""
    monkeypatch.setattr(pipeline, "multiplies_bytes", lambda: True)


class CountingModel:
    """Notes what it is to read; every token is as likely as another."""

    block_tokens = 32
    block_count = 4_000
    block_bytes = 1
    can_copy_blocks = True

    def __init__(self) -> None:
        self.passes: list[list[int]] = []

    def copy_block(self, source: int, target: int) -> None:
        pass

    def read(self, pieces: Sequence[Piece], *, job: Job) -> NDArray[np.float32]:
        job.check()
        self.passes.append([len(piece.token_ids) for piece in pieces])
        wanted = sum(piece.wanted for piece in pieces)
        return np.zeros((wanted, VOCABULARY), dtype=np.float32)


def answer_to(prompt: list[int], **sampling: float) -> TokenAnswer:
    return TokenAnswer(
        prompt,
        sampling=SamplingParameters(**sampling),  # type: ignore[arg-type]
        detokenizer=IncrementalDetokenizer(str),
        eos_ids=[],
        job=Job(),
    )


def decoding(prompt: list[int], *, read: int, max_new_tokens: int = 20) -> _Decoding:
    answer = answer_to(prompt, max_new_tokens=max_new_tokens)
    return _Decoding(answer, TokenSequence(prompt[:read], []), PromptLookup(prompt, corpus=CORPUS))


def passes(answers: Sequence[TokenAnswer]) -> list[list[int]]:
    """Return the lengths of the pieces of each pass over a batch."""
    model = CountingModel()
    tokens = TokenPipeline(cast("PagedModel", model), corpus=TokenIndex([]), weights_bytes=0)
    assert sorted(tokens.decode_batch(answers, job=Job())) == list(range(len(answers)))
    assert all(answer.is_over for answer in answers)
    return model.passes


def test_drafts_follow_what_is_known_also_those_from_the_corpus() -> None:
    assert decoding([7, 1, 2], read=1).propose(max_tokens=9) == [1, 2, 3, 4]
    assert decoding([2, 8, 1, 2], read=3).propose(max_tokens=9) == [2, 8]


def test_nothing_is_drafted_before_all_that_is_known_is_read_or_beyond_the_budget() -> None:
    assert decoding([7, 1, 2], read=0).propose(max_tokens=2) == [7, 1]
    assert decoding([7, 1, 2], read=2, max_new_tokens=2).propose(max_tokens=9) == [2, 3]
    assert decoding([7, 1, 2], read=2, max_new_tokens=1).propose(max_tokens=9) == [2]


def test_samples_of_one_prompt_read_it_once() -> None:
    prompt = list(range(PASS_TOKENS + 100))
    samples = [answer_to(prompt, temperature=1.0, max_new_tokens=2) for _ in range(8)]
    # The first is one token ahead by then, which the others draft.
    assert passes(samples)[:3] == [[PASS_TOKENS], [100], [1, *[2] * 7]]


def test_passes_are_shorter_where_no_instructions_multiply_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "multiplies_bytes", lambda: False)
    answer = answer_to(list(range(PASS_TOKENS)), max_new_tokens=1)
    assert passes([answer]) == [[PASS_TOKENS // 2], [PASS_TOKENS // 2]]


def test_what_prompts_share_is_read_once_and_the_rest_side_by_side() -> None:
    shared = list(range(100))
    answers = [answer_to([*shared, 200 + n, 7], max_new_tokens=1) for n in range(3)]
    assert passes(answers) == [[102], [2, 2]]


def test_prompts_with_little_in_common_do_not_wait_for_each_other() -> None:
    answers = [answer_to([1, 2, 3, 40 + n, *range(60, 100)], max_new_tokens=1) for n in range(3)]
    assert passes(answers) == [[44, 44, 44]]


def test_an_answer_that_has_ended_is_in_no_further_pass() -> None:
    lengths = (1, 2, 4)
    answers = [
        answer_to([n], temperature=1.0, seed=n, max_new_tokens=length)
        for n, length in enumerate(lengths)
    ]
    assert [len(pieces) for pieces in passes(answers)] == [3, 2, 1, 1]


def test_the_last_answers_of_a_batch_draft_as_they_would_alone() -> None:
    def begin(count: int) -> list[int]:
        # The last token occurs once before: a match of one token, and so one draft token.
        prompts = [[7, 20 + n, 21 + n, 7] for n in range(count)]
        return passes([answer_to(prompt, max_new_tokens=5) for prompt in prompts])[0]

    assert begin(1) == [5]
    assert begin(3) == [5] * 3
    assert begin(4) == [4] * 4


class CountingUpModel(CountingModel):
    """After each token the next number is the likeliest."""

    def read(self, pieces: Sequence[Piece], *, job: Job) -> NDArray[np.float32]:
        logits = super().read(pieces, job=job)
        wanted = [token for piece in pieces for token in piece.token_ids[-piece.wanted :]]
        logits[range(len(wanted)), [(token + 1) % VOCABULARY for token in wanted]] = 1
        return logits


def test_an_earlier_answer_to_the_same_prompt_is_drafted() -> None:
    model = CountingUpModel()
    tokens = TokenPipeline(cast("PagedModel", model), corpus=TokenIndex([]), weights_bytes=0)

    def answer(prompt: list[int]) -> list[int]:
        asked = answer_to(prompt, max_new_tokens=20)
        tokens.decode(asked, job=Job(), on_reading=lambda _: None)
        return asked.token_ids[len(prompt) :]

    prompt = list(range(10, 40))
    first = answer(prompt)
    model.passes.clear()
    assert answer(prompt) == first
    # A known token and a draft as long as the match: 20 tokens in three passes.
    assert model.passes == [[1 + MAX_MATCH], [1 + MAX_MATCH], [2]]
    # Another prompt, to which nothing was answered.
    model.passes.clear()
    answer(prompt[1:])
    assert len(model.passes) == 20
