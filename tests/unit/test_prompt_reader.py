"""What a session reads of a question that is still being typed."""

import gc
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.engines.openai.engine import OpenAIEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Warned
from codeface_jupyter.jobs import Cancelled, Job, Progress, Step
from codeface_jupyter.models.speed import OtherWork
from codeface_jupyter.session import Session, turns
from codeface_jupyter.session.answer import Ask

TIMEOUT_S = 10


class LoadingScript(ScriptedEngine):
    """A script that tells when it begins to be loaded."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.begun = threading.Event()

    def load(self, job):
        self.begun.set()
        super().load(job)


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def session_of(config, **options):
    engine = LoadingScript(lambda _: "one two three four", **options)
    return Session(config=config, engine=engine), engine


def ask(config, request="sum the ", **sources):
    offered = ContextSources(request=request, cells=[Cell(source="numbers = [1]")], **sources)
    return Ask(sources=offered, settings=config.settings)


def read(session, asked, job=None):
    return session.prompt_reader.read(asked.settings, lambda: asked, job or Job())


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


def test_what_ends_the_reading_ends_the_load(config):
    session, engine = session_of(config)
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        read(session, ask(config), job)
    assert not engine.is_loaded
    assert not engine.requests


def begin_to_read(session, asked, **how):
    """Read in a thread; return it, and an event that says that the model is there."""
    begun = threading.Event()

    def make():
        begun.set()
        return asked

    def reading():
        with suppress(Cancelled):
            session.prompt_reader.read(asked.settings, make, Job(), **how)

    thread = threading.Thread(target=reading, daemon=True)
    thread.start()
    return thread, begun


def test_a_question_waits_for_the_load_and_hears_of_it(config):
    session, engine = session_of(config, load_s=0.5)
    thread, _ = begin_to_read(session, ask(config))
    assert engine.begun.wait(TIMEOUT_S)
    events = list(session.stream(ask(config, "sum the numbers")))
    thread.join(TIMEOUT_S)

    stages = [event.stage for event in events if isinstance(event, Progress)]
    assert "Loading the script" in stages
    assert "Waiting for the previous answer" not in stages
    assert events[-1].result.text == "one two three four"


def test_a_question_that_is_stopped_while_it_waits_stops_the_load(config):
    session, engine = session_of(config, load_s=TIMEOUT_S)
    thread, _ = begin_to_read(session, ask(config))
    assert engine.begun.wait(TIMEOUT_S)
    answer = session.stream(ask(config, "sum the numbers"))
    while answer.progress is None:
        answer.read(timeout_s=TIMEOUT_S)
    answer.cancel()
    answer.read_to_end()
    thread.join(TIMEOUT_S)
    assert not engine.is_loaded


def test_a_reading_that_takes_long_ends_when_the_question_comes(config, monkeypatch):
    monkeypatch.setattr(turns, "READING_GRACE_S", 0.1)
    session, _ = session_of(config, token_delay_s=TIMEOUT_S)
    thread, begun = begin_to_read(session, ask(config))
    assert begun.wait(TIMEOUT_S)
    answer = session.stream(ask(config, "sum the numbers"))
    thread.join(TIMEOUT_S / 2)
    assert not thread.is_alive()
    while answer.started is None:
        answer.read(timeout_s=TIMEOUT_S)
    answer.cancel()
    answer.read_to_end()


def test_a_reading_for_another_kind_of_answer_is_not_waited_for(config, monkeypatch):
    monkeypatch.setattr(turns, "READING_GRACE_S", 10 * TIMEOUT_S)
    session, engine = session_of(config, token_delay_s=TIMEOUT_S)
    thread, _ = begin_to_read(session, ask(config))
    while not engine.requests:
        time.sleep(0.01)
    answer = session.stream(ask(config, "sum the numbers", task="edit", instruction=""))
    thread.join(TIMEOUT_S / 2)
    assert not thread.is_alive()
    answer.cancel()
    answer.read_to_end()


def test_what_perhaps_nobody_asks_about_is_read_by_a_model_in_memory_alone(config):
    session, engine = session_of(config)
    chosen = []
    session._resources.settled = chosen.append
    assert session.prompt_reader.read(config.settings, list, Job(), is_sure=False) == "busy"
    assert not engine.is_loaded
    assert not chosen


def test_it_gives_way_to_what_is_typed(config, monkeypatch):
    monkeypatch.setattr(turns, "ENDING_S", TIMEOUT_S)
    session, engine = session_of(config, token_delay_s=0.5)
    session.generate(ask(config))
    thread, _ = begin_to_read(session, ask(config, task="fix", instruction=""), is_sure=False)
    while len(engine.requests) < 2:
        time.sleep(0.01)
    assert read(session, ask(config)) == ""
    thread.join(TIMEOUT_S)
    assert [request.prompt.task for request in engine.requests] == ["write", "fix", "write"]


@pytest.mark.parametrize("wanted", ["dry run", "unload"])
def test_what_needs_no_model_does_not_wait_for_the_load(config, wanted):
    session, engine = session_of(config, load_s=TIMEOUT_S)
    thread, _ = begin_to_read(session, ask(config))
    assert engine.begun.wait(TIMEOUT_S)
    begin = time.perf_counter()
    if wanted == "unload":
        session.unload()
    else:
        session.generate(replace(ask(config), dry_run=True))
    assert time.perf_counter() - begin < TIMEOUT_S / 2
    thread.join(TIMEOUT_S)
    assert not engine.is_loaded


def test_while_an_answer_comes_nothing_is_read(config):
    session, engine = session_of(config, token_delay_s=0.05)
    answer = session.stream(ask(config, "sum the numbers"))
    next(iter(answer))
    assert read(session, ask(config)) == "busy"
    answer.read_to_end()
    assert len(engine.requests) == 1


def test_nothing_that_is_typed_is_sent_to_a_server_not_even_on_this_machine(tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(OpenAIEngine, "prepare", lambda *_: sent.append("a question to the server"))
    config = Config(file=tmp_path / "none.toml")
    config.set(engine="openai", base_url="http://127.0.0.1:9/v1", model="any")
    session = Session(config=config)
    assert read(session, ask(config)) == "unsuited"
    assert not sent


def test_a_model_in_memory_is_not_replaced_by_another(tmp_path):
    config = Config(file=tmp_path / "none.toml")
    config.set(engine="scripted", model="scripted")
    session = Session(config=config)
    session.generate("sum the numbers")
    in_use = session.engine

    other = replace(ask(config), settings=config.with_overrides({"model": "scripted:x3"}))
    assert read(session, other) == "unsuited"
    assert session.engine is in_use


def test_a_question_that_cannot_be_asked_as_it_is_may_be_asked_in_the_end(config):
    session, engine = session_of(config, context_window=600)
    assert read(session, ask(config, "word " * 900)) == "busy"
    assert not engine.requests
    assert session.metrics.summary().errors == 0


def test_no_model_is_converted_for_it(config):
    session, engine = session_of(config)

    def convert(job):
        job.in_step(Step.CONVERT).progress("Quantizing")
        raise AssertionError("It went on.")

    engine.load = convert
    assert read(session, ask(config)) == "unsuited"
    assert not engine.requests


def test_what_an_engine_warns_of_is_told_beside_the_next_answer(config):
    session, engine = session_of(config)
    generate = engine.generate

    def warn(request, job):
        job.emit(Warned("Memory ran out."))
        return generate(request, job)

    engine.generate = warn
    read(session, ask(config))
    engine.generate = generate
    answer = session.stream(ask(config, "sum the numbers"))
    answer.read_to_end()
    assert answer.warnings == ("Memory ran out.",)


@pytest.mark.parametrize("others_share", [0.0, 0.5])
def test_the_rate_of_a_reading_that_nothing_disturbed_is_kept(config, monkeypatch, others_share):
    session, _ = session_of(config)
    kept = []
    monkeypatch.setattr(OtherWork, "share", lambda _: others_share)
    monkeypatch.setattr(
        session._resources, "learn_rates", lambda _identity, metrics, settings: kept.append(metrics)
    )
    read(session, ask(config))
    assert [metrics.prompt_tokens > 0 for metrics in kept] == ([] if others_share else [True])


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


def test_the_notebook_is_looked_at_when_the_model_is_there(config):
    session, engine = session_of(config)
    was_loaded = []

    def make():
        was_loaded.append(engine.is_loaded)
        return ask(config)

    session.prompt_reader.read(config.settings, make, Job())
    assert was_loaded == [True]


def test_the_model_is_chosen_for_questions_that_are_read_ahead_where_a_page_has_them_read(
    config, monkeypatch
):
    told = []

    def choose(settings, **options):
        told.append(options["reads_ahead"])

    monkeypatch.setattr("codeface_jupyter.session.auto_model.choose_model", choose)
    config.set(model="auto")
    is_page_here = threading.Event()
    session = Session(config=config, has_reading_page=is_page_here.is_set)
    session.model_choice(config.settings)
    is_page_here.set()
    session.model_choice(config.settings)
    config.set(read_ahead=False)
    session.model_choice(config.settings)
    assert told == [False, True, False]


def test_an_answer_to_what_was_read_ahead_teaches_its_rate_once(config, monkeypatch):
    taught = []

    def learn(identity, metrics, *, settings, was_read_ahead=False):
        taught.append((metrics.generated_tokens > 1, was_read_ahead))

    session, _ = session_of(config)
    monkeypatch.setattr(session._resources, "learn_rates", learn)
    monkeypatch.setattr(OtherWork, "share", lambda _: 0.0)
    asked = replace(ask(config, "sum the numbers"), use_response_cache=False)
    read(session, asked)
    session.generate(asked)
    session.generate(asked)
    # The engine may copy what it has answered, so to read that once more makes nothing new of it.
    read(session, asked)
    session.generate(asked)
    is_read, is_answered_first, is_repeated = (False, False), (True, True), (True, False)
    assert taught == [is_read, is_answered_first, is_repeated, is_read, is_repeated]


def test_a_model_that_is_in_memory_is_not_left_since_a_page_has_come(config):
    is_page_here = threading.Event()
    engine = LoadingScript(lambda _: "one")
    session = Session(config=config, engine=engine, has_reading_page=is_page_here.is_set)
    resources, taken = session._resources, SimpleNamespace(reads_ahead=False)
    resources.auto.choice = SimpleNamespace(taken=taken)
    is_page_here.set()
    assert resources.reads_ahead(config.settings)
    session.generate(ask(config))
    assert not resources.reads_ahead(config.settings)
    taken.reads_ahead = True
    assert resources.reads_ahead(config.settings)
    config.set(read_ahead=False)
    assert not resources.reads_ahead(config.settings)
