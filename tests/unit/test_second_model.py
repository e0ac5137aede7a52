"""Where an answer fails on the copy of the kernel, a better model is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, Rewrite
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import EngineUnavailableError
from codeface_jupyter.generation import Revised, Warned
from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.second_model import SecondModel
from codeface_jupyter.trials.guard.support import guard_support

pytestmark = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)

TOTAL = "sum(prices)"
RAISES = "prices['total']"
LARGER = "larger"


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


class Engine(ScriptedEngine):
    """Says that it holds memory while it is loaded."""

    def held_bytes(self) -> dict[str, int]:
        return {"weights": 5, "KV prefixes": 2} if self.is_loaded else {}

    def shrink(self) -> int:
        return 0


class Sampling(Engine):
    """Also answers side by side, with the same text each time."""

    def __init__(self, first: str, sample: str = TOTAL) -> None:
        super().__init__([fenced(first)], name="small")
        self.sample = sample
        self.sampled = 0

    def generate_batch(self, requests, *, on_result, job) -> None:
        for index, request in enumerate(requests):
            if job.is_cancelled:
                return
            self.sampled += 1
            done = ScriptedEngine([fenced(self.sample)]).generate(request, Job())
            on_result(index, fenced(self.sample), done)


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"prices": [1.0, 2.0, 3.0]}


@pytest.fixture
def session_of(tmp_path: Any) -> Callable[..., Session]:
    def session_of(first: ScriptedEngine, second: ScriptedEngine) -> Session:
        session = Session(config=Config(file=tmp_path / "none.toml"), engine=first)
        resources = session._resources
        resources.second = SecondModel(warn=resources.warn, given=second)
        return session

    return session_of


@pytest.fixture
def ask(namespace: dict[str, Any]) -> Callable[..., list[Event]]:
    def ask(session: Session, request: str = "the total", **settings: Any) -> list[Event]:
        settings = {"second_model": LARGER} | settings
        question = Ask(
            sources=settings.pop("sources", None) or ContextSources(request=request),
            settings=session.config.with_overrides(settings),
            live_namespace=namespace,
        )
        return list(session.stream(question))

    return ask


def larger(code: str = TOTAL, **options: Any) -> Engine:
    return Engine([fenced(code)], name=LARGER, **options)


@pytest.mark.parametrize(
    ("first", "fault"),
    [
        (RAISES, "the first one raises TypeError"),
        ("sum(price_list)", "the first one raises NameError"),
    ],
)
def test_its_answer_takes_the_place_of_one_that_fails(session_of, ask, first, fault) -> None:
    small, second = Sampling(first), larger()
    events = ask(session_of(small, second))
    result = events[-1].result
    assert (result.code, result.outcome.value, result.identity.model) == (TOTAL, "6.0", LARGER)
    assert result.agreement is None
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert (revised.text, revised.reason) == (fenced(TOTAL), f"{LARGER} was asked, {fault}")
    # It was given the same question, and nothing was sampled.
    assert second.requests[0].prompt == small.requests[0].prompt
    assert small.sampled == 0
    assert f"Asking {LARGER}" in [event.stage for event in events if isinstance(event, Progress)]
    assert result.metrics.tries == 2


def test_an_answer_that_runs_is_left_alone(session_of, ask) -> None:
    second = larger("max(prices)")
    result = ask(session_of(Sampling(TOTAL), second))[-1].result
    assert (result.code, result.identity.model) == (TOTAL, "small")
    assert (second.requests, second.is_loaded) == ([], False)


@pytest.mark.parametrize("code", [RAISES, "1 / 0", "print(price_list)", "[]", "def f("])
def test_where_it_fails_too_others_are_sampled(session_of, ask, code) -> None:
    small, second = Sampling(RAISES), larger(code)
    result = ask(session_of(small, second))[-1].result
    assert (result.code, result.identity.model) == (TOTAL, "small")
    assert len(second.requests) == 1
    assert small.sampled
    assert result.agreement is not None


def test_where_nothing_runs_the_first_answer_stays(session_of, ask) -> None:
    result = ask(session_of(Sampling(RAISES, RAISES), larger("1 / 0")))[-1].result
    assert (result.code, result.identity.model) == (RAISES, "small")
    assert result.outcome.error_type == "TypeError"


def test_an_answer_that_was_cut_off_is_not_taken(session_of, ask) -> None:
    second = larger("sum(prices) + 0 + 0 + 0 + 0 + 0 + 0 + 0 + 0")
    result = ask(session_of(Engine([fenced(RAISES)]), second), max_new_tokens=18)[-1].result
    assert (result.code, len(second.requests)) == (RAISES, 1)


@pytest.mark.parametrize(
    ("code", "is_taken"),
    [("{'Total': sum(prices)}", True), ("sum(prices) + 0", False), ("prices['Total']", False)],
)
def test_what_ran_gives_way_only_to_what_says_more(session_of, ask, code, is_taken) -> None:
    small = Sampling(TOTAL, TOTAL)
    result = ask(session_of(small, larger(code)), 'a dict with the sum as "Total"')[-1].result
    assert result.code == (code if is_taken else TOTAL)


def test_several_answers_at_once_are_to_agree_instead(session_of, ask) -> None:
    second = larger()
    ask(session_of(Sampling(RAISES), second), tried_answers=3)
    assert second.requests == []


@pytest.mark.parametrize("name", ["auto", "none", "small"])
def test_none_is_asked_where_none_is_named(session_of, ask, name) -> None:
    second = larger()
    session = session_of(Sampling(RAISES), second)
    ask(session, second_model=name, model="small")
    assert second.requests == []


def test_a_cell_is_mended_without_asking(session_of, ask) -> None:
    second = larger()
    cell = Cell(source="sum(price)", cell_id="c")
    sources = ContextSources(request="Fix it", task="fix", cells=[cell], rewrite=Rewrite.of(cell))
    result = ask(session_of(Sampling(RAISES), second), sources=sources)[-1].result
    assert (result.code, second.requests) == (TOTAL, [])


def test_one_that_does_not_load_is_told_once_and_not_tried_again(session_of, ask) -> None:
    class TooLarge(Engine):
        loads = 0

        def load(self, job) -> None:
            self.loads += 1
            raise EngineUnavailableError("It needs 9 GB.")

    small, second = Sampling(RAISES), TooLarge(["x"], name=LARGER)
    session = session_of(small, second)
    for request, told in (("the total", 1), ("the sum", 0)):
        events = ask(session, request)
        warnings = [event.text for event in events if isinstance(event, Warned)]
        assert len(warnings) == told
        assert events[-1].result.code == TOTAL
    assert second.loads == 1
    session.unload()
    assert "is not asked where an answer fails: It needs 9 GB." in str(ask(session, "all"))
    assert second.loads == 2


def test_one_on_another_machine_is_not_asked(session_of, ask) -> None:
    second = larger(is_local=False)
    events = ask(session_of(Sampling(RAISES), second))
    assert events[-1].result.code == TOTAL
    assert second.requests == []
    assert "It is not on this machine." in str([e for e in events if isinstance(e, Warned)])


def test_what_it_raises_is_not_the_answers_end(session_of, ask) -> None:
    second = Engine([RuntimeError("out of luck")], name=LARGER)
    result = ask(session_of(Sampling(RAISES), second))[-1].result
    assert (result.code, result.identity.model) == (TOTAL, "small")


def test_stopping_meanwhile_keeps_the_first_answer(session_of, namespace) -> None:
    second = larger("sum(prices) + 1 + 2 + 3", token_delay_s=0.05)
    session = session_of(Sampling(RAISES), second)
    settings = session.config.with_overrides({"second_model": LARGER})
    answer = session.stream(
        Ask(
            sources=ContextSources(request="the total"),
            settings=settings,
            live_namespace=namespace,
        )
    )
    for event in answer:
        if isinstance(event, Progress) and event.stage == f"Asking {LARGER}":
            answer.cancel()
    assert answer.result.code == RAISES
    assert answer.result.outcome.ending == "raised"


def test_a_replayed_answer_is_still_its_own(session_of, ask) -> None:
    small, second = Sampling(RAISES), larger()
    session = session_of(small, second)
    first, again = (ask(session)[-1].result for _ in range(2))
    assert again.metrics.from_response_cache
    assert (again.code, again.identity) == (first.code, first.identity)
    assert (len(small.requests), len(second.requests)) == (1, 1)
    # Without it, another answer is wanted.
    assert ask(session, second_model="none")[-1].result.identity.model == "small"


def test_what_an_answer_cost_is_the_first_models(session_of, ask) -> None:
    small, second = Sampling(RAISES), larger("sum(prices) + 1 - 1 + 1 - 1")
    session = session_of(small, second)
    result = ask(session)[-1].result
    # What is shown beside the answer is of the model that gave it.
    small_tokens, tokens = (small.count_tokens(fenced(RAISES)), small.count_tokens(result.text))
    assert small_tokens != tokens
    assert result.metrics.generated_tokens == tokens
    (record,) = session.metrics.records
    assert (record.model, record.is_revised) == ("small", True)
    assert record.metrics.generated_tokens == small_tokens
    assert session.metrics.summary().revised_answers == 1


def test_a_batch_asks_it_for_those_that_fail(session_of, namespace) -> None:
    small, second = Engine([fenced(TOTAL), fenced(RAISES)], name="small"), larger("max(prices)")
    session = session_of(small, second)
    settings = session.config.with_overrides({"second_model": LARGER})
    asks = [
        Ask(sources=ContextSources(request=text), settings=settings, live_namespace=namespace)
        for text in ("one", "two")
    ]
    items = session.generate_batch(asks)
    assert [item.result.code for item in items] == [TOTAL, "max(prices)"]
    assert [item.result.identity.model for item in items] == ["small", LARGER]


def test_its_memory_is_counted_and_given_back(session_of, ask) -> None:
    small, second = Sampling(RAISES), larger()
    session = session_of(small, second)
    ask(session)
    assert session.memory().engine_bytes["second model"] == 7
    assert session._resources.second.shrink() == 7
    assert not second.is_loaded
    assert session._resources.second.shrink() == 0
    ask(session, "the sum")
    assert second.is_loaded
    session.unload()
    assert (small.is_loaded, second.is_loaded) == (False, False)
    assert "second model" not in session.memory().engine_bytes


def test_it_goes_once_the_settings_want_none(session_of, ask) -> None:
    second = larger()
    session = session_of(Sampling(RAISES), second)
    ask(session)
    assert second.is_loaded
    ask(session, "the sum", second_model="none")
    assert not second.is_loaded


def test_it_ends_with_the_session(session_of, ask) -> None:
    second = larger()
    session = session_of(Sampling(RAISES), second)
    ask(session)
    session.close()
    assert not second.is_loaded
