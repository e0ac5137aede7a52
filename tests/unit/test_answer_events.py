"""An answer's events tell everything: whoever folds them knows what its reader knows."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.config import Config
from codeface_jupyter.context import Context, ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import GenerationError, UnknownNameError
from codeface_jupyter.generation import (
    BrokenOff,
    Chunk,
    Done,
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    Revised,
    SamplingParameters,
    Warned,
)
from codeface_jupyter.jobs import Event, Progress
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session import Answer, Ask, BatchItem, Session
from codeface_jupyter.session.answer import MIN_RATE_S, TokenRate
from codeface_jupyter.session.answer_state import AnswerState, BatchState
from codeface_jupyter.session.events import ItemDone, ItemEvent, Started

ANSWER = "```python\nprint(1)\n```"
BETTER = "```python\nprint(2)\n```"
QUESTIONS = ["print one", "print two", "print one"]
AWAY = "redis://127.0.0.1:1/0"
TIMEOUT_S = 10


def folded(state: AnswerState, events: Iterable[Event]) -> AnswerState:
    """Return a state once it has taken ``events``."""
    for event in events:
        state.take(event)
    return state


class RevisingEngine(ScriptedEngine):
    """Writes one answer, then says that another is better, and goes on with that."""

    def generate(self, request, job):
        done = super().generate(request, job)
        head, tail = BETTER[:10], BETTER[10:]
        job.emit(Revised(head, done.metrics.generated_tokens, "the first one did not run"))
        job.emit(Chunk(tail, done.metrics.generated_tokens + 3))
        return done


class WarningEngine(ScriptedEngine):
    """Has something to say while it answers."""

    def generate(self, request, job):
        job.emit(Warned("The fan is loud."))
        return super().generate(request, job)


class SideBySideEngine(ScriptedEngine):
    """Answers a batch at once, a chunk for each answer."""

    def generate_batch(self, requests, *, on_result, job):
        for index, request in enumerate(requests):
            on_result(index, ANSWER, self.generate(request, job.telling(lambda event: None)))


def is_end(event: Event) -> bool:
    return isinstance(event, Done)


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def session_of(config, *answers, engine=ScriptedEngine, **options: Any) -> Session:
    return Session(config=config, engine=engine(list(answers) or [ANSWER], **options))


def read(answer: Answer, *, error: type[BaseException] | None = None) -> list[Event]:
    """Return all events of ``answer``, which ends with ``error``."""
    events: list[Event] = []
    if error is None:
        events.extend(answer)
    else:
        with pytest.raises(error):
            events.extend(answer)
    return events


def kinds(events: list[Event]) -> list[type[Event]]:
    """Return the events' types, those that repeat once."""
    types = [type(event) for event in events]
    return [kind for n, kind in enumerate(types) if n == 0 or types[n - 1] is not kind]


def asking(config, **options: Any) -> Ask:
    return Ask(sources=ContextSources(request="ask"), settings=config.settings, **options)


