"""Many questions at once: in order, each with its own end, asked once, and stopped together."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import replace
from typing import Any

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import GenerationError, ModelNotFoundError, PromptTooLongError
from codeface_jupyter.generation import Chunk
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.view.batch_report import batch_table
from codeface_jupyter.view.rendering import describe_metrics

REQUESTS = ["print one", "print two", "print three"]


class SideBySideEngine(ScriptedEngine):
    """Answers a batch from its last request to its first, and may break off before some."""

    def __init__(self, *args: Any, breaks_after: int | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.batches: list[int] = []
        self.breaks_after = breaks_after

    def generate_batch(self, requests, *, on_result, job):
        self.batches.append(len(requests))
        for count, (index, request) in enumerate(reversed(list(enumerate(requests)))):
            if count == self.breaks_after:
                raise GenerationError("The machine is out of breath.")
            texts: list[str] = []

            def collect(event, texts=texts):
                if isinstance(event, Chunk):
                    texts.append(event.text)

            done = self.generate(request, job.telling(collect))
            on_result(index, "".join(texts), done)


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def echo(prompt) -> str:
    return f"```python\n# {prompt.request}\n```"


@pytest.fixture(params=[ScriptedEngine, SideBySideEngine])
def engine(request):
    return request.param(echo)


@pytest.fixture
def session(config, engine):
    session = Session(config=config, engine=engine)
    yield session
    session.close()


def session_with(config, engine) -> Session:
    return Session(config=config, engine=engine)


def codes(items) -> list[str]:
    return [item.code for item in items]


def reasons(items) -> list[str]:
    return [item.finish_reason for item in items]


def ask(config, request: str, **overrides: Any) -> Ask:
    return Ask(sources=ContextSources(request=request), settings=config.with_overrides(overrides))


def answered_until_stopped(session, engine, monkeypatch, *, request_number: int):
    """Ask, stop the batch in the middle of a request's answer, and return what came of it."""
    generate = engine.generate
    batches = []

    def stopping(request, job):
        number, chunks = len(engine.requests) + 1, []

        def emit_and_stop(event):
            job.emit(event)
            if isinstance(event, Chunk):
                chunks.append(event)
            if number == request_number and len(chunks) == 2:
                began.wait()
                batches[0].cancel()

        return generate(request, job.telling(emit_and_stop))

    began = threading.Event()
    monkeypatch.setattr(engine, "generate", stopping)
    batches.append(session.stream_batch(REQUESTS))
    began.set()
    batches[0].read_to_end()
    monkeypatch.setattr(engine, "generate", generate)
    return batches[0].items


class TestResults:
    def test_they_come_in_the_order_of_the_questions(self, session):
        items = session.generate_batch(REQUESTS)
        assert [item.request for item in items] == REQUESTS
        assert codes(items) == [f"# {request}" for request in REQUESTS]
        assert reasons(items) == ["stop"] * 3
        assert [item.error for item in items] == [None] * 3

    def test_they_are_those_of_one_after_another(self, session, config):
        alone = [session_with(config, ScriptedEngine(echo)).generate(r) for r in REQUESTS]
        together = session.generate_batch(REQUESTS)
        assert [item.text for item in together] == [result.text for result in alone]
        assert [i.result.prompt for i in together] == [result.prompt for result in alone]

    def test_an_engine_that_can_is_asked_side_by_side(self, config):
        engine = SideBySideEngine(echo)
        session_with(config, engine).generate_batch(REQUESTS)
        assert engine.batches == [3]

    def test_one_open_question_is_no_batch(self, config):
        engine = SideBySideEngine(echo)
        session_with(config, engine).generate_batch(REQUESTS[:1])
        assert engine.batches == []
        assert len(engine.requests) == 1

    def test_no_questions_have_no_answers(self, session):
        assert session.generate_batch([]) == []

    def test_a_single_text_is_refused(self, session):
        with pytest.raises(TypeError, match="list of questions"):
            session.generate_batch("print one")

    def test_they_are_no_part_of_the_conversation(self, session):
        session.generate_batch(REQUESTS)
        assert session.conversation.exchanges == ()

    def test_each_question_has_its_own_settings(self, session, config):
        short, whole = session.generate_batch(
            [ask(config, "print one", max_new_tokens=2), ask(config, "print one")]
        )
        assert (short.finish_reason, whole.finish_reason) == ("length", "stop")
        assert short.result.metrics.generated_tokens == 2


