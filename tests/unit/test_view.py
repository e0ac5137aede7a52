import io
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Chunk, Done, GenerationMetrics, Revised
from codeface_jupyter.jobs import Job, Progress, Step
from codeface_jupyter.session import Answer, Ask, Session
from codeface_jupyter.view import answer_view
from codeface_jupyter.view.answer_view import (
    MAX_PAINT_INTERVAL_S,
    PAINT_INTERVAL_S,
    DisplayView,
    TextView,
    Throttle,
    WidgetView,
    show,
)
from codeface_jupyter.view.progress_meter import ProgressMeter
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.wording import counted

TIMEOUT_S = 10


class Recorder:
    def __init__(self):
        self.painted = []
        self.bundle = None

    def paint(self, answer):
        self.painted.append(answer.text)

    def finish(self, answer, bundle):
        self.bundle = bundle
        self.final_text = answer.text


@pytest.fixture
def session_of(tmp_path):
    def make(*answers, **options):
        config = Config(file=tmp_path / "none.toml")
        return Session(config=config, engine=ScriptedEngine(list(answers), **options))

    return make


def test_painting_never_runs_closer_than_the_interval_nor_takes_more_than_its_share():
    now = 0.0
    throttle = Throttle(clock=lambda: now, cost_clock=lambda: now)
    assert throttle.is_due
    with throttle.painting():
        now = 0.0001
    now = PAINT_INTERVAL_S * 0.9
    assert not throttle.is_due
    now = PAINT_INTERVAL_S * 1.1
    assert throttle.is_due
    with throttle.painting():
        now += 0.003  # a slow painting earns a long pause
    now += 0.14
    assert not throttle.is_due
    now += 0.02
    assert throttle.is_due


@pytest.mark.parametrize("cost_s", [0.01, 0.05, 0.5])
def test_no_painting_however_slow_lets_an_answer_stand_still(cost_s):
    now = 0.0
    throttle = Throttle(clock=lambda: now, cost_clock=lambda: now)
    with throttle.painting():
        now += cost_s
    now += MAX_PAINT_INTERVAL_S
    assert throttle.is_due
    # The events of an answer are looked for at the paintings' interval.
    assert MAX_PAINT_INTERVAL_S + PAINT_INTERVAL_S < 0.3


def test_waiting_for_a_busy_processor_does_not_put_the_next_painting_off():
    now = 0.0
    throttle = Throttle(clock=lambda: now, cost_clock=lambda: 0.0)
    with throttle.painting():
        now += 0.5
    now += PAINT_INTERVAL_S * 1.1
    assert throttle.is_due


def test_show_paints_the_growing_text_and_ends_with_the_bundle(session_of):
    answer = session_of("word " * 60, token_delay_s=0.005).stream("talk")
    recorder = Recorder()
    show(answer, recorder, make_bundle=lambda: {"text/plain": answer.text})
    lengths = [len(text) for text in recorder.painted]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 2
    assert recorder.bundle == {"text/plain": answer.result.text}


def test_show_finishes_the_view_before_it_raises(session_of):
    answer = session_of(("some text", ZeroDivisionError())).stream("talk")
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):
        show(answer, recorder, make_bundle=lambda: None)
    assert recorder.final_text


def test_terminal_gets_each_character_once_and_the_figures(session_of):
    answer = session_of("some words in a row", token_delay_s=0.01).stream("talk")
    out = io.StringIO()
    show(answer, TextView(out), make_bundle=lambda: {"text/plain": f"{answer.text}\n[3 tokens]"})
    lines = out.getvalue().replace("\r", "\n").splitlines()
    assert lines[-2:] == ["some words in a row", "[3 tokens]"]


HOSTILE = "a\x1b]52;c;cm0gLXJm\x07b\x1b[2J\x9bc \u202e tab\t\r\nend\r."


