"""Where an answer fails on the copy of the kernel, a better model is asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.context import Cell, ContextSources, Rewrite
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import EngineUnavailableError
from codeface_jupyter.generation import Revised, Warned
from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.outcome import Agreement
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.trying import STOPPED
from codeface_jupyter.trials.guard.support import guard_support

pytestmark = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)

TOTAL = "sum(prices)"
RAISES = "prices['total']"
in_python = partial(fenced, language="python")
LARGER = "larger"


class Engine(ScriptedEngine):
    """Says that it holds memory while it is loaded."""

    def held_bytes(self) -> dict[str, int]:
        return {"weights": 5, "KV prefixes": 2} if self.is_loaded else {}

    def shrink(self) -> int:
        return 0


class Sampling(Engine):
    """Also answers side by side, with the same text each time."""

    def __init__(self, first: str, sample: str = TOTAL) -> None:
        super().__init__([in_python(first)], name="small")
        self.sample = sample
        self.sampled = 0

    def generate_batch(self, requests, *, on_result, job) -> None:
        for index, request in enumerate(requests):
            if job.is_cancelled:
                return
            self.sampled += 1
            done = ScriptedEngine([in_python(self.sample)]).generate(request, Job())
            on_result(index, in_python(self.sample), done)


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"prices": [1.0, 2.0, 3.0]}


@pytest.fixture
def session_of(tmp_path: Any) -> Callable[..., Session]:
    def session_of(first: ScriptedEngine, second: ScriptedEngine) -> Session:
        session = Session(config=Config(file=tmp_path / "none.toml"), engine=first)
        session._resources.second._engines = CurrentEngine(second)
        return session

    return session_of


@pytest.fixture
def ask(namespace: dict[str, Any]) -> Callable[..., list[Event]]:
    def ask(session: Session, request: str = "the total", **settings: Any) -> list[Event]:
        question = Ask(
            sources=settings.pop("sources", None) or ContextSources(request=request),
            second=named(session) if settings.pop("with_second", True) else None,
            settings=session.config.with_overrides(settings),
            live_namespace=namespace,
        )
        return list(session.stream(question))

    return ask


def named(session: Session) -> Settings:
    """Return settings that name the larger model."""
    return session.config.with_overrides({"model": LARGER})


def larger(code: str = TOTAL, **options: Any) -> Engine:
    return Engine([in_python(code)], name=LARGER, **options)


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
    assert (revised.text, revised.reason) == (in_python(TOTAL), f"{LARGER} was asked, {fault}")
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
    result = ask(session_of(Engine([in_python(RAISES)]), second), max_new_tokens=18)[-1].result
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


def test_none_is_asked_where_none_is_there(session_of, ask) -> None:
    second = larger()
    ask(session_of(Sampling(RAISES), second), with_second=False)
    assert second.requests == []


def test_a_cell_is_mended_without_asking(session_of, ask) -> None:
    second = larger()
    cell = Cell(source="sum(price)", cell_id="c")
    rewrite = Rewrite.of(cell)
    sources = ContextSources(request=FIX_REQUEST, task="fix", cells=[cell], rewrite=rewrite)
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
    assert not [event for event in events if isinstance(event, Warned)]


def test_what_it_raises_is_not_the_answers_end(session_of, ask) -> None:
    second = Engine([RuntimeError("out of luck")], name=LARGER)
    result = ask(session_of(Sampling(RAISES), second))[-1].result
    assert (result.code, result.identity.model) == (TOTAL, "small")


def test_stopping_meanwhile_keeps_the_first_answer(session_of, namespace) -> None:
    second = larger("sum(prices) + 1 + 2 + 3", token_delay_s=0.05)
    session = session_of(Sampling(RAISES), second)
    answer = session.stream(
        Ask(
            sources=ContextSources(request="the total"),
            settings=session.config.settings,
            second=named(session),
            live_namespace=namespace,
        )
    )
    for event in answer:
        if isinstance(event, Progress) and event.stage == f"Asking {LARGER}":
            answer.cancel()
    assert answer.result.code == RAISES
    assert answer.result.outcome.ending == "raised"
    assert answer.result.notes == (STOPPED,)


def test_a_replayed_answer_is_still_its_own(session_of, ask) -> None:
    small, second = Sampling(RAISES), larger()
    session = session_of(small, second)
    first, again = (ask(session)[-1].result for _ in range(2))
    assert again.metrics.from_response_cache
    assert (again.code, again.identity) == (first.code, first.identity)
    assert (len(small.requests), len(second.requests)) == (1, 1)
    # Without it, another answer is wanted.
    assert ask(session, with_second=False)[-1].result.identity.model == "small"


def test_what_an_answer_cost_is_the_first_models(session_of, ask) -> None:
    small, second = Sampling(RAISES), larger("sum(prices) + 1 - 1 + 1 - 1")
    session = session_of(small, second)
    result = ask(session)[-1].result
    # What is shown beside the answer is of the model that gave it.
    small_tokens, tokens = (small.count_tokens(in_python(RAISES)), small.count_tokens(result.text))
    assert small_tokens != tokens
    assert result.metrics.generated_tokens == tokens
    (record,) = session.metrics.records
    assert (record.model, record.answered_by, record.is_revised) == ("small", LARGER, True)
    assert record.metrics.generated_tokens == small_tokens
    assert session.metrics.summary().revised_answers == 1


def test_a_batch_asks_it_for_those_that_fail(session_of, namespace) -> None:
    small, second = (
        Engine([in_python(TOTAL), in_python(RAISES)], name="small"),
        larger("max(prices)"),
    )
    session = session_of(small, second)
    asks = [
        Ask(
            sources=ContextSources(request=text),
            settings=session.config.settings,
            second=named(session),
            live_namespace=namespace,
        )
        for text in ("one", "two", "two")
    ]
    items = session.generate_batch(asks)
    assert [item.result.code for item in items] == [TOTAL, "max(prices)", "max(prices)"]
    assert [item.result.identity.model for item in items] == ["small", LARGER, LARGER]
    # The last one is the second's copy, which cost nothing.
    assert [item.result.metrics.from_response_cache for item in items] == [False, False, True]


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
    ask(session, "the sum", with_second=False)
    assert not second.is_loaded


def test_it_ends_with_the_session(session_of, ask) -> None:
    second = larger()
    session = session_of(Sampling(RAISES), second)
    ask(session)
    session.close()
    assert not second.is_loaded


def test_one_that_leaves_out_what_is_quoted_is_compared_with_samples(session_of, ask) -> None:
    small = Sampling("prices['Total']", "{'Total': sum(prices)}")
    second = larger("sum(prices) + 0")
    result = ask(session_of(small, second), 'a dict with the sum as "Total"')[-1].result
    assert result.code == "{'Total': sum(prices)}"
    small = Sampling("prices['Total']", "prices['Total'][0]")
    result = ask(session_of(small, second), 'a dict with the sum as "Total"')[-1].result
    assert (result.code, result.identity.model) == ("sum(prices) + 0", LARGER)
    assert result.agreement == Agreement(agreeing=1, tried=10, is_first=False)


def test_where_all_fail_that_is_said_and_a_replay_asks_nobody(session_of, ask) -> None:
    small, second = Sampling(RAISES, RAISES), larger("1 / 0")
    session = session_of(small, second)
    first = ask(session)[-1].result
    assert first.notes[-2:] == (
        f"{LARGER} was asked, too; its answer is no better.",
        "8 other answers were tried; none ran.",
    )
    sampled = small.sampled
    again = ask(session)[-1].result
    assert again.metrics.from_response_cache
    assert (again.code, again.outcome.ending) == (RAISES, "raised")
    assert (small.sampled, len(second.requests)) == (sampled, 1)


def test_what_ran_once_and_fails_now_is_asked(session_of, ask, namespace) -> None:
    small, second = Sampling("prices.index(2.0)"), larger("min(prices)")
    session = session_of(small, second)
    assert ask(session)[-1].result.identity.model == "small"
    # The prompt says nothing of it, so that the answer is replayed.
    namespace["prices"] = [1.0, 3.0, 3.0]
    again = ask(session)[-1].result
    assert again.metrics.from_response_cache
    assert (again.code, again.identity.model) == ("min(prices)", LARGER)
    assert len(second.requests) == 1


def test_a_replayed_answer_that_fails_now_is_not_asked_again(session_of, ask, namespace) -> None:
    small, second = Sampling(RAISES), larger()
    session = session_of(small, second)
    assert ask(session)[-1].result.identity.model == LARGER
    del namespace["prices"]
    again = ask(session)[-1].result
    assert again.metrics.from_response_cache
    assert len(second.requests) == 1


def test_a_replay_counts_the_tokens_of_what_it_shows(session_of, ask) -> None:
    session = session_of(Sampling(RAISES), larger("sum(prices) + 1 - 1"))
    first, again = (ask(session)[-1].result for _ in range(2))
    assert again.metrics.generated_tokens == first.metrics.generated_tokens


def test_an_answer_much_longer_than_the_first_is_given_up(session_of, ask) -> None:
    long = larger("\n".join("sum(prices)" for _ in range(200)))
    result = ask(session_of(Sampling(RAISES), long), max_new_tokens=4_000)[-1].result
    assert result.identity.model == "small"
    assert long.requests[0].sampling.max_new_tokens == 160


def test_so_is_one_that_takes_minutes(session_of, ask, monkeypatch) -> None:
    monkeypatch.setattr("codeface_jupyter.session.second_answer.PATIENCE_S", 0.1)
    slow = larger(token_delay_s=0.05)
    result = ask(session_of(Sampling(RAISES), slow))[-1].result
    assert (result.code, result.identity.model) == (TOTAL, "small")


def test_while_there_is_no_room_it_is_not_loaded(session_of, ask, monkeypatch) -> None:
    has_room = [False]
    module = "codeface_jupyter.session.second_model"
    monkeypatch.setattr(f"{module}.leaves_room", lambda *_: has_room[0])
    second = larger()
    session = session_of(Sampling(RAISES), second)
    events = ask(session)
    assert (second.is_loaded, events[-1].result.identity.model) == (False, "small")
    assert not [event for event in events if isinstance(event, Warned)]
    has_room[0] = True
    assert ask(session, "the sum")[-1].result.identity.model == LARGER


def test_how_fast_it_is_is_remembered(session_of, ask, monkeypatch) -> None:
    added = []
    module = "codeface_jupyter.session.second_answer"
    monkeypatch.setattr(f"{module}.SpeedRecords.add", lambda _, *what: added.append(what))
    monkeypatch.setattr(f"{module}.OtherWork.share", lambda _: 0.0)
    ask(session_of(Sampling(RAISES), larger()))
    ((identity, metrics),) = added
    assert identity.model == LARGER
    assert metrics.generated_tokens
