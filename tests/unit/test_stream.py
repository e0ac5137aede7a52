import threading
import traceback

import pytest

from codeface_jupyter.generation import Chunk, Done, GenerationMetrics
from codeface_jupyter.session.stream import Stream

DONE = Done(finish_reason="stop", metrics=GenerationMetrics())
TIMEOUT_S = 10


def test_events_come_in_order_and_end_with_done():
    def work(job):
        for n in range(100):
            job.emit(Chunk(str(n), n))
        return DONE

    stream, events = Stream(work), []
    while not stream.is_finished:
        events += stream.read(timeout_s=TIMEOUT_S)
    assert [event.text for event in events[:-1]] == [str(n) for n in range(100)]
    assert events[-1] is DONE


def test_failure_is_raised_in_the_reader_with_the_workers_traceback():
    def break_down():
        raise ZeroDivisionError("in the worker")

    def work(job):
        job.emit(Chunk("partial", 1))
        break_down()

    stream = Stream(work)
    texts = []
    with pytest.raises(ZeroDivisionError) as caught:
        while True:
            texts.extend(event.text for event in stream.read(timeout_s=TIMEOUT_S))
    assert texts == ["partial"]
    assert "break_down" in "".join(traceback.format_tb(caught.value.__traceback__))
    with pytest.raises(ZeroDivisionError):
        stream.read(timeout_s=0)


def test_failure_without_any_event_does_not_hang():
    def work(job):
        raise SystemExit("even this")

    with pytest.raises(SystemExit):
        Stream(work).read(timeout_s=TIMEOUT_S)


def test_read_returns_nothing_when_nothing_came_in_time():
    go = threading.Event()

    def work(job):
        go.wait(TIMEOUT_S)
        return DONE

    stream = Stream(work)
    assert stream.read(timeout_s=0.01) == []
    assert not stream.is_finished
    go.set()
    assert stream.read(timeout_s=TIMEOUT_S) == [DONE]
    assert stream.is_finished
    assert stream.read(timeout_s=TIMEOUT_S) == []


def test_work_ends_by_itself_once_it_is_cancelled():
    def work(job):
        assert job.wait(TIMEOUT_S)
        return DONE

    stream = Stream(work)
    assert not stream.is_cancelled
    stream.cancel()
    assert stream.join(TIMEOUT_S)
    assert stream.is_cancelled
