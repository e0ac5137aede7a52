"""Interrupts of the kernel while a cell waits for an answer."""

import gc
import signal
import threading
import time
import weakref
from contextlib import suppress

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Chunk, Done, GenerationMetrics
from codeface_jupyter.magics.interrupts import Interrupts, interrupted
from codeface_jupyter.session import Answer, Session
from codeface_jupyter.view.answer_view import PAINT_INTERVAL_S, show

TIMEOUT_S = 10
CANCELLED = Done(finish_reason="cancelled", metrics=GenerationMetrics())

pytestmark = pytest.mark.usefixtures("interrupts")


class NoView:
    def __init__(self):
        self.is_finished = False

    def paint(self, answer):
        pass

    def finish(self, answer, bundle):
        self.is_finished = True


@pytest.fixture
def session(tmp_path):
    engine = ScriptedEngine(["word " * 10_000], token_delay_s=0.001)
    return Session(config=Config(file=tmp_path / "none.toml"), engine=engine)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_keeps_what_had_come_and_then_stops_what_follows(session):
    kept, followed = [], False
    view = NoView()

    def interrupt_after_some_text(answer):
        if answer.text and not answer.is_cancelled:
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        with Interrupts() as interrupts:
            answer = interrupts.begin(lambda: session.stream("talk"))
            show(answer, view, make_bundle=dict, on_paint=interrupt_after_some_text)
            kept.append(answer.result)
        followed = True
    assert kept[0].finish_reason == "cancelled"
    assert kept[0].text
    assert view.is_finished
    assert not followed


def test_stop_ends_the_answer_and_what_follows_runs(session):
    with Interrupts() as interrupts:
        answer = interrupts.begin(lambda: session.stream("talk"))
        show(answer, NoView(), make_bundle=dict, on_paint=lambda answer: answer.cancel())
    assert answer.result.finish_reason == "cancelled"


def test_an_interrupt_before_the_answer_begins_or_while_it_is_laid_out_ends_it(session):
    def interrupted_begin():
        interrupt()
        return session.stream("talk")

    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        first = interrupts.begin(interrupted_begin)
    assert first.is_cancelled
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        second = interrupts.begin(lambda: session.stream("talk"))
        # As if the widgets were being made.
        interrupt()
        assert second.is_cancelled
    assert second.join(TIMEOUT_S)


def test_an_answer_whose_view_cannot_be_made_does_not_go_on_unseen(session):
    with pytest.raises(ZeroDivisionError), Interrupts() as interrupts:
        answer = interrupts.begin(lambda: session.stream("talk"))
        raise ZeroDivisionError
    assert answer.is_cancelled


def test_a_second_interrupt_raises_at_once_and_the_old_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    go = threading.Event()

    def deaf(job):
        go.wait(TIMEOUT_S)
        return CANCELLED

    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        interrupts.begin(lambda: Answer(deaf))
        interrupt()
        interrupt()
        pytest.fail("the second interrupt was not heard")
    go.set()
    assert signal.getsignal(signal.SIGINT) is before


def test_elsewhere_than_in_the_main_thread_nothing_changes(session):
    before, ends = signal.getsignal(signal.SIGINT), []

    def ask():
        with Interrupts() as interrupts:
            answer = interrupts.begin(lambda: session.stream("talk"))
            ends.append(signal.getsignal(signal.SIGINT))
            answer.cancel()
            answer.read_to_end()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(TIMEOUT_S)
    assert ends == [before]


def test_work_that_hears_nothing_is_given_up_unless_it_has_brought_text():
    go, ended = threading.Event(), []

    def deaf(job):
        go.wait(TIMEOUT_S)
        ended.append("deaf")
        return CANCELLED

    def deaf_after_a_word(job):
        job.emit(Chunk("word", 1))
        return deaf(job)

    answer, with_text = Answer(deaf), Answer(deaf_after_a_word)
    with_text.read(timeout_s=TIMEOUT_S)
    with_text.cancel()
    answer.cancel()
    begin = time.monotonic()
    while not answer.is_finished:
        answer.read(timeout_s=PAINT_INTERVAL_S)
    # Half a second on a machine that has nothing else to do.
    assert time.monotonic() - begin < 1.0
    assert ended == []
    # Its time is up, too.
    with_text.read(timeout_s=0.5)
    assert not with_text.is_finished
    go.set()
    with_text.read_to_end()
    assert with_text.text == "word"


def test_the_error_of_an_interrupt_keeps_nothing_alive_by_itself():
    class Big:
        pass

    def cell(big):
        raise interrupted()

    big = Big()
    reference = weakref.ref(big)
    gc.disable()
    try:
        with suppress(KeyboardInterrupt):
            cell(big)
        del big
        assert reference() is None
    finally:
        gc.enable()