class TestFailures:
    def test_one_does_not_lose_the_others(self, config):
        answers = ["x = 1", ("half an", GenerationError("broken")), "x = 3"]
        first, second, third = session_with(config, ScriptedEngine(answers)).generate_batch(
            REQUESTS
        )
        assert (first.text, third.text) == ("x = 1", "x = 3")
        assert second.finish_reason == "error"
        assert second.text == "half an"
        assert isinstance(second.error, GenerationError)

    def test_what_a_batch_that_broke_off_left_open_is_asked_one_by_one(self, config):
        engine = SideBySideEngine(echo, breaks_after=1)
        answer = session_with(config, engine).stream_batch(REQUESTS)
        list(answer)
        assert codes(answer.items) == [f"# {request}" for request in REQUESTS]
        assert len(engine.requests) == 3
        assert "out of breath" in answer.warnings[0]

    def test_a_prompt_that_does_not_fit_fails_alone(self, config, engine):
        engine.context_window = 700
        long = "print " * 700
        items = session_with(config, engine).generate_batch(["print one", long, "print three"])
        assert reasons(items) == ["stop", "error", "stop"]
        assert isinstance(items[1].error, PromptTooLongError)
        assert len(engine.requests) == 2

    def test_a_model_that_cannot_be_had_is_raised(self, session, engine, monkeypatch):
        def prepare(job):
            raise ModelNotFoundError("no such model")

        monkeypatch.setattr(engine, "prepare", prepare)
        with pytest.raises(ModelNotFoundError):
            session.generate_batch(REQUESTS)
        assert session.metrics.summary().errors == 3

    def test_an_unknown_engine_leaves_the_other_engines_answers(self, config):
        session = Session(config=config)
        scripted, unknown = session.generate_batch(
            [ask(config, "one", engine="scripted", model="scripted"),
             ask(config, "two", engine="nonesuch")]
        )  # fmt: skip
        assert scripted.finish_reason == "stop"
        assert "nonesuch" in str(unknown.error)


class TestResponseCache:
    def test_it_answers_what_it_holds_and_keeps_the_rest(self, session, engine):
        session.generate(REQUESTS[1])
        items = session.generate_batch(REQUESTS)
        assert [i.result.metrics.from_response_cache for i in items] == [False, True, False]
        assert len(engine.requests) == 3
        session.generate_batch(REQUESTS)
        assert len(engine.requests) == 3

    def test_the_same_question_is_asked_once(self, session, engine):
        items = session.generate_batch(["print one", "print two", "print one"])
        assert len(engine.requests) == 2
        assert items[0].text == items[2].text
        assert items[2].result.metrics.from_response_cache

    @pytest.mark.parametrize("kept", ["off", "memory"])
    def test_so_it_is_without_a_cache_and_no_hit_is_counted(self, session, engine, config, kept):
        question = ask(config, "print one", response_cache=kept)
        items = session.generate_batch([replace(question, use_response_cache=kept == "off")] * 3)
        assert len(engine.requests) == 1
        summary = session.metrics.summary()
        assert (summary.response_cache_hits, summary.response_cache_saved_s) == (0, 0)
        said = [describe_metrics(item.result.metrics) for item in items]
        assert ["shared with an equal question" in footer for footer in said] == [False, True, True]
        assert not any("--no-cache" in footer for footer in said)

    def test_samples_without_a_seed_are_drawn_each_for_itself(self, session, engine, config):
        session.generate_batch([ask(config, "print one", temperature=1.0)] * 3)
        assert len(engine.requests) == 3

    def test_a_copy_of_a_failed_question_fails_too(self, config):
        session = session_with(config, ScriptedEngine([GenerationError("broken")]))
        items = session.generate_batch(["print one", "print one"])
        assert [str(item.error) for item in items] == ["broken", "broken"]


class TestBooks:
    def test_each_question_is_counted_and_logged(self, session, config, tmp_path):
        log = tmp_path / "requests.jsonl"
        config.set(request_log=log)
        session.generate_batch([*REQUESTS, REQUESTS[0]])
        summary = session.metrics.summary()
        assert (summary.requests, summary.response_cache_hits) == (4, 1)
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        assert sorted(row["response_cache"] for row in rows) == ["hit", "miss", "miss", "miss"]

    def test_the_load_is_counted_once(self, config):
        session = session_with(config, ScriptedEngine(echo, load_s=0.05))
        session.generate_batch(REQUESTS)
        assert (
            session.prometheus.registry.get_sample_value("codeface_model_load_seconds_count") == 1
        )

    def test_a_dry_run_asks_and_counts_nothing(self, session, engine, config):
        asks = [Ask(sources=ContextSources(request=r), settings=config.settings, dry_run=True)
                for r in REQUESTS]  # fmt: skip
        items = session.generate_batch(asks)
        assert "print two" in items[1].result.prompt
        assert engine.requests == []
        assert session.metrics.summary().requests == 0