class TestEvents:
    """What comes, in which order, and that it is all there is to know."""

    def test_of_a_fresh_answer(self, config):
        answer = session_of(config).stream("ask")
        events = read(answer)
        assert kinds(events) == [Started, Progress, Chunk, Done]
        assert folded(AnswerState(), events) == answer.state
        assert answer.text == answer.result.text == ANSWER
        assert answer.context is events[0].context
        assert answer.result.prompt == answer.context.text
        assert events[-1].result is answer.result

    def test_of_a_replayed_answer(self, config):
        session = session_of(config)
        first = session.stream("ask")
        read(first)
        answer = session.stream("ask")
        events = read(answer)
        assert kinds(events) == [Started, Chunk, Done]
        assert folded(AnswerState(), events) == answer.state
        assert answer.text == first.text
        assert answer.context == first.context
        assert answer.generated_tokens == first.generated_tokens
        assert answer.result.metrics.from_response_cache

    def test_of_a_cancelled_answer(self, config):
        answer = session_of(config, "word " * 1000, token_delay_s=0.001).stream("ask")
        events = []
        for event in answer:
            events.append(event)
            if isinstance(event, Chunk):
                answer.cancel()
        assert kinds(events) == [Started, Progress, Chunk, Done]
        assert folded(AnswerState(), events) == answer.state
        assert answer.result.finish_reason == "cancelled"
        assert answer.result.text == answer.text != ""

    def test_of_an_answer_that_is_cancelled_while_it_waits(self, config):
        go = threading.Event()

        def script(prompt):
            go.wait(TIMEOUT_S)
            return ANSWER

        session = Session(config=config, engine=ScriptedEngine(script))
        first = session.stream("first")
        while first.started is None:
            first.read(timeout_s=TIMEOUT_S)
        second = session.stream("second")
        second.cancel()
        events = read(second)
        go.set()
        read(first)
        assert kinds(events)[-1] is Done
        assert folded(AnswerState(), events) == second.state
        assert (second.result.finish_reason, second.result.text) == ("cancelled", "")
        assert second.context is None

    def test_of_a_failed_answer(self, config):
        session = session_of(config, ("one two", ZeroDivisionError("broken")))
        answer = session.stream("ask")
        events = read(answer, error=ZeroDivisionError)
        assert kinds(events) == [Started, Progress, Chunk, BrokenOff]
        assert folded(AnswerState(), events) == answer.state
        assert answer.result.finish_reason == "error"
        assert answer.result.text == answer.text == "one two"

    def test_of_an_answer_that_fails_before_its_prompt_is_settled(self, config):
        answer = session_of(config, context_window=600).stream("ask " * 700)
        events = read(answer, error=Exception)
        assert kinds(events) == [BrokenOff]
        assert answer.result.finish_reason == "error"
        assert answer.result.prompt == ""

    def test_of_a_dry_run(self, config):
        answer = session_of(config).stream(asking(config, dry_run=True))
        events = read(answer)
        assert kinds(events) == [Started, Done]
        assert folded(AnswerState(), events) == answer.state
        assert answer.result.text == ""
        assert answer.result.prompt == answer.context.text

    def test_of_a_revised_answer(self, config):
        session = session_of(config, engine=RevisingEngine)
        answer = session.stream("ask")
        events = read(answer)
        assert kinds(events) == [Started, Progress, Chunk, Revised, Chunk, Done]
        assert folded(AnswerState(), events) == answer.state
        assert answer.text == answer.result.text == BETTER
        assert answer.revision_note == "revised: the first one did not run"
        # What is kept for later is the better text, and it is no longer a revision.
        again = session.stream("ask")
        assert kinds(read(again)) == [Started, Chunk, Done]
        assert again.text == BETTER
        assert again.revision is None

    def test_of_an_answer_that_is_warned_of(self, config, tmp_path):
        (tmp_path / "taken").write_text("")
        config.set(request_log=tmp_path / "taken" / "log.jsonl")
        answer = session_of(config, engine=WarningEngine).stream("ask")
        events = read(answer)
        # What an engine says comes at once, what the request log has to say comes at the end.
        assert kinds(events) == [Started, Progress, Warned, Chunk, Warned, Done]
        assert folded(AnswerState(), events) == answer.state
        assert answer.warnings[0] == "The fan is loud."
        assert "cannot be written" in answer.warnings[1]

    def test_of_a_failure_that_is_warned_of(self, config, tmp_path):
        (tmp_path / "taken").write_text("")
        config.set(request_log=tmp_path / "taken" / "log.jsonl")
        answer = session_of(config, GenerationError("broken")).stream("ask")
        events = read(answer, error=GenerationError)
        assert kinds(events) == [Started, Progress, Warned, BrokenOff]
        assert "cannot be written" in answer.warnings[0]

    def test_a_warning_outside_any_answer_comes_with_the_next_one(self, config):
        session = session_of(config)
        session._resources.warn("The door is open.")
        first, second = session.stream("one"), session.stream("two")
        read(first)
        read(second)
        assert sorted((*first.warnings, *second.warnings)) == ["The door is open."]

    def test_a_warning_is_told_by_the_answer_that_it_is_about(self, config, tmp_path):
        go = threading.Event()

        def script(prompt):
            go.wait(TIMEOUT_S)
            return ANSWER

        (tmp_path / "taken").write_text("")
        config.set(response_cache=AWAY)
        session = Session(config=config, engine=ScriptedEngine(script))
        first = session.stream("first")
        while first.progress is None:
            first.read(timeout_s=TIMEOUT_S)
        config.set(request_log=tmp_path / "taken" / "log.jsonl")
        second = session.stream("second")
        second.cancel()
        read(second)
        go.set()
        read(first)
        assert ["cannot be used" in warning for warning in first.warnings] == [True]
        assert ["cannot be written" in warning for warning in second.warnings] == [True]

    def test_of_work_that_gives_no_answer(self, config):
        answer = session_of(config).load()
        assert kinds(read(answer)) == [Progress, Done]
        assert answer.result is None

    def test_an_answer_can_only_be_read(self, config):
        answer = session_of(config).stream("ask")
        for name in ("text", "progress", "context", "result", "warnings", "revision"):
            with pytest.raises(AttributeError):
                setattr(answer, name, None)
        read(answer)


