"""What an answer under way proposes to be read."""

from __future__ import annotations

from codeface_jupyter.engines.openvino.kv_blocks import TokenSequence
from codeface_jupyter.engines.openvino.pipeline import AnswerRun, _Decoding
from codeface_jupyter.engines.openvino.prompt_lookup import TokenText
from codeface_jupyter.generation import SamplingParameters

HABITS = TokenText([9, 1, 2, 3, 4, 9])


def decoding(prompt: list[int], *, read: int, max_new_tokens: int = 20) -> _Decoding:
    sampling = SamplingParameters(max_new_tokens=max_new_tokens)
    run = AnswerRun(prompt, sampling, take=lambda _: True)
    return _Decoding(run, TokenSequence(prompt[:read], []), habits=HABITS)


def test_guesses_follow_what_is_known_also_those_from_habit() -> None:
    assert decoding([7, 1, 2], read=1).propose(at_most=9) == [1, 2, 3, 4]
    assert decoding([2, 8, 1, 2], read=3).propose(at_most=9) == [2, 8]


def test_nothing_is_guessed_before_all_that_is_known_is_read_or_beyond_the_room() -> None:
    assert decoding([7, 1, 2], read=0).propose(at_most=2) == [7, 1]
    assert decoding([7, 1, 2], read=2, max_new_tokens=2).propose(at_most=9) == [2, 3]
    assert decoding([7, 1, 2], read=2, max_new_tokens=1).propose(at_most=9) == [2]