class TestProgress:
    def test_it_counts_answers_to_the_last(self, session):
        seen: list[Progress] = []
        session.generate(REQUESTS[0])
        session.generate_batch(REQUESTS, on_progress=seen.append)
        counted = [(p.completed, p.total) for p in seen if p.unit == "answers"]
        assert counted == [(1, 3), (2, 3), (3, 3)]

    def test_loading_is_told_before_the_answers(self, session):
        seen: list[Progress] = []
        session.generate_batch(REQUESTS, on_progress=seen.append)
        assert seen[0].stage == "Loading the script"


class TestCancel:
    def test_what_is_finished_is_kept_and_the_rest_is_cancelled(self, config, engine, monkeypatch):
        session = session_with(config, engine)
        items = answered_until_stopped(session, engine, monkeypatch, request_number=2)
        if isinstance(engine, SideBySideEngine):
            items.reverse()
        assert reasons(items) == ["stop", "cancelled", "cancelled"]
        assert items[0].code
        assert 0 < len(items[1].text) < len(items[0].text)
        assert items[2].text == ""

    def test_an_answer_that_was_cut_is_not_kept_for_later(self, config, engine, monkeypatch):
        session = session_with(config, engine)
        answered_until_stopped(session, engine, monkeypatch, request_number=2)
        again = session.generate_batch(REQUESTS)
        assert codes(again) == [f"# {request}" for request in REQUESTS]
        assert [i.result.metrics.from_response_cache for i in again].count(True) == 1

    def test_an_interrupt_keeps_what_is_finished(self, config, interrupts):
        engine = ScriptedEngine(lambda prompt: "word " * (1 if "one" in prompt.request else 5000))
        engine.token_delay_s = 0.001
        session = session_with(config, engine)

        def interrupt(progress: Progress) -> None:
            if progress.completed == 1 and progress.unit == "answers":
                signal.raise_signal(signal.SIGINT)

        items = session.generate_batch(REQUESTS, on_progress=interrupt)
        assert reasons(items) == ["stop", "cancelled", "cancelled"]

    def test_leaving_a_load_cancels_everything(self, config):
        class Stoppable(ScriptedEngine):
            def load(self, job):
                raise Cancelled

        items = session_with(config, Stoppable(echo)).generate_batch(REQUESTS)
        assert reasons(items) == ["cancelled"] * 3


class SamplingEngine(SideBySideEngine):
    """Answers each request with a code that may fail, and samples another one for it."""

    def __init__(self, codes, *, sampled):
        super().__init__(lambda prompt: fenced(codes[prompt.request]))
        self._sampled = sampled

    def generate_batch(self, requests, *, on_result, job):
        if not self.batches:
            super().generate_batch(requests, on_result=on_result, job=job)
            return
        self.batches.append(len(requests))
        for index, request in enumerate(requests):
            text = fenced(self._sampled)
            on_result(index, text, ScriptedEngine([text]).generate(request, Job()))


CODES = {"print one": "len(rows)", "print two": "rows['x']", "print three": "rows.sort()"}


def fenced(code):
    return f"```python\n{code}\n```"