def test_terminal_shows_what_it_would_obey():
    answer = Answer(lambda job: Done(finish_reason="stop", metrics=GenerationMetrics()))
    out = io.StringIO()
    view = TextView(out)
    for number in range(0, len(HOSTILE), 3):
        answer.state.take(Chunk(HOSTILE[number : number + 3], number))
        view.paint(answer)
    view.finish(answer, {"text/plain": terminal_text(f"{HOSTILE}\n[\x1b 3 tokens]")})
    shown = r"a\x1b]52;c;cm0gLXJm\x07b\x1b[2J\x9bc \u202e tab" + "\t\nend\n."
    assert out.getvalue() == shown + "\n[\\x1b 3 tokens]\n"


def test_a_view_is_finished_also_when_its_lasting_output_cannot_be_made(session_of):
    answer = session_of("some text").stream("talk")
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):
        show(answer, recorder, make_bundle=lambda: {"text/plain": str(1 / 0)})
    assert (recorder.final_text, recorder.bundle) == ("some text", None)


def test_widgets_are_closed_also_when_their_output_cannot_be_shown(session_of):
    answer = session_of("some text").stream("talk")
    answer.read_to_end()
    view = WidgetView(answer)

    def fail(bundle):
        raise UnicodeError

    view.place.put = fail
    with pytest.raises(UnicodeError):
        view.finish(answer, {"text/plain": "x"})
    assert view._stop.comm is None
    assert view._box.comm is None


def revised_answer(*, first="", then="better words"):
    """An answer that writes ``first``, then another text; the second read sees the change."""
    go = threading.Event()

    def work(job):
        if first:
            job.emit(Chunk(first, 2))
        go.wait(TIMEOUT_S)
        job.emit(Revised(then[:4], 1, "it did not run"))
        job.emit(Chunk(then[4:], 2))
        return Done(finish_reason="stop", metrics=GenerationMetrics())

    answer = Answer(work)
    if first:
        answer.read(timeout_s=TIMEOUT_S)
    return answer, go


@pytest.mark.parametrize("is_painted", [True, False])
def test_terminal_says_that_the_answer_is_revised_and_gets_the_new_text_whole(is_painted):
    answer, go = revised_answer(first="first words")
    out = io.StringIO()
    view = TextView(out)
    view.paint(answer)
    go.set()
    answer.read_to_end()
    if is_painted:
        view.paint(answer)
    view.finish(answer, {"text/plain": f"{answer.text}\n[2 tokens]"})
    lines = out.getvalue().splitlines()
    assert lines == ["first words", "[revised: it did not run]", "better words", "[2 tokens]"]


def test_terminal_says_nothing_of_a_text_that_it_never_wrote():
    answer, go = revised_answer(first="first words")
    go.set()
    answer.read_to_end()
    out = io.StringIO()
    TextView(out).finish(answer, None)
    assert out.getvalue() == "better words\n"


def test_terminal_tells_progress_below_an_answer_that_is_written_anew():
    answer = Answer(lambda job: Done(finish_reason="stop", metrics=GenerationMetrics()))
    out = io.StringIO()
    view = TextView(out)
    for event in (Chunk("first words", 2), Revised("", 0, "it did not run"), Progress("Trying")):
        answer.state.take(event)
        view.paint(answer)
    assert out.getvalue() == "first words\n[revised: it did not run]\n\rTrying … 0 s"


def test_the_time_that_is_left_does_not_grow_while_nothing_is_heard():
    now = 0.0
    meter = ProgressMeter(clock=lambda: now)
    lines = []
    times = ((0.0, 0), (4.0, 80), (4.5, 80), (5.0, 80), (9.0, 80), (10.0, 90))
    for now, completed in times:  # noqa: B007 - the clock reads it
        lines.append(meter.describe(Progress("Reading", completed, 100)))
    assert lines[1:] == [
        "Reading: 80%, 1 s left", "Reading: 80%, 0 s left", "Reading: 80%, 0 s left",
        "Reading: 80%, 9 s", "Reading: 90%, 1 s left",
    ]  # fmt: skip


def test_terminal_rewrites_a_line_only_if_it_has_changed():
    answer = Answer(lambda job: Done(finish_reason="stop", metrics=GenerationMetrics()))
    answer.state.take(Progress("Trying"))
    out = io.StringIO()
    view = TextView(out)
    for _ in range(3):
        view.paint(answer)
    assert out.getvalue() == "\rTrying … 0 s"