class TestBatchEvents:
    def test_each_item_comes_once_with_its_place(self, config):
        batch = session_of(config).stream_batch(QUESTIONS)
        events = read(batch)
        assert [event.index for event in events[:3]] == [0, 1, 2]
        assert kinds([event.event for event in events[:3]]) == [Started]
        assert batch.started is events[0].event
        ended = [event for event in events if isinstance(event, ItemDone)]
        assert sorted(event.index for event in ended) == [0, 1, 2]
        assert all(QUESTIONS[event.index] == event.item.request for event in ended)
        assert kinds(events)[-1] is Done
        assert folded(BatchState(), events) == batch.state
        assert [item.text for item in batch.items] == [ANSWER] * 3

    @pytest.mark.parametrize("engine", [RevisingEngine, WarningEngine, SideBySideEngine])
    def test_each_item_tells_what_it_would_tell_alone(self, config, engine):
        batch = session_of(config, engine=engine).stream_batch(QUESTIONS)
        events = [event for event in read(batch) if isinstance(event, ItemEvent)]
        for index, item in enumerate(batch.items):
            own = [event.event for event in events if event.index == index]
            assert kinds(own)[0] is Started
            assert own[-1].result is item.result
            state = batch.state.answers[index]
            assert state == folded(AnswerState(), own)
            assert state.text == item.text
        alone = session_of(config, engine=engine).stream(QUESTIONS[1])
        if engine is not SideBySideEngine:
            own = [event.event for event in events if event.index == 1]
            told = [event for event in read(alone) if not isinstance(event, Progress)]
            assert kinds(own) == kinds(told)

    def test_a_warning_of_an_item_is_the_batchs_too(self, config):
        batch = session_of(config, engine=WarningEngine).stream_batch(QUESTIONS[:2])
        read(batch)
        assert batch.warnings == ("The fan is loud.",) * 2

    def test_the_cache_is_warned_of_once(self, config):
        config.set(response_cache=AWAY)
        batch = session_of(config).stream_batch(QUESTIONS[:2])
        read(batch)
        (warning,) = batch.warnings
        assert "cannot be used" in warning

    def test_a_failed_item_has_its_error_and_what_came_of_it(self, config):
        session = session_of(config, ("half an", GenerationError("broken")), ANSWER)
        batch = session.stream_batch(["print one", "print two"])
        ends = [e.event for e in read(batch) if isinstance(e, ItemEvent) and is_end(e.event)]
        assert [(end.finish_reason, str(end.error)) for end in ends] == [
            ("error", "broken"), ("stop", "None"),
        ]  # fmt: skip
        assert batch.state.answers[0].text == ends[0].result.text == "half an"

    def test_items_are_there_as_soon_as_they_have_ended(self, config):
        batch = session_of(config).stream_batch(["print one", "print two"])
        counts = []
        while not batch.is_finished:
            batch.read(timeout_s=TIMEOUT_S)
            counts.append(len(batch.items))
        assert counts == sorted(counts)
        assert counts[-1] == 2

    def test_a_failure_is_its_items(self, config):
        session = session_of(config, ("half an", GenerationError("broken")), ANSWER)
        batch = session.stream_batch(["print one", "print two"])
        events = read(batch)
        assert folded(BatchState(), events) == batch.state
        assert [item.finish_reason for item in batch.items] == ["error", "stop"]

    def test_a_failure_of_all_comes_after_the_items(self, config):
        class Broken(ScriptedEngine):
            def load(self, job):
                raise GenerationError("no room")

        batch = session_of(config, engine=Broken).stream_batch(["print one", "print two"])
        events = read(batch, error=GenerationError)
        assert kinds([event.event for event in events[:2]]) == [Started]
        assert kinds(events[2:]) == [ItemEvent, ItemDone] * 2
        assert folded(BatchState(), events) == batch.state
        assert [item.finish_reason for item in batch.items] == ["error"] * 2

    def test_a_cancelled_one_ends_every_item(self, config):
        session = session_of(config, "word " * 1000, token_delay_s=0.001)
        batch = session.stream_batch(["print one", "print two"])
        events = []
        for event in batch:
            events.append(event)
            if isinstance(event, Progress) and event.unit == "answers":
                batch.cancel()
        assert folded(BatchState(), events) == batch.state
        assert [item.finish_reason for item in batch.items] == ["cancelled"] * 2

    def test_a_revised_item_has_the_better_text(self, config):
        session = session_of(config, engine=RevisingEngine)
        assert [item.text for item in session.generate_batch(QUESTIONS)] == [BETTER] * 3