@pytest.mark.skipif(guard_support().level != "strong", reason="this system cannot guard a copy")
class TestTried:
    def answered(self, config, engine, *, requests=REQUESTS, **settings):
        namespace = {"rows": [3, 1, 2]}
        session = session_with(config, engine)
        asks = [replace(ask(config, r, **settings), live_namespace=namespace) for r in requests]
        batch = session.stream_batch(asks)
        batch.read_to_end()
        assert namespace == {"rows": [3, 1, 2]}
        return batch.items

    @pytest.mark.parametrize("kind", [ScriptedEngine, SideBySideEngine])
    def test_each_answer_says_what_its_code_does(self, config, kind):
        items = self.answered(config, kind(lambda prompt: fenced(CODES[prompt.request])))
        assert [item.outcome.ending for item in items] == ["ran", "raised", "ran"]
        assert items[0].outcome.value == "3"
        assert items[1].outcome.error_type == "TypeError"
        rows = batch_table(items, elapsed_s=1).rows
        assert "raises TypeError in line 1" in rows[1][3]

    def test_when_an_answer_began_is_not_known_side_by_side(self, config):
        items = self.answered(config, SideBySideEngine(lambda prompt: fenced("len(rows)")))
        assert [item.result.metrics.wait_s for item in items] == [0, 0, 0]

    def test_others_are_sampled_for_those_that_fail_once_all_are_answered(self, config):
        engine = SamplingEngine(CODES, sampled="rows[0]")
        items = self.answered(config, engine)
        assert engine.batches == [3, 8]
        assert codes(items) == ["len(rows)", "rows[0]", "rows.sort()"]
        assert items[1].agreement.agreeing > 1
        assert items[1].outcome.value == "3"

    def test_the_table_counts_what_is_to_be_said_of_an_answer(self, config):
        (item,) = self.answered(config, SideBySideEngine(echo), requests=REQUESTS[:1])
        noted = replace(item, result=replace(item.result, notes=("One thing.", "Another.")))
        assert "done, 2 notes" in str(batch_table([noted], elapsed_s=1))

    def test_the_same_question_is_tried_once(self, config):
        engine = SideBySideEngine(lambda prompt: fenced("len(rows)"))
        items = self.answered(config, engine, requests=["print one", "print one"])
        assert [item.outcome.value for item in items] == ["3", "3"]
        assert [item.result.metrics.tries for item in items] == [1, 0]

    def test_a_kept_answer_is_tried_anew(self, config):
        session = session_with(config, SideBySideEngine(lambda prompt: fenced("len(rows)")))
        values = []
        for rows in ([1], [1, 2]):
            asks = [replace(ask(config, "print one"), live_namespace={"rows": rows})] * 2
            batch = session.stream_batch(asks)
            batch.read_to_end()
            values.append([item.outcome.value for item in batch.items])
        assert values == [["1", "1"], ["2", "2"]]

    def test_nothing_is_tried_if_the_settings_say_so(self, config):
        engine = SamplingEngine(CODES, sampled="rows[0]")
        items = self.answered(config, engine, tries="off")
        assert [item.outcome for item in items] == [None] * 3
        assert "on a copy" not in str(batch_table(items, elapsed_s=1))

    @pytest.mark.parametrize("failure", [ValueError("odd"), GenerationError("No breath.")])
    def test_where_sampling_fails_the_first_answer_stays(self, config, failure, monkeypatch):
        engine = SamplingEngine(CODES, sampled="rows[0]")
        answer = engine.generate_batch

        def failing(requests, *, on_result, job):
            if engine.batches:
                raise failure
            answer(requests, on_result=on_result, job=job)

        monkeypatch.setattr(engine, "generate_batch", failing)
        items = self.answered(config, engine)
        assert codes(items) == list(CODES.values())
        assert [item.error for item in items] == [None] * 3
        assert items[1].outcome.ending == "raised"

    def test_its_progress_says_what_is_tried(self, config):
        engine = SideBySideEngine(lambda prompt: fenced("len(rows)"))
        asks = [replace(ask(config, r), live_namespace={"rows": [1]}) for r in REQUESTS]
        seen = []
        session_with(config, engine).stream_batch(asks).read_to_end(seen.append)
        counted = [(e.stage[:6], e.completed) for e in seen if getattr(e, "unit", "") == "answers"]
        assert counted == [("Answer", n) for n in range(3)] + [("Trying", n) for n in range(4)]

    def test_stopping_keeps_the_first_answers(self, config, monkeypatch):
        engine = SamplingEngine(CODES, sampled="rows[0]")
        sample = engine.generate_batch

        def stopping(requests, *, on_result, job):
            if engine.batches:
                stop_all()
            sample(requests, on_result=on_result, job=job)

        monkeypatch.setattr(engine, "generate_batch", stopping)
        namespace = {"rows": [3, 1, 2]}
        asks = [replace(ask(config, r), live_namespace=namespace) for r in REQUESTS]
        session = session_with(config, engine)
        batch = session.stream_batch(asks)
        stop_all = batch.cancel
        batch.read_to_end()
        assert codes(batch.items) == list(CODES.values())
        assert batch.items[1].outcome.ending == "raised"
        # It was not chosen, so it is not kept.
        again = session.stream_batch(asks)
        again.read_to_end()
        assert [i.result.metrics.from_response_cache for i in again.items] == [True, False, True]
