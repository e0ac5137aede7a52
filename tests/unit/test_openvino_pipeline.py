"""What an answer under way proposes to be read."""

from __future__ import annotations

from codeface_jupyter.engines.openvino.kv_blocks import TokenSequence
from codeface_jupyter.engines.openvino.pipeline import _Decoding
from codeface_jupyter.engines.openvino.prompt_lookup import TokenIndex
from codeface_jupyter.engines.text.streaming_text import IncrementalDetokenizer
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.jobs import Job

CORPUS = TokenIndex([9, 1, 2, 3, 4, 9])


def decoding(prompt: list[int], *, read: int, max_new_tokens: int = 20) -> _Decoding:
    answer = TokenAnswer(
        prompt,
        sampling=SamplingParameters(max_new_tokens=max_new_tokens),
        detokenizer=IncrementalDetokenizer(str),
        eos_ids=[],
        job=Job(),
    )
    return _Decoding(answer, TokenSequence(prompt[:read], []), corpus=CORPUS)


def test_drafts_follow_what_is_known_also_those_from_the_corpus() -> None:
    assert decoding([7, 1, 2], read=1).propose(max_tokens=9) == [1, 2, 3, 4]
    assert decoding([2, 8, 1, 2], read=3).propose(max_tokens=9) == [2, 8]


def test_nothing_is_drafted_before_all_that_is_known_is_read_or_beyond_the_budget() -> None:
    assert decoding([7, 1, 2], read=0).propose(max_tokens=2) == [7, 1]
    assert decoding([7, 1, 2], read=2, max_new_tokens=2).propose(max_tokens=9) == [2, 3]
    assert decoding([7, 1, 2], read=2, max_new_tokens=1).propose(max_tokens=9) == [2]
