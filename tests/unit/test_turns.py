"""A turn that nobody wants, and what becomes of it when somebody does."""

import queue
import threading
import time

import pytest

from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.session import turns as turns_module
from codeface_jupyter.session.turns import READING_GRACE_S, WAITING, Ahead, Turns

TIMEOUT_S = 10
LOADING = Progress("Loading the model")


def test_a_turn_is_spare_only_while_nobody_has_it():
    turns = Turns()
    with turns.take(Job()), turns.take_spare(Job()) as spare:
        assert spare is None
    with turns.take_spare(Job()) as spare:
        assert not spare.job.is_cancelled
        with turns.take_spare(Job()) as second:
            assert second is None


def begin_to_answer(turns, *, needs, task=None):
    """Return what hears of an answer that waits for its turn, and an event that says it has it."""
    events, answered = queue.Queue(), threading.Event()

    def answer():
        with turns.take(Job(events.put), needs=needs, task=task):
            answered.set()

    threading.Thread(target=answer, daemon=True).start()
    return events, answered


def test_whoever_needs_what_is_done_in_a_spare_turn_hears_of_it_and_waits(monkeypatch):
    monkeypatch.setattr(turns_module, "READING_GRACE_S", 0.2)
    turns, told = Turns(), []
    with turns.take_spare(Job(told.append)) as spare:
        spare.job.emit(LOADING)
        events, answered = begin_to_answer(turns, needs=Ahead.PROMPT)
        assert events.get(timeout=TIMEOUT_S) == LOADING
        assert not spare.job.wait(0.4)
        spare.doing = Ahead.PROMPT
        assert spare.job.wait(TIMEOUT_S)
        assert not answered.is_set()
    assert answered.wait(TIMEOUT_S)
    assert events.empty()
    assert told == [LOADING]


def test_a_spare_turn_that_is_soon_over_is_not_ended():
    turns = Turns()
    with turns.take_spare(Job()) as spare:
        spare.doing = Ahead.PROMPT
        _, answered = begin_to_answer(turns, needs=Ahead.PROMPT)
        assert not spare.job.wait(0.2)
    assert answered.wait(TIMEOUT_S)


@pytest.mark.parametrize(
    ("doing", "needs"), [(Ahead.LOAD, Ahead.NOTHING), (Ahead.PROMPT, Ahead.LOAD)]
)
def test_what_is_not_needed_ends_at_once(doing, needs):
    turns = Turns()
    with turns.take_spare(Job()) as spare:
        spare.doing = doing
        begin_to_answer(turns, needs=needs)
        assert spare.job.wait(READING_GRACE_S / 2)


def test_whoever_is_stopped_while_it_waits_ends_what_it_waits_for():
    turns, job = Turns(), Job()
    job.cancel()
    with turns.take_spare(Job()) as spare:
        with pytest.raises(Cancelled), turns.take(job):
            raise AssertionError("It had no turn.")
        assert spare.job.is_cancelled


def test_what_was_said_of_a_spare_turn_is_not_said_of_the_next():
    turns, events = Turns(), []
    with turns.take_spare(Job()) as spare:
        spare.job.emit(LOADING)
    with turns.take(Job()):
        job = Job(events.append)
        threading.Timer(0.3, job.cancel).start()
        with pytest.raises(Cancelled), turns.take(job):
            raise AssertionError("It had no turn.")
    assert events == [WAITING]


@pytest.mark.parametrize("task", ["edit", None])
def test_a_reading_for_another_task_is_ended_at_once(task):
    turns = Turns()
    with turns.take_spare(Job()) as spare:
        spare.doing, spare.task = Ahead.PROMPT, "write"
        _, answered = begin_to_answer(turns, needs=Ahead.PROMPT, task=task)
        assert spare.job.wait(READING_GRACE_S / 2)
    assert answered.wait(TIMEOUT_S)


def test_what_perhaps_nobody_asks_for_gives_way_to_what_is_sure(monkeypatch):
    monkeypatch.setattr(turns_module, "ENDING_S", TIMEOUT_S)
    turns, taken = Turns(), queue.Queue()

    def take_spare():
        with turns.take_spare(Job()) as spare:
            taken.put(spare)

    with turns.take_spare(Job(), is_sure=False) as unsure:
        with turns.take_spare(Job(), is_sure=False) as second:
            assert second is None
        assert not unsure.job.is_cancelled
        threading.Thread(target=take_spare, daemon=True).start()
        assert unsure.job.wait(TIMEOUT_S)
    assert taken.get(timeout=TIMEOUT_S).is_sure


def test_a_completion_ends_only_what_perhaps_nobody_asks_for():
    turns = Turns()
    assert not turns.end_unsure()
    with turns.take_spare(Job()) as spare:
        assert not turns.end_unsure()
        assert not spare.job.is_cancelled
    with turns.take_spare(Job(), is_sure=False) as spare:
        assert turns.end_unsure()
        assert spare.job.is_cancelled


def test_an_answer_that_waits_goes_before_what_is_read_ahead(monkeypatch):
    monkeypatch.setattr(turns_module, "ENDING_S", TIMEOUT_S)
    turns = Turns()
    with turns.take_spare(Job(), is_sure=False) as unsure:
        unsure.doing, unsure.task = Ahead.PROMPT, "fix"
        _, answered = begin_to_answer(turns, needs=Ahead.PROMPT, task="write")
        assert unsure.job.wait(TIMEOUT_S)
        begin = time.monotonic()
        with turns.take_spare(Job()) as spare:
            assert spare is None
        # It has not stood in line for the turn that the answer is about to get.
        assert time.monotonic() - begin < TIMEOUT_S / 2
    assert answered.wait(TIMEOUT_S)