TRYING = "Trying … 0 s"
ERASED = f"\r{' ' * len(TRYING)}\r"


def painted(*events, bundle=None):
    """Return what a terminal gets of an answer's events, and of its end."""
    answer = Answer(lambda job: Done(finish_reason="stop", metrics=GenerationMetrics()))
    out = io.StringIO()
    view = TextView(out)
    for event in events:
        answer.state.take(event)
        view.paint(answer)
    view.finish(answer, bundle)
    return out.getvalue()


def test_terminal_tells_below_an_answer_what_is_done_with_it():
    bundle = {"text/plain": "words\n[2 tokens]"}
    shown = painted(Chunk("words", 2), Progress("Trying"), bundle=bundle)
    assert shown == f"words\n\r{TRYING}{ERASED}[2 tokens]\n"


def test_terminal_goes_on_below_what_it_told():
    bundle = {"text/plain": "better\n[2 tokens]"}
    revised = Revised("better", 2, "it did not run")
    shown = painted(Chunk("words", 2), Progress("Trying"), revised, bundle=bundle)
    assert shown == f"words\n\r{TRYING}{ERASED}[revised: it did not run]\nbetter\n[2 tokens]\n"


def test_terminal_goes_on_with_a_text_on_its_line():
    reading = Progress("Reading the prompt")
    assert painted(Chunk("x = ", 0), reading, Chunk("1", 1)) == "x = 1\n"


def test_terminal_shows_an_answer_that_goes_on_as_one_text(session_of):
    session = session_of("def deposit(self):", "self, amount): pass")
    ask = Ask(
        sources=ContextSources(request="a class"),
        settings=session.config.with_overrides({"max_new_tokens": 3, "tries": "off"}),
    )
    first = session.stream(ask)
    first.read_to_end()
    whole = session.stream(ask.going_on(first.result, context=first.context))
    events = list(whole)
    assert any(isinstance(event, Progress) for event in events)
    assert whole.text.startswith(first.result.text)
    assert painted(*events) == f"{whole.text}\n"


def test_a_program_records_what_is_done_with_an_answer_and_then_its_end(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle["text/plain"]))
    monkeypatch.setattr(answer_view, "display", lambda *_, **__: handle)
    answer = Answer(lambda job: Done(finish_reason="stop", metrics=GenerationMetrics()))
    view = DisplayView()
    for event in (Progress("Reading"), Chunk("words", 2), Progress("Trying")):
        answer.state.take(event)
        view.paint(answer)
    view.finish(answer, {"text/plain": "words [2 tokens]"})
    assert shown == ["Reading … 0 s", "words", f"words\n\n{TRYING}", "words [2 tokens]"]


GROWING = ("```python\nx = 1\n", "`", "`", "`", "\n")


def test_half_a_fence_is_not_shown_while_a_text_grows():
    answer = Answer(lambda job: Done(finish_reason="stop", metrics=GenerationMetrics()))
    out, shown = io.StringIO(), []
    view = TextView(out)
    for text in GROWING:
        answer.state.take(Chunk(text, 1))
        view.paint(answer)
        shown.append(out.getvalue())
    begun, whole = GROWING[0], "".join(GROWING[:4])
    assert shown == [begun, begun, begun, whole, f"{whole}\n"]


def test_what_ends_in_half_a_fence_is_shown_in_the_end():
    assert painted(Chunk("x\n``", 1)) == "x\n``\n"


def test_widgets_show_the_new_text_alone_and_why():
    answer, go = revised_answer(first="# First\n\nwords\n\nmore")
    view = WidgetView(answer)
    view.paint(answer)
    assert "First" in view._body.value
    go.set()
    answer.read_to_end()
    view.paint(answer)
    assert "First" not in view._body.value
    assert ">better words</p>" in view._body.value
    assert view._status.value == "2 tokens, revised: it did not run"


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress("Pulling", 50e6, 100e6, "B"), "Pulling: 50 MB of 100 MB, 20 MB/s, 2 s left"),
        (Progress("Converting", 1, 4), "Converting: 25%, 2 s"),
        (Progress("Loading"), "Loading … 2 s"),
        (
            Progress("Answering", 10e6 + 5, 10e6 + 9, "answers"),
            "Answering: 10000005 of 10000009, 2.5/s, 2 s left",
        ),
        (Progress("Trying", 10e6 + 5, 10e6 + 9, "samples"), "Trying: 10000005 of 10000009, 2 s"),
    ],
)
def test_progress_says_size_speed_and_time_left(progress, expected):
    now = 0.0
    meter = ProgressMeter(clock=lambda: now)
    meter.describe(Progress(progress.stage, 10e6, progress.total, progress.unit))
    now = 2.0
    assert meter.describe(progress) == expected


