"""Which of several answers is shown, and when no other can change that."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from codeface_jupyter.generation import (
    EngineIdentity,
    Finding,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.outcome import Agreement, Change, Outcome, Preview, PreviewTable
from codeface_jupyter.trials.choose import Candidate, choose, is_decided
from codeface_jupyter.trials.missed_steps import Step

COPY = "This only repeats the cell."
OBSTACLE = "“Replace cell” is not offered: a mark was left out."


def candidate(does: str, *, code: str = "", findings: int = 0, note: str = "") -> Candidate:
    """Return an answer that does something; "!" raises, "?" nobody can tell, "" has no code."""
    result = GenerationResult(
        text=f"```python\n{code or does}\n```",
        finish_reason="stop",
        metrics=GenerationMetrics(),
        identity=EngineIdentity(engine="scripted", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
        findings=(Finding(kind="effect", message="m", line=1),) * findings,
        notes=(note,) if note else (),
    )
    if not does:
        return Candidate(result=result, outcome=None)
    if does == "!":
        return Candidate(result=result, outcome=Outcome(ending="raised", error_type="KeyError"))
    if does == "?":
        return Candidate(result=result, outcome=Outcome(ending="ran"))
    return Candidate(result=result, outcome=Outcome(ending="ran", fingerprint=does))


def saying(does: str, *unsaid: str) -> Candidate:
    return replace(candidate(does), unsaid=unsaid)


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


@pytest.mark.parametrize("copy_at", [0, 1, 2, 3])
def test_a_copy_of_a_cell_is_no_answer_wherever_it_stands(copy_at: int) -> None:
    candidates = [candidate("b"), candidate("b"), candidate("a", findings=1)]
    candidates.insert(copy_at, candidate("a", note=COPY))
    candidates += [candidate("a", note=COPY)]
    choice = choose(candidates)

    assert choice.chosen.result.code == "b"
    assert choice.agreement is not None
    assert choice.agreement.agreeing == 2
    assert [(other.code, other.agreeing) for other in choice.alternatives] == [("a", 1)]


def test_of_those_that_agree_one_that_can_take_the_cells_place() -> None:
    candidates = [candidate("a", note=OBSTACLE), candidate("a", code="better", findings=1)]
    assert choose(candidates).chosen is candidates[1]


def test_another_answer_keeps_what_stands_in_its_way() -> None:
    choice = choose([candidate("a"), candidate("a"), candidate("b", note=OBSTACLE)])
    assert [other.obstacle for other in choice.alternatives] == [OBSTACLE]


def test_it_says_how_many_agree_and_what_others_do() -> None:
    choice = choose([candidate(name) for name in ["a", "a", "b", "!", "c", "d"]])
    assert choice.agreement == Agreement(agreeing=2, tried=6, is_first=True)
    assert [(a.code, a.agreeing) for a in choice.alternatives] == [("b", 1), ("c", 1)]


def test_one_answer_agrees_with_nobody() -> None:
    assert choose([candidate("a")]).agreement is None


def test_another_answer_counts_all_that_do_the_same() -> None:
    choice = choose([candidate("a"), candidate("a"), candidate("b"), saying("b", "x")])
    assert [(other.code, other.agreeing) for other in choice.alternatives] == [("b", 2)]


def test_of_what_nobody_can_compare_nobody_says_who_agrees() -> None:
    assert choose([candidate("?"), candidate("?"), candidate("!")]).agreement is None
    assert choose([candidate("a"), candidate("b")]).agreement == Agreement(
        agreeing=1, tried=2, is_first=True
    )


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


def test_those_that_say_more_of_what_was_asked_go_before_those_that_agree() -> None:
    candidates = [saying("a", "Origin"), saying("a", "Origin"), saying("b"), saying("!")]
    choice = choose(candidates)
    assert choice.chosen is candidates[2]
    assert choice.agreement == Agreement(agreeing=1, tried=4, is_first=False)
    assert choice.alternatives == ()


def test_what_raises_is_not_shown_for_what_it_says() -> None:
    candidates = [saying("a", "Origin"), saying("!"), saying("a", "Origin")]
    assert choose(candidates).chosen is candidates[0]


def test_nothing_is_decided_while_another_may_say_more() -> None:
    assert is_decided([saying("a")] * 3, remaining=2)
    assert not is_decided([saying("a", "Origin")] * 3, remaining=2)
    assert not is_decided([*[saying("a", "Origin")] * 3, saying("b")], remaining=1)
    assert is_decided([*[saying("a", "Origin")] * 3, *[saying("b")] * 2], remaining=1)


@pytest.mark.parametrize(
    ("value", "rows", "is_nothing"),
    [
        ("nan", (), True),
        ("DataFrame of 0 rows and 2 columns", (), True),
        ("DataFrame of 1,200 rows and 0 columns", (), True),
        ("DataFrame of 2 rows and 10 columns", (), False),
        ("Series of 0", (), True),
        ("list of 0", (), True),
        ("Series of 2", (("0", "nan"), ("1", "NaN")), True),
        ("Series of 2", (("0", "nan"), ("1", "3")), False),
        ("DataFrame of 10 rows and 2 columns", (), False),
        ("list of 20", (), False),
        ("0", (), False),
        ("", (), False),
    ],
)
def test_what_gives_nothing_goes_behind_what_gives_something(
    value: str, rows: tuple[tuple[str, ...], ...], is_nothing: bool
) -> None:
    table = PreviewTable(header=("", "a"), rows=rows, is_whole=True) if rows else None
    outcome = Outcome(ending="ran", fingerprint="n", value=value, preview=Preview(table=table))
    empty = replace(candidate("n"), outcome=outcome)
    candidates = [candidate("!"), empty, empty, candidate("a")]
    assert empty.gives_nothing == is_nothing
    assert choose(candidates).chosen is candidates[3 if is_nothing else 1]
    # Where nothing else ran, it is shown all the same.
    assert choose(candidates[:3]).chosen is empty
    assert is_decided(candidates[:3], remaining=1) is not is_nothing


@pytest.mark.parametrize(
    ("did", "is_nothing"),
    [
        ({}, True),
        ({"defines": ("mean_of",)}, False),
        ({"assertions": 1}, False),
        ({"changes": (Change(name="sales", kind="changed", text="sorted"),)}, False),
    ],
)
def test_what_leaves_no_trace_goes_behind_what_does(did: dict[str, Any], is_nothing: bool) -> None:
    outcome = Outcome(ending="ran", fingerprint="n", shows_nothing=True, **did)
    traceless = replace(candidate("n"), outcome=outcome)
    candidates = [candidate("!"), traceless, traceless, candidate("a")]
    assert traceless.gives_nothing == is_nothing
    assert choose(candidates).chosen is candidates[3 if is_nothing else 1]


ROLLING = PreviewTable(header=("", "mean"), rows=(("0", "nan"), ("1", "nan")), is_whole=False)


@pytest.mark.parametrize(
    "did",
    [
        {"printed": "3 rows"},
        {"preview": Preview(png="iVBORw0KGgo=")},
        {"changes": (Change(name="sales", kind="changed", text="2 values of `price` changed"),)},
        {"changes": (Change(name="clean", kind="new", text="DataFrame of 3 rows"),)},
        {"value": "Series of 90", "preview": Preview(table=ROLLING)},
    ],
    ids=["prints", "draws", "changes", "makes", "begins with NaN"],
)
def test_an_empty_value_is_not_nothing_beside_something_else(did: dict[str, Any]) -> None:
    outcome = Outcome(**{"ending": "ran", "value": "DataFrame of 0 rows and 2 columns", **did})
    assert not replace(candidate("n"), outcome=outcome).gives_nothing


def test_an_empty_value_with_a_name_is_nothing() -> None:
    named = Change(name="cheapest", kind="new", text="nan")
    outcome = Outcome(ending="ran", value="nan", changes=(named,))
    assert replace(candidate("n"), outcome=outcome).gives_nothing


@pytest.mark.parametrize(
    ("warning", "is_one"),
    [
        ("ChainedAssignmentError: A value is being set on a copy", True),
        ("FutureWarning: ChainedAssignmentError: behaviour will change in pandas 3.0!", False),
    ],
)
def test_what_may_still_work_is_no_change_of_a_copy(warning: str, is_one: bool) -> None:
    tried = candidate("a")
    assert tried.outcome is not None
    warned = replace(tried, outcome=replace(tried.outcome, warnings=(warning,)))
    assert warned.is_an_answer is not is_one


def test_a_step_that_others_show_counts_where_two_agree() -> None:
    step = Step(name="an order", not_done="sorts nothing")
    lacking = [replace(candidate("a"), missed_steps=(step,)) for _ in range(4)]
    alone, agreed = [*lacking, candidate("b")], [*lacking, candidate("b"), candidate("b")]
    assert choose(alone).chosen is lacking[0]
    assert choose(agreed).chosen is agreed[4]
    assert not is_decided(lacking, remaining=1)