class Thing:
    """Something of the user's."""


@pytest.fixture
def no_collection():
    """Have no garbage collected meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class TestObjects:
    """Events and results are kept; the user's objects are not kept by them."""

    def ask_of(self, config, namespace, **options: Any) -> Ask:
        sources = ContextSources(request="what is thing?", namespace=namespace, **options)
        return Ask(sources=sources, settings=config.settings)

    def test_of_an_answer(self, config):
        session, thing = session_of(config), Thing()
        alive = weakref.ref(thing)
        answer = session.stream(self.ask_of(config, {"thing": thing}))
        events = read(answer)
        assert answer.join(TIMEOUT_S)
        del thing
        gc.collect()
        assert alive() is None
        assert events[-1].result is answer.result

    def test_what_is_deleted_after_an_answer_is_gone_at_once(self, config, no_collection):
        session, thing = session_of(config), Thing()
        alive = weakref.ref(thing)
        answer = session.stream(self.ask_of(config, {"thing": thing}))
        read(answer)
        assert answer.join(TIMEOUT_S)
        del thing
        assert alive() is None

    @pytest.mark.parametrize("engine", [ScriptedEngine, None])
    def test_of_a_batch_with_failures(self, config, engine):
        class Broken(ScriptedEngine):
            def load(self, job):
                raise GenerationError("no room")

        session, thing = session_of(config, engine=engine or Broken), Thing()
        alive = weakref.ref(thing)
        asks = [
            self.ask_of(config, {"thing": thing}),
            self.ask_of(config, {"thing": thing}, variables=["nothing"]),
        ]
        batch = session.stream_batch(asks)
        items = None if engine is None else session.generate_batch(asks)
        events = read(batch, error=None if engine else GenerationError)
        assert batch.join(TIMEOUT_S)
        del asks, thing
        gc.collect()
        assert isinstance(batch.items[1].error, UnknownNameError)
        assert "build_context" in names_of_frames(batch.items[1].error)
        assert alive() is None
        assert items is None or len(items) == 2
        assert events


