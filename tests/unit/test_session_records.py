"""What a session records, and when it replays."""

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.session import Session


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


@pytest.fixture
def session(config):
    session = Session(config=config, engine=ScriptedEngine(["x = 1"], load_s=0.05))
    yield session
    session.close()


@pytest.mark.parametrize(
    ("settings", "is_replayed"),
    [
        ({"temperature": 0}, True),
        ({"temperature": 0.7}, False),
        ({"temperature": 0.7, "seed": 1}, True),
        ({"temperature": 0.7, "response_cache_sampled": True}, True),
        ({"response_cache": "off"}, False),
    ],
)
def test_which_answers_are_replayed(config, session, settings, is_replayed):
    config.set(**settings)
    session.generate("ask")
    assert session.generate("ask").metrics.from_response_cache is is_replayed
    outcomes = [record.response_cache for record in session.metrics.records]
    assert outcomes == (["miss", "hit"] if is_replayed else ["off", "off"])


def test_what_a_replay_saved_is_counted(session):
    first = session.generate("ask")
    session.generate("ask")
    assert session.metrics.summary().response_cache_saved_s == first.metrics.total_s


def test_switching_off_keeps_what_there_is_and_another_size_does_not(config, session):
    session.generate("ask")
    config.set(response_cache="off")
    session.generate("ask")
    config.set(response_cache="memory")
    assert session.generate("ask").metrics.from_response_cache
    config.set(response_cache_bytes=10)
    assert not session.generate("ask").metrics.from_response_cache


def test_the_answer_that_waits_for_the_model_says_how_long(session):
    first, second = session.generate("ask"), session.generate("ask again")
    assert first.metrics.load_s >= 0.05 > second.metrics.load_s


def test_loading_ahead_is_counted_and_shown_to_prometheus(session):
    list(session.load())
    session.generate("ask")
    assert session.metrics.summary().load_s >= 0.05
    assert session.prometheus.registry.get_sample_value("codeface_model_load_seconds_count") == 1


def test_failure_is_counted_by_its_kind(config):
    session = Session(config=config, engine=ScriptedEngine([("half", KeyError("private"))]))
    with pytest.raises(KeyError):
        session.generate("ask")
    labels = {"type": "KeyError"}
    assert session.prometheus.registry.get_sample_value("codeface_errors_total", labels) == 1
    assert session.metrics.records[0].answer_chars == len("half")
