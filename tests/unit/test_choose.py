"""Which of several answers is shown, and when no other can change that."""

from collections.abc import Sequence

import pytest

from codeface_jupyter.generation import (
    EngineIdentity,
    Finding,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.outcome import Agreement, Outcome
from codeface_jupyter.trials.choose import Candidate, choose, is_decided


def candidate(does: str, *, code: str = "", findings: int = 0) -> Candidate:
    """Return an answer that does something; "!" raises, "?" nobody can tell, "" has no code."""
    result = GenerationResult(
        text=f"```python\n{code or does}\n```",
        finish_reason="stop",
        metrics=GenerationMetrics(),
        identity=EngineIdentity(engine="scripted", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
        findings=(Finding(kind="effect", message="m", line=1),) * findings,
    )
    if not does:
        return Candidate(result=result, outcome=None)
    if does == "!":
        return Candidate(result=result, outcome=Outcome(ending="raised", error_type="KeyError"))
    if does == "?":
        return Candidate(result=result, outcome=Outcome(ending="ran"))
    return Candidate(result=result, outcome=Outcome(ending="ran", fingerprint=does))


def chosen(*does: str) -> int:
    candidates = [candidate(name) for name in does]
    return candidates.index(choose(candidates).chosen)


@pytest.mark.parametrize(
    ("does", "index"),
    [
        (["a"], 0),
        (["!"], 0),
        (["!", "!", ""], 0),
        (["!", "a"], 1),
        (["", "!", "a"], 2),
        (["a", "b", "b"], 1),
        (["a", "b", "a", "b"], 0),
        (["!", "a", "b", "b"], 2),
        (["a", "!", "!", "!"], 0),
        (["?", "?", "?", "a", "a"], 3),
        (["!", "?"], 1),
    ],
)
def test_what_most_do_is_shown_and_of_equals_the_earlier(does: Sequence[str], index: int) -> None:
    assert chosen(*does) == index


def test_of_those_that_agree_the_one_with_nothing_to_say_against_it() -> None:
    candidates = [candidate("a", findings=1), candidate("a", code="better"), candidate("b")]
    assert choose(candidates).chosen is candidates[1]


def test_it_says_how_many_agree_and_what_others_do() -> None:
    choice = choose([candidate(name) for name in ["a", "a", "b", "!", "c", "d"]])
    assert choice.agreement == Agreement(agreeing=2, tried=6, is_first=True)
    assert [(a.code, a.agreeing) for a in choice.alternatives] == [("b", 1), ("c", 1)]


def test_one_answer_agrees_with_nobody() -> None:
    assert choose([candidate("a")]).agreement is None


@pytest.mark.parametrize(
    ("does", "remaining", "is_over"),
    [
        (["!"], 8, False),
        (["!", "a", "a"], 2, False),
        (["!", "a", "a", "a"], 2, True),
        (["!", "a", "a", "a", "b"], 2, False),
        (["!", "!", "!"], 0, False),
        (["?", "?", "?"], 1, False),
    ],
)
def test_it_is_decided_once_the_rest_cannot_outvote(
    does: Sequence[str], remaining: int, is_over: bool
) -> None:
    assert is_decided([candidate(name) for name in does], remaining=remaining) is is_over