def names_of_frames(error: BaseException) -> list[str]:
    """Return the functions that ``error`` came through."""
    names, traceback = [], error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return names


CONTEXT = Context(prompt=Prompt(request="ask"), text="the prompt", prompt_tokens=2, report=())
IDENTITY = EngineIdentity(engine="e", model="m")
RESULT = GenerationResult(
    text="x",
    finish_reason="stop",
    metrics=GenerationMetrics(),
    identity=IDENTITY,
    sampling=SamplingParameters(),
    prompt="the prompt",
)
TOKENS = st.integers(min_value=0, max_value=9)
EVENTS = st.one_of(
    st.builds(Progress, st.text(), unit=st.sampled_from(["B", "answers", ""])),
    st.builds(Started, context=st.just(CONTEXT), identity=st.just(IDENTITY)),
    st.builds(Chunk, st.text(), TOKENS),
    st.builds(Revised, st.text(), TOKENS, st.text()),
    st.builds(Warned, st.text()),
    st.builds(BrokenOff, st.just(RESULT)),
    st.builds(ItemEvent, TOKENS, st.builds(Chunk, st.text(), TOKENS)),
    st.builds(ItemDone, TOKENS, st.builds(BatchItem, request=st.text(), result=st.just(RESULT))),
    st.builds(
        Done,
        finish_reason=st.just("stop"),
        metrics=st.just(GenerationMetrics()),
        result=st.sampled_from([RESULT, None]),
    ),
    st.just(Event()),
)


class TestFold:
    @given(st.lists(EVENTS))
    def test_every_prefix_can_be_folded_and_goes_on_to_the_whole(self, events):
        whole = BatchState()
        for count, event in enumerate(events):
            assert folded(BatchState(), events[:count]) == whole
            whole.take(event)
            assert whole.is_generating in {True, False}
            assert (whole.context is None) == (whole.started is None)
        assert folded(BatchState(), events) == whole

    @given(st.lists(EVENTS))
    def test_the_text_is_what_came_since_the_last_revision(self, events):
        revisions = [n for n, event in enumerate(events) if isinstance(event, Revised)]
        since = events[revisions[-1] if revisions else 0 :]
        texts = [event.text for event in since if isinstance(event, Chunk | Revised)]
        state = folded(AnswerState(), events)
        assert state.text == "".join(texts)
        assert state.revision == (events[revisions[-1]] if revisions else None)
        assert state.warnings == tuple(e.text for e in events if isinstance(e, Warned))

    @given(st.lists(EVENTS))
    def test_an_item_is_known_by_its_place(self, events):
        ended = {event.index: event.item for event in events if isinstance(event, ItemDone)}
        assert folded(BatchState(), events).items == [ended[index] for index in sorted(ended)]


def test_a_rate_is_of_what_came_since_the_last_revision():
    now = 0.0
    rate = TokenRate(clock=lambda: now)
    rate.take(Chunk("a", 1))
    now = MIN_RATE_S / 2
    rate.take(Chunk("b", 2))
    assert rate.tokens_per_s is None
    now = 2 * MIN_RATE_S
    rate.take(Chunk("c", 11))
    assert rate.tokens_per_s == 10 / (2 * MIN_RATE_S)
    rate.take(Revised("d", 100, "it is better"))
    assert rate.tokens_per_s is None
    rate.take(Chunk("e", 101))
    now = 4 * MIN_RATE_S
    rate.take(Chunk("f", 105))
    assert rate.tokens_per_s == 4 / (2 * MIN_RATE_S)
