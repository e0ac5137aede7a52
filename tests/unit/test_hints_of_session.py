"""Hints from a session: their words come while the model answers, their end is their own."""

from dataclasses import replace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask

WORDS = "Group the rows."
ANSWER = f"{WORDS}\n\nHere is the code:\n\n```python\nrows.groupby(1)\n```\n" + "And more.\n" * 500


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml").with_overrides({"max_new_tokens": 4000})


def ask(settings, request="how?"):
    return Ask(sources=ContextSources(request=request), settings=settings, is_for_hint=True)


def session_of(tmp_path, **options):
    engine = ScriptedEngine([ANSWER], **options)
    return Session(config=Config(file=tmp_path / "none.toml"), engine=engine), engine


def test_a_hint_ends_the_models_answer_and_is_whole(config, tmp_path):
    session, _ = session_of(tmp_path)
    result = session.generate(ask(config))

    assert (result.text, result.code, result.finish_reason) == (WORDS, "", "stop")
    assert result.metrics.generated_tokens < 50


def test_a_hint_is_replayed_as_it_was(config, tmp_path):
    session, engine = session_of(tmp_path)
    first, second = session.generate(ask(config)), session.generate(ask(config))

    assert second.metrics.from_response_cache
    assert (first.text, second.text) == (WORDS, WORDS)
    assert len(engine.requests) == 1


def test_a_kept_answer_with_code_is_no_hint_with_code(config, tmp_path):
    session, _ = session_of(tmp_path)
    with_code = session.generate(replace(ask(config), is_for_hint=False))
    hint = session.generate(ask(config))

    assert with_code.code
    assert hint.metrics.from_response_cache
    assert (hint.text, hint.code) == (WORDS, "")


def test_a_kept_hint_is_no_answer_to_who_may_have_code(config, tmp_path):
    session, engine = session_of(tmp_path)
    session.generate(ask(config))
    whole = session.generate(replace(ask(config), is_for_hint=False))

    assert whole.code == "rows.groupby(1)"
    assert len(engine.requests) == 2


def test_hints_of_a_batch_have_no_code(config, tmp_path):
    session, _ = session_of(tmp_path)
    answer = session.stream_batch([ask(config, "how?"), ask(config, "why?"), ask(config, "how?")])
    answer.read_to_end()

    results = [item.result for item in answer.items]
    assert [(result.text, result.code) for result in results] == [(WORDS, "")] * 3


def test_a_model_that_writes_code_only_gives_a_hint_of_what_it_calls(config, tmp_path):
    engine = ScriptedEngine(["rows.groupby(1).sum()\nprint(rows)\n"], is_chat=False)
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    result = session.generate(ask(config))

    assert (result.text, result.code) == ("Look up `groupby`, `sum`.", "")


def test_a_hint_that_the_user_stops_is_stopped(config, tmp_path):
    session, _ = session_of(tmp_path, token_delay_s=0.005)
    answer = session.stream(ask(config))
    while not answer.generated_tokens:
        answer.read(timeout_s=5)
    answer.cancel()
    answer.read_to_end()

    assert answer.result.finish_reason == "cancelled"
