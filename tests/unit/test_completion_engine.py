"""Which model completes code: the one that answers, or a smaller one that is loaded beside it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.engines import model_beside
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.model_beside import (
    problem_beside,
    settings_beside,
    smaller_to_fetch,
)
from codeface_jupyter.engines.openai.engine import OpenAIEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.speed import Rates
from codeface_jupyter.session import Session, completion_engine

SMALL, MIDDLE = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"
SLOW = Rates(decode_tokens_per_s=18, prefill_tokens_per_s=200)


@pytest.fixture
def here(monkeypatch):
    """Let a test say which models are on this machine; all of them are slow."""
    names = {SMALL, MIDDLE}
    monkeypatch.setattr(model_beside, "is_here", lambda request: request.name in names)
    monkeypatch.setattr(model_beside, "foreseen_rates", lambda *_, **__: SLOW)
    return names


def beside(answering, **settings):
    engine = ScriptedEngine(["x"], name=answering)
    engine.is_loaded = True
    found = settings_beside(Settings(**settings), engine)
    return None if found is None else found.model


class TestTheRule:
    def test_a_small_model_completes_where_the_answering_one_is_slow(self, here):
        assert beside(MIDDLE) == SMALL

    def test_what_answers_fast_completes_too(self, here, monkeypatch):
        fast = replace(SLOW, decode_tokens_per_s=60)
        monkeypatch.setattr(model_beside, "foreseen_rates", lambda *_, **__: fast)
        assert beside(MIDDLE) is None

    def test_nothing_is_fetched_for_it(self, here):
        here.remove(SMALL)
        assert beside(MIDDLE) is None
        answering = ScriptedEngine(["x"], name=MIDDLE)
        found = settings_beside(Settings(completion_model=SMALL), answering)
        assert found is not None
        assert not found.auto_pull

    def test_what_to_fetch_is_told_where_a_slow_model_has_none_beside_it(self, here, monkeypatch):
        middle = CATALOG[MIDDLE]
        assert smaller_to_fetch(Settings(), middle) is None
        here.remove(SMALL)
        found = smaller_to_fetch(Settings(), middle)
        assert found is not None
        assert found.name == SMALL
        assert smaller_to_fetch(Settings(), CATALOG[SMALL]) is None

    def test_the_smallest_needs_none_beside_it(self, here):
        assert beside(SMALL) is None

    def test_of_a_model_of_the_users_own_nothing_is_known(self, here):
        assert beside("./mine.gguf") is None

    def test_the_user_may_name_one_or_none(self, here):
        assert beside("./mine.gguf", completion_model=SMALL) == SMALL
        assert beside(MIDDLE, completion_model="same") is None
        assert beside(SMALL, completion_model=SMALL) is None

    @pytest.mark.parametrize("url", ["http://localhost:11434/v1", "https://example.org/v1"])
    def test_beside_a_server_a_model_of_this_process_completes(self, here, url):
        settings = Settings(engine="openai", base_url=url, model="gpt-oss-120b")
        found = settings_beside(settings, OpenAIEngine(settings))
        assert found is not None
        assert (found.model, found.engine, found.auto_pull) == (SMALL, "auto", False)


class TestAModelThatIsNamed:
    @pytest.fixture
    def problem(self, tmp_path):
        answering = ScriptedEngine(["x"], name=MIDDLE)

        def find(name, **settings):
            settings = Settings(cache_dir=tmp_path, completion_model=name, **settings)
            return problem_beside(settings, answering)

        return find

    def test_it_is_told_that_it_is_not_here(self, problem):
        assert problem(SMALL) == (
            f"{SMALL} is not on this machine, and none is fetched to complete code.\n"
            f"Fetch it first: codeface pull {SMALL}"
        )

    def test_a_misspelt_one_is_told_the_near_one(self, problem):
        assert problem("qwen2.5-coder-05b").endswith(f"Did you mean {SMALL}?")

    def test_it_is_told_that_its_folder_is_not_there(self, problem, tmp_path):
        assert str(tmp_path / "none") in problem(str(tmp_path / "none"))

    def test_it_is_told_that_it_fills_no_gaps(self, problem, monkeypatch):
        monkeypatch.setattr(model_beside, "locate", lambda request: request)
        chat = next(one.name for one in CATALOG.values() if one.fim_tokens is None)

        assert problem(chat) == f"{chat} was not made to fill gaps in code."
        assert problem(SMALL) == ""

    def test_nothing_is_told_where_none_is_named_or_only_its_engine_can_tell(self, problem):
        assert [problem(name) for name in ("auto", "same", MIDDLE)] == ["", "", ""]
        assert problem("whatever", engine="scripted") == ""


@pytest.fixture
def session(monkeypatch, tmp_path):
    """A session whose answers and completions come from two scripted models."""
    monkeypatch.setattr(completion_engine, "LOOK_INTERVAL_S", 0.0)
    config = Config(file=tmp_path / "none.toml")
    config.set(engine="scripted", model="scripted", completion_model="scripted:load10ms")
    session = Session(config=config)
    yield session
    session.close()


def until(condition):
    """Wait until a condition holds, and return what it gives."""
    deadline = time.monotonic() + 10
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def completing(session, *, model):
    """Wait until a model completes; return its engine."""

    def found():
        session.completions.silence()
        engine = session._resources.completing.engine
        return engine if engine is not None and engine.identity.model == model else None

    return until(found)


def test_nothing_is_loaded_before_the_model_that_answers(session):
    assert session.completions.silence() == "unloaded"
    assert session._resources.completing.engine is None


def test_the_model_beside_takes_over_once_it_is_loaded_and_goes_with_the_other(session):
    session.load().read_to_end()
    assert session.completions.silence() == ""
    small = completing(session, model="scripted:load10ms")
    assert small is not session.engine
    session.unload()

    assert not small.is_loaded
    assert session.completions.silence() == "unloaded"


def test_another_setting_drops_it(session):
    session.load().read_to_end()
    small = completing(session, model="scripted:load10ms")
    session.config.set(completion_model="same")

    assert completing(session, model="scripted") is session.engine
    assert not small.is_loaded


def test_a_setting_that_does_not_concern_it_leaves_it(session):
    session.load().read_to_end()
    small = completing(session, model="scripted:load10ms")
    session.config.set(temperature=0.5)

    assert completing(session, model="scripted:load10ms") is small


def test_a_model_that_cannot_be_had_is_told_and_the_other_completes(session, tmp_path):
    session.config.set(engine="auto", completion_model=str(tmp_path / "none"))
    answering = ScriptedEngine(["x"])
    answering.is_loaded = True
    resources = session._resources
    resources.engines.engine = answering
    session.completions.silence()
    until(lambda: resources._pending_warnings)

    assert "does not complete code" in resources._pending_warnings[0]
    assert resources.completing.engine is answering


def test_what_has_failed_is_tried_again_and_told_once(session, monkeypatch):
    monkeypatch.setattr(completion_engine, "RETRY_INTERVAL_S", 0.0)
    session.load().read_to_end()
    resources = session._resources
    real, fails = CurrentEngine.take, [OSError("the disk is slow"), OSError("still")]

    def take(current, settings, job):
        if settings.model == "scripted:load10ms" and fails:
            raise fails.pop()
        return real(current, settings, job)

    monkeypatch.setattr(CurrentEngine, "take", take)
    completing(session, model="scripted:load10ms")

    assert len(resources._pending_warnings) == 1
    assert "still" in resources._pending_warnings[0]
    assert session.completions.problem() == ""


def test_why_one_was_given_up_can_be_asked_until_another_is_named(session, monkeypatch):
    monkeypatch.setattr(ScriptedEngine, "can_infill", False)
    session.load().read_to_end()
    session.completions.silence()
    until(session.completions.problem)

    assert session.completions.problem() == (
        "scripted:load10ms: it was not made to fill gaps in code."
    )
    session.config.set(completion_model="same")
    assert session.completions.problem() == ""


def test_another_model_need_not_wait_for_one_that_has_failed(session):
    session.config.set(completion_model="scripted:none")
    session.load().read_to_end()
    session.completions.silence()
    until(session.completions.problem)
    session.config.set(completion_model="scripted:x2")

    completing(session, model="scripted:x2")


def test_a_model_that_fills_no_gaps_is_not_kept(session, monkeypatch):
    monkeypatch.setattr(ScriptedEngine, "can_infill", False)
    session.load().read_to_end()
    session.completions.silence()
    until(lambda: session._resources._pending_warnings)

    assert "not made to fill gaps" in session._resources._pending_warnings[0]
    assert session._resources.completing.held_bytes() == {}


def test_a_model_that_was_lost_is_loaded_once_more(session):
    session.load().read_to_end()
    small = completing(session, model="scripted:load10ms")
    small.is_loaded = False
    again = completing(session, model="scripted:load10ms")
    assert again is not small

    # One that ends again at once has a reason to.
    again.is_loaded = False
    for _ in range(20):
        session.completions.silence()
        time.sleep(0.01)
    assert session._resources.completing.engine is session.engine


def test_after_unload_nothing_comes_back_until_something_is_loaded(session):
    session.load().read_to_end()
    completing(session, model="scripted:load10ms")
    session.unload()
    # As an engine that asks a server always is.
    session.engine.is_loaded = True
    for _ in range(20):
        session.completions.silence()
        time.sleep(0.01)
    assert session._resources.completing.engine is session.engine

    session.load().read_to_end()
    completing(session, model="scripted:load10ms")


def test_a_closed_session_loads_nothing_more(session):
    session.load().read_to_end()
    session._resources.completing.close()
    session.completions.silence()

    assert session._resources.completing._wanted is None
    assert session._resources.completing.engine is session.engine


def test_a_given_engine_completes_itself():
    engine = ScriptedEngine(["x"])
    session = Session(config=Config(), engine=engine)
    engine.is_loaded = True
    session.completions.silence()

    assert session._resources.completing.engine is engine
    assert CurrentEngine(engine).is_given


def test_what_it_holds_is_in_the_report(session):
    session.load().read_to_end()
    small = completing(session, model="scripted:load10ms")
    small.held_bytes = lambda: {"weights": 5, "KV prefixes": 2}
    small.shrink = lambda: 2

    assert session.memory().engine_bytes["completions"] == 7
    assert session._resources.completing.shrink() == 2
