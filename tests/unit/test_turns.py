"""A turn that nobody wants, and what becomes of it when somebody does."""

import queue
import threading

import pytest

from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.session.turns import SPARE_GRACE_S, WAITING, Turns

TIMEOUT_S = 10
LOADING = Progress("Loading the model")


def test_a_turn_is_spare_only_while_nobody_has_it():
    turns = Turns()
    with turns.take(Job()), turns.take_spare(Job()) as part:
        assert part is None
    with turns.take_spare(Job()) as part:
        assert not part.is_cancelled
        with turns.take_spare(Job()) as second:
            assert second is None


def begin_to_answer(turns):
    """Return what hears of an answer that waits for its turn, and an event that says it has it."""
    events, answered = queue.Queue(), threading.Event()

    def answer():
        with turns.take(Job(events.put)):
            answered.set()

    threading.Thread(target=answer, daemon=True).start()
    return events, answered


def test_whoever_wants_a_spare_turn_hears_what_is_done_and_ends_it_after_a_while():
    turns = Turns()
    with turns.take_spare(Job()) as part:
        part.emit(LOADING)
        events, answered = begin_to_answer(turns)
        assert events.get(timeout=TIMEOUT_S) == LOADING
        assert not part.is_cancelled
        assert part.wait(TIMEOUT_S)
        assert not answered.is_set()
    assert answered.wait(TIMEOUT_S)
    assert events.empty()


def test_a_spare_turn_that_is_soon_over_is_not_ended():
    turns = Turns()
    with turns.take_spare(Job()) as part:
        _, answered = begin_to_answer(turns)
        assert not part.wait(SPARE_GRACE_S / 4)
    assert answered.wait(SPARE_GRACE_S / 2)


def test_what_was_said_of_a_spare_turn_is_not_said_of_the_next():
    turns, events = Turns(), []
    with turns.take_spare(Job()) as part:
        part.emit(LOADING)
    with turns.take(Job()):
        job = Job(events.append)
        threading.Timer(0.3, job.cancel).start()
        with pytest.raises(Cancelled), turns.take(job):
            raise AssertionError("It had no turn.")
    assert events == [WAITING]
