import gc
import threading
import weakref
from dataclasses import replace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import ModelNotFetchedError
from codeface_jupyter.generation import Chunk, Done
from codeface_jupyter.jobs import Progress
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.events import Started

TIMEOUT_S = 10
ANSWER = "```python\nprint(1)\n```"


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def make_session(config, *answers, **options):
    engine = ScriptedEngine(list(answers) or [ANSWER], **options)
    return Session(config=config, engine=engine), engine


def ask(config, request="print one", *, cells=(), **overrides):
    options = {k: overrides.pop(k) for k in ("use_response_cache", "dry_run") if k in overrides}
    return Ask(
        sources=ContextSources(request=request, cells=cells),
        settings=config.with_overrides(overrides),
        **options,
    )


def test_answer_has_text_code_and_record(config):
    session, engine = make_session(config)
    result = session.generate("print one")
    assert result.text == ANSWER
    assert result.code == "print(1)"
    assert result.finish_reason == "stop"
    assert result.identity == engine.identity
    assert "print one" in result.prompt
    assert result.record()["prompt_sha256"] == result.prompt_digest


def test_events_are_progress_prompt_text_and_end_in_that_order(config):
    session, _ = make_session(config)
    kinds = [type(event) for event in session.stream("print one")]
    order = [kind for n, kind in enumerate(kinds) if n == 0 or kinds[n - 1] is not kind]
    assert order == [Started, Progress, Chunk, Done]


def test_cells_reach_the_engine_in_order(config):
    session, engine = make_session(config)
    session.generate(ask(config, cells=[Cell(source="a = 1"), Cell(source="b = 2")]))
    cells = engine.requests[0].prompt.cells
    assert [cell for cell in cells if "a = 1" in cell]
    assert "".join(cells).index("a = 1") < "".join(cells).index("b = 2")


def test_same_question_is_replayed_without_the_engine(config):
    session, engine = make_session(config)
    first = session.generate("print one")
    second = session.generate("print one")
    assert second.text == first.text
    assert second.metrics.from_response_cache
    assert second.metrics.generated_tokens == first.metrics.generated_tokens
    assert len(engine.requests) == 1
    assert session.metrics.summary().response_cache_hits == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"use_response_cache": False},
        {"response_cache": False},
        {"temperature": 0.5},
        {"max_new_tokens": 7},
    ],
)
def test_engine_is_asked_again_when_the_cache_may_not_answer(config, overrides):
    session, engine = make_session(config)
    session.generate(ask(config, **overrides))
    session.generate(ask(config, **overrides))
    session.generate("print one")
    expected = 2 if overrides == {"max_new_tokens": 7} else 3
    if overrides == {"use_response_cache": False}:
        expected = 2  # the first two were asked afresh, but kept for the third
    assert len(engine.requests) == expected


class Thing:
    """Something of the user's."""


def test_question_asked_again_is_the_very_same_and_holds_none_of_the_users_objects(config):
    session, engine = make_session(config, "one", "two")
    namespace = {"thing": Thing()}
    alive = weakref.ref(namespace["thing"])
    sources = ContextSources(
        request="what is thing?", cells=[Cell(source="thing = 1")], namespace=namespace
    )
    asked = Ask(sources=sources, settings=config.settings, cell_id="c1")
    first = session.stream(asked)
    list(first)
    again = asked.again(first.context)
    namespace.clear()
    del sources, asked
    gc.collect()
    assert alive() is None

    second = session.generate(again)
    assert second.text == "two"
    assert second.prompt == first.result.prompt
    assert not second.metrics.from_response_cache
    assert engine.requests[0].prompt == engine.requests[1].prompt
    assert [e.answer for e in session.conversation.exchanges] == ["two"]
    # From now on the new answer is the one that is replayed.
    assert session.generate(replace(again, use_response_cache=True)).text == "two"
    assert len(engine.requests) == 2


def test_seeded_sample_is_replayed(config):
    session, engine = make_session(config)
    for _ in range(2):
        session.generate(ask(config, temperature=0.5, seed=1))
    assert len(engine.requests) == 1


def test_failure_reaches_the_caller_and_keeps_the_partial_answer(config):
    session, _ = make_session(config, ("one two three four", ZeroDivisionError("broken")))
    answer = session.stream("count")
    with pytest.raises(ZeroDivisionError, match="broken"):
        list(answer)
    assert answer.result.finish_reason == "error"
    assert answer.result.text.startswith("one two")
    assert session.metrics.summary().errors == 1


def test_session_answers_again_after_a_failure(config):
    session, _ = make_session(config, ZeroDivisionError(), ANSWER)
    with pytest.raises(ZeroDivisionError):
        session.generate("first")
    assert session.generate("second").text == ANSWER


def test_cancelled_answer_keeps_its_text_and_is_not_cached(config):
    session, engine = make_session(config, "word " * 1000, token_delay_s=0.001)
    answer = session.stream("talk")
    for event in answer:
        if isinstance(event, Chunk):
            answer.cancel()
    assert answer.result.finish_reason == "cancelled"
    assert answer.result.text == answer.text
    assert 0 < len(answer.text) < 5000
    session.generate(ask(config, "talk", max_new_tokens=512, use_response_cache=True))
    assert len(engine.requests) == 2


def test_cancel_before_the_first_token_ends_the_load(config):
    session, engine = make_session(config, load_s=TIMEOUT_S * 10)
    answer = session.stream("hello")
    for event in answer:
        if isinstance(event, Progress):
            answer.cancel()
            break
    assert answer.result is None or answer.result.finish_reason == "cancelled"
    engine.load_s = 0


