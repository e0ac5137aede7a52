"""Threads that take one call after another."""

import threading
import time
from contextvars import ContextVar

import pytest

from codeface_jupyter.frontend import workers
from codeface_jupyter.frontend.workers import Workers

asked_by = ContextVar("asked_by", default="")


@pytest.fixture
def pool():
    pool = Workers()
    yield pool
    pool.close()


def call(pool, work):
    """Have a call done; return the thread that did it, and what came of it."""
    done, found = threading.Event(), []

    def run():
        found.extend((threading.current_thread(), work()))
        done.set()

    pool.start(run)
    assert done.wait(10)
    return found


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_one_thread_does_a_thousand_calls_that_come_one_by_one(pool):
    threads = set()
    for _ in range(1_000):
        threads.add(call(pool, int)[0])
        until(lambda: pool._free)

    assert len(threads) == 1


def test_calls_that_take_long_are_done_side_by_side(pool):
    meeting = threading.Barrier(3, timeout=10)
    for _ in range(2):
        pool.start(meeting.wait)

    meeting.wait()


def test_each_has_the_context_of_whoever_asks(pool):
    asked_by.set("first")
    assert call(pool, asked_by.get)[1] == "first"
    asked_by.set("second")
    assert call(pool, asked_by.get)[1] == "second"


def test_threads_end_when_nothing_comes_and_when_they_are_closed(pool, monkeypatch):
    monkeypatch.setattr(workers, "IDLE_S", 0.01)
    thread, _ = call(pool, int)
    thread.join(10)
    assert not thread.is_alive()

    monkeypatch.setattr(workers, "IDLE_S", 60.0)
    thread, _ = call(pool, int)
    until(lambda: pool._free)
    pool.close()
    thread.join(10)
    assert not thread.is_alive()


def test_calls_that_come_as_a_thread_gives_up_are_done(pool, monkeypatch):
    monkeypatch.setattr(workers, "IDLE_S", 0.001)
    for _ in range(300):
        assert call(pool, int)[1] == 0
        time.sleep(0.001)
