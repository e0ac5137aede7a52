"""What a session reads of a question that is still being typed."""

import gc
import threading
import weakref
from dataclasses import replace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask

TIMEOUT_S = 10


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def session_of(config, **options):
    engine = ScriptedEngine(lambda _: "one two three four", **options)
    return Session(config=config, engine=engine), engine


def ask(config, request="sum the ", **sources):
    offered = ContextSources(request=request, cells=[Cell(source="numbers = [1]")], **sources)
    return Ask(sources=offered, settings=config.settings)


def read(session, asked, job=None):
    return session.reading_ahead.read(asked, job or Job(), load_job=Job())


def test_the_prompt_is_read_as_it_will_be_asked_and_nothing_else_is_done(config):
    session, engine = session_of(config)
    assert read(session, ask(config)) == ""

    request = engine.requests[0]
    assert request.prompt.request == "sum the "
    assert request.sampling.max_new_tokens == 1
    assert session.last_context is None
    assert not session.conversation.exchanges
    summary = session.metrics.summary()
    assert (summary.requests, summary.read_ahead) == (0, 1)

    session.generate(ask(config, "sum the numbers"))
    begins = [one.prompt for one in engine.requests]
    assert replace(begins[0], request="") == replace(begins[1], request="")


def test_nothing_is_answered_from_what_was_read(config):
    session, engine = session_of(config)
    asked = ask(config, "sum the numbers")
    read(session, asked)

    result = session.generate(asked)
    assert (result.text, result.metrics.from_response_cache) == ("one two three four", False)
    assert len(engine.requests) == 2


def test_a_model_that_is_not_in_memory_is_loaded_before(config):
    session, engine = session_of(config, load_s=0.1)
    read(session, ask(config))
    assert engine.is_loaded
    assert session.metrics.summary().load_s > 0


def test_what_ends_the_reading_does_not_end_the_load(config):
    session, engine = session_of(config)
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        read(session, ask(config), job)
    assert engine.is_loaded
    assert not engine.requests


def test_a_question_ends_the_reading_and_hears_of_the_load(config):
    session, engine = session_of(config, load_s=1.5)
    failed = []

    def reading():
        try:
            read(session, ask(config))
        except Cancelled as error:
            failed.append(error)

    thread = threading.Thread(target=reading, daemon=True)
    thread.start()
    while not thread.is_alive() or session._resources.turns._spare is None:
        assert thread.is_alive()
    events = list(session.stream(ask(config, "sum the numbers")))
    thread.join(TIMEOUT_S)

    assert len(failed) == 1
    # Only the question itself was read.
    assert [one.prompt.request for one in engine.requests] == ["sum the numbers"]
    stages = [event.stage for event in events if isinstance(event, Progress)]
    assert "Loading the script" in stages
    assert "Waiting for the previous answer" not in stages


def test_while_an_answer_comes_nothing_is_read(config):
    session, engine = session_of(config, token_delay_s=0.05)
    answer = session.stream(ask(config, "sum the numbers"))
    next(iter(answer))
    assert read(session, ask(config)) == "busy"
    answer.read_to_end()
    assert len(engine.requests) == 1


def test_nothing_that_is_typed_is_sent_to_a_model_elsewhere(config):
    session, engine = session_of(config, is_local=False)
    assert read(session, ask(config)) == "unsuited"
    assert not engine.requests
    assert not engine.is_loaded


def test_a_model_in_memory_is_not_replaced_by_another(tmp_path):
    config = Config(file=tmp_path / "none.toml")
    config.set(engine="scripted", model="scripted")
    session = Session(config=config)
    session.generate("sum the numbers")
    in_use = session.engine

    other = replace(ask(config), settings=config.with_overrides({"model": "scripted:x3"}))
    assert read(session, other) == "unsuited"
    assert session.engine is in_use


def test_what_does_not_fit_is_an_error(config):
    session, _ = session_of(config, context_window=600)
    with pytest.raises(CodeFaceError):
        read(session, ask(config, "word " * 900))
    assert session.metrics.summary().errors == 0


class Thing:
    """Something of the user's."""


def test_none_of_the_users_objects_is_kept(config):
    session, _ = session_of(config)
    namespace = {"thing": Thing()}
    alive = weakref.ref(namespace["thing"])
    read(session, ask(config, "what is thing?", namespace=namespace))
    namespace.clear()
    gc.collect()
    assert alive() is None
