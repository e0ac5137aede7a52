"""The scripted engine keeps the promises of an engine."""

import threading
import time

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine
from codeface_jupyter.engines.registry import create_engine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import ConfigError, GenerationError, PromptTooLongError
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Event, Job, Progress
from codeface_jupyter.prompts import Prompt, extract_code_blocks

LONG = "word " * 1_000


def ask(
    engine: Engine, request: str = "Print one", **sampling: object
) -> tuple[str, Done, list[Event]]:
    events: list[Event] = []
    done = engine.generate(
        GenerationRequest(prompt=Prompt(request=request), sampling=SamplingParameters(**sampling)),
        Job(events.append),
    )
    return "".join(e.text for e in events if isinstance(e, Chunk)), done, events


def scripted(model: str) -> ScriptedEngine:
    return ScriptedEngine.from_settings(Settings(model=model, engine="scripted"))


class TestAnswers:
    def test_answers_come_in_order_and_the_last_one_again(self):
        engine = ScriptedEngine(["one", "two"])
        assert [ask(engine)[0] for _ in range(3)] == ["one", "two", "two"]

    def test_a_function_answers_the_prompt(self):
        engine = ScriptedEngine(lambda prompt: prompt.request.upper())
        assert ask(engine, "shout")[0] == "SHOUT"

    def test_an_answer_streams_in_many_chunks(self):
        text, done, events = ask(ScriptedEngine(["a few words, streamed\n"]))
        chunks = [event for event in events if isinstance(event, Chunk)]
        assert text == "a few words, streamed\n"
        assert len(chunks) >= 4
        assert chunks[-1].generated_tokens == done.metrics.generated_tokens
        assert done.finish_reason == "stop"

    def test_requests_are_recorded(self):
        engine = ScriptedEngine(["x"])
        ask(engine, "first", seed=3)
        assert engine.requests[0].prompt.request == "first"
        assert engine.requests[0].sampling.seed == 3

    def test_an_exception_is_raised_as_it_is(self):
        error = GenerationError("broken")
        with pytest.raises(GenerationError) as raised:
            ask(ScriptedEngine([error]))
        assert raised.value is error

    def test_an_exception_comes_after_its_text(self):
        engine = ScriptedEngine([("half an answer", ValueError("cut"))])
        events = []
        with pytest.raises(ValueError, match="cut"):
            engine.generate(
                GenerationRequest(prompt=Prompt(request="x")),
                Job(events.append),
            )
        text = "".join(event.text for event in events if isinstance(event, Chunk))
        assert text == "half an answer"

    @pytest.mark.parametrize("answers", [[], "one answer"])
    def test_a_script_without_answers_is_refused(self, answers):
        with pytest.raises(ValueError, match="at least one answer"):
            ScriptedEngine(answers)


class TestLimits:
    def test_the_token_limit_ends_the_answer(self):
        text, done, _ = ask(ScriptedEngine([LONG]), max_new_tokens=5)
        assert text == "word word word word word"
        assert done.finish_reason == "length"
        assert done.metrics.generated_tokens == 5

    def test_a_stop_string_is_cut_off(self):
        text, done, _ = ask(ScriptedEngine(["keep this END not this"]), stop_strings=("END",))
        assert text == "keep this "
        assert done.finish_reason == "stop"

    def test_a_prompt_longer_than_the_window_is_refused_with_the_numbers(self):
        engine = ScriptedEngine(["x"], context_window=100)
        with pytest.raises(PromptTooLongError) as raised:
            ask(engine, LONG, max_new_tokens=10)
        assert raised.value.context_window == 100
        assert raised.value.prompt_tokens > 1_000


class TestCancel:
    def test_a_cancel_ends_a_slow_answer_at_once(self):
        engine = ScriptedEngine([LONG], token_delay_s=60.0)
        cancel = threading.Event()
        threading.Timer(0.05, cancel.set).start()
        started = time.perf_counter()
        done = engine.generate(GenerationRequest(prompt=Prompt(request="x")), Job(cancel=cancel))
        assert done.finish_reason == "cancelled"
        assert time.perf_counter() - started < 10

    def test_a_cancelled_answer_keeps_what_was_said(self):
        engine = ScriptedEngine(["one two three four five"])
        cancel = threading.Event()
        said = []

        def emit(event):
            if isinstance(event, Chunk):
                said.append(event.text)
                cancel.set()

        done = engine.generate(
            GenerationRequest(prompt=Prompt(request="x")), Job(emit, cancel=cancel)
        )
        assert done.finish_reason == "cancelled"
        assert "one two three four five".startswith("".join(said))
        assert 0 < len("".join(said)) < 20


class TestLoad:
    def test_load_reports_progress_from_nothing_to_all(self):
        engine = ScriptedEngine(["x"])
        events = []
        engine.load(Job(events.append))
        assert all(isinstance(event, Progress) for event in events)
        assert events[0].completed == 0
        assert events[-1].completed == events[-1].total
        assert engine.is_loaded

    def test_a_loaded_engine_does_not_load_again(self):
        engine = ScriptedEngine(["x"])
        engine.load(Job())
        events = []
        engine.load(Job(events.append))
        assert events == []
        engine.unload()
        assert not engine.is_loaded


class TestFromSettings:
    def test_the_answer_is_code_that_mentions_the_request(self):
        text, _, _ = ask(create_engine(Settings(engine="scripted")), "Sort 'x' by \"y\"")
        (block,) = extract_code_blocks(text)
        assert block.language == "python"
        namespace: dict[str, object] = {}
        exec(block.code, namespace)
        assert namespace["request"] == "Sort 'x' by \"y\""

    def test_a_long_request_is_cut_between_words(self):
        text, _, _ = ask(create_engine(Settings(engine="scripted")), "plot it " * 20)
        assert f"'{'plot it ' * 8}plot …'" in text

    def test_an_option_sets_the_number_of_tokens(self):
        text, done, _ = ask(scripted("scripted:x300"))
        assert done.metrics.generated_tokens == 300
        assert done.finish_reason == "stop"
        (block,) = extract_code_blocks(text)
        assert block.is_closed
        compile(block.code, "cell", "exec")

    def test_options_set_delay_and_load_time(self):
        engine = scripted("scripted:40ms:x10:load500ms")
        assert engine.token_delay_s == 0.04
        assert engine.load_s == 0.5
        assert scripted("scripted:slow").token_delay_s == 0.1
        assert engine.identity.model == "scripted:40ms:x10:load500ms"

    @pytest.mark.parametrize("model", ["scripted:fast", "scripted:", "scripted:40", "scripted:x-1"])
    def test_an_unknown_option_is_refused(self, model):
        with pytest.raises(ConfigError, match="not an option of the scripted engine"):
            scripted(model)

    def test_another_models_name_means_no_options(self):
        assert scripted("owner/some-model").token_delay_s == 0


class TestFormat:
    def test_a_chat_prompt_names_the_roles(self):
        text = ScriptedEngine(["x"]).format_prompt(Prompt(request="Sort it", cells=("a = 1",)))
        assert text.startswith("system: ")
        assert "a = 1" in text
        assert text.endswith("Sort it\n\nassistant:")

    def test_a_base_prompt_is_a_script(self):
        text = ScriptedEngine(["x"], is_chat=False).format_prompt(Prompt(request="Sort it"))
        assert text.endswith("# Sort it\n")

    def test_tokens_are_words_and_marks(self):
        assert ScriptedEngine(["x"]).count_tokens("print(a_b, 1)\n") == 7