def test_what_is_left_is_told_once_some_of_it_is_done():
    now = 0.0
    meter = ProgressMeter(clock=lambda: now)
    meter.describe(Progress("Converting", 0, 1000))
    now = 6.0
    # It would be 30 minutes by this beginning.
    assert meter.describe(Progress("Converting", 3, 1000)) == "Converting: 0%, 6 s"
    now = 9.0
    assert meter.describe(Progress("Converting", 500, 1000)) == "Converting: 50%, 9 s left"


def test_what_was_done_before_tells_nothing_of_the_speed_and_the_line_goes_not_back():
    now = 0.0
    meter = ProgressMeter(clock=lambda: now)
    meter.describe(Progress("Reading", 0, 100))
    now = 0.1
    assert meter.describe(Progress("Reading", 42, 100)) == "Reading: 42%, 0 s"
    now = 2.0
    assert meter.describe(Progress("Reading", 40, 100)) == "Reading: 42%, 2 s"
    now = 4.0
    assert meter.describe(Progress("Reading", 71, 100)) == "Reading: 71%, 4 s left"


def test_steps_are_counted_where_more_than_the_prompt_is_read():
    told = []
    job = Job(told.append)
    loading = job.in_step(Step.LOAD)
    loading.in_step(Step.CONVERT).progress("Converting", 0, 4)
    loading.progress("Loading")
    job.in_step(Step.READ_PROMPT).progress("Reading the prompt")
    job.progress("Waiting for another")
    now = 0.0
    first, second = (ProgressMeter(clock=lambda: now) for _ in range(2))

    assert first.describe(told[0]) == "Step 2 of 4: Converting: 0%, 0 s"
    now = 3.0
    assert first.describe(replace(told[0], completed=1)) == "Step 2 of 4: Converting: 25%, 9 s left"
    assert [first.describe(progress) for progress in told[1:]] == [
        "Step 3 of 4: Loading … 0 s",
        "Step 4 of 4: Reading the prompt … 0 s",
        "Waiting for another … 0 s",
    ]
    # A model that is loaded has nothing before it.
    assert second.describe(told[2]) == "Reading the prompt … 0 s"


def test_painting_costs_little_even_for_a_long_answer(session_of):
    from codeface_jupyter.view.rendering import GrowingMarkdown

    text = "".join(f"Step {n}.\n\n```python\nx_{n} = {n} * 2\n```\n\n" for n in range(300))
    markdown = GrowingMarkdown()
    markdown.render(text)
    begin = time.perf_counter()
    markdown.render(text + "More.")
    grown_s = time.perf_counter() - begin
    begin = time.perf_counter()
    GrowingMarkdown().render(text + "More.")
    assert grown_s < (time.perf_counter() - begin) / 5


@pytest.mark.parametrize("is_local", [True, False])
def test_the_line_beside_stop_says_when_another_machine_answers(session_of, is_local):
    answer = session_of("one two three", is_local=is_local).stream("talk")
    list(answer)
    view = WidgetView(answer)
    view.paint(answer)
    status = view._status.value
    assert status == ("3 tokens" if is_local else "remote, 3 tokens")


def test_progress_that_does_not_move_shows_that_time_does():
    now = 0.0
    meter = ProgressMeter(clock=lambda: now)
    waiting = Progress("Answering", 0, 16, "answers")
    meter.describe(waiting)
    now = 7.0
    assert meter.describe(waiting) == "Answering: 0 of 16, 7 s"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 tokens"), (1, "1 token"), (1200, "1,200 tokens")]
)
def test_a_number_takes_its_noun(count, said):
    assert counted(count, "token") == said