def test_dry_run_settles_the_prompt_and_asks_nothing(config):
    session, engine = make_session(config)
    answer = session.stream(ask(config, "print one", dry_run=True))
    list(answer)
    assert "print one" in answer.context.text
    assert answer.context.prompt_tokens == answer.result.metrics.prompt_tokens > 0
    assert engine.requests == []
    assert not engine.is_loaded
    assert session.metrics.summary().requests == 0


def test_the_last_context_is_of_what_was_sent_not_of_a_dry_run(config):
    session, _ = make_session(config)
    list(session.stream(ask(config, "print one", dry_run=True)))
    session.generate_batch([ask(config, "print two", dry_run=True)])
    assert session.last_context is None
    session.generate("print three")
    list(session.stream(ask(config, "print four", dry_run=True)))
    assert "print three" in session.last_context.text


def test_a_dry_run_for_which_a_model_would_be_fetched_says_that_it_fetches_none(config, tmp_path):
    session = Session(config=config)
    missing = {"model": "owner/never-fetched", "cache_dir": str(tmp_path)}
    preview = ask(config, **missing).as_preview()
    for begin in (session.generate, lambda asked: session.generate_batch([asked])):
        with pytest.raises(ModelNotFetchedError, match="a dry run fetches nothing") as caught:
            begin(preview)
        assert caught.value.hint == "Fetch it first: %codeface_models pull owner/never-fetched"
    with pytest.raises(ModelNotFetchedError, match="auto_pull is off"):
        session.generate(ask(config, auto_pull=False, **missing))


def test_answers_take_turns_and_a_waiting_one_can_be_cancelled(config):
    go = threading.Event()

    def script(prompt):
        go.wait(TIMEOUT_S)
        return ANSWER

    engine = ScriptedEngine(script)
    session = Session(config=config, engine=engine)
    first = session.stream("first")
    while not isinstance(first.progress, Progress):
        first.read(timeout_s=TIMEOUT_S)
    second = session.stream("second")
    second.read(timeout_s=TIMEOUT_S)
    assert "previous answer" in second.progress.stage
    second.cancel()
    list(second)
    assert second.result.finish_reason == "cancelled"
    go.set()
    list(first)
    assert first.result.text == ANSWER


def test_unload_gives_the_weights_back_and_the_next_question_loads_them(config):
    session, engine = make_session(config)
    session.generate("one")
    assert engine.is_loaded
    session.unload()
    assert not engine.is_loaded
    session.generate("two")
    assert engine.is_loaded


def test_another_model_takes_the_first_ones_place(config):
    session = Session(config=config)
    session.generate(ask(config, engine="scripted", model="scripted"))
    first = session.engine
    session.generate(ask(config, "again", engine="scripted", model="scripted"))
    assert session.engine is first
    session.generate(ask(config, engine="scripted", model="scripted:x50"))
    assert session.engine is not first
    assert not first.is_loaded


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("allowed", [True, False])
def test_values_go_to_a_remote_engine_only_when_allowed(config, is_local, allowed):
    session, _ = make_session(config, is_local=is_local)
    question = Ask(
        sources=ContextSources(request="double `rate`", namespace={"rate": 421.5}),
        settings=config.with_overrides({"send_values_to_remote": allowed}),
    )
    answer = session.stream(question)
    list(answer)
    assert "rate" in answer.result.prompt
    assert ("421.5" in answer.result.prompt) == (is_local or allowed)
    assert session.may_see_values(question.settings) == (is_local or allowed)


@pytest.mark.parametrize("is_local", [True, False])
def test_an_answer_says_whether_it_came_from_another_machine(config, is_local):
    session, _ = make_session(config, is_local=is_local)
    answer = session.stream("print one")
    list(answer)
    assert answer.started.is_local == is_local
    assert answer.result.is_local == is_local
    assert answer.result.record()["is_local"] == is_local


def test_dry_run_does_not_forbid_the_next_question_to_fetch(config):
    session = Session(config=config)
    local_only = config.settings.model_copy(update={"auto_pull": False, "engine": "scripted"})
    list(
        session.stream(Ask(sources=ContextSources(request="x"), settings=local_only, dry_run=True))
    )
    preview_engine = session.engine
    session.generate(ask(config, engine="scripted"))
    assert session.engine is not preview_engine


def test_force_is_heard_after_a_refusal_and_forgotten_once_loaded(config):
    session = Session(config=config)
    session.stream(ask(config, engine="scripted", dry_run=True)).join(TIMEOUT_S)
    refused = session.engine
    session.generate(ask(config, engine="scripted", force_load=True))
    forced = session.engine
    assert forced is not refused
    session.generate(ask(config, "again", engine="scripted"))
    assert session.engine is forced


def test_new_code_is_kept_from_repeating_itself_and_a_rewritten_cell_is_not(config):
    session, engine = make_session(config)
    settings = config.settings
    for task in ("write", "edit"):
        session.generate(Ask(sources=ContextSources(request=task, task=task), settings=settings))
    session.generate(ask(config, "as told", repetition_penalty=1.3))
    penalties = [request.sampling.repetition_penalty for request in engine.requests]
    assert penalties == [1.05, 1.0, 1.3]
    assert [request.expects_copying for request in engine.requests] == [False, True, False]


def test_how_much_repetition_is_kept_down_is_for_the_engine_to_say(config):
    session, engine = make_session(config)
    engine.default_repetition_penalty = 1.2
    result = session.generate("print one")
    assert engine.requests[0].sampling.repetition_penalty == 1.2
    assert result.sampling == engine.requests[0].sampling
