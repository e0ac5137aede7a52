"""Requests over a comm that end badly: the sender hears of it, and nothing of them is left."""

import threading

import pytest

from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.connection import MAX_REQUESTS, Connection, Handlers

TIMEOUT_S = 10
STATS = {"version": protocol.PROTOCOL_VERSION, "type": "request", "method": "get_stats"}


class Sent(list):
    """The messages to the page; may be waited for."""

    def __init__(self):
        self.has_come = threading.Event()

    def take(self, message):
        self.append(message)
        self.has_come.set()


@pytest.fixture
def sent():
    return Sent()


def connection_with(sent, answer):
    handlers = Handlers()
    handlers.handle(protocol.GET_STATS, answer, in_thread=True)
    return Connection(sent.take, handlers)


def ask(connected, request_id):
    connected.receive({**STATS, "request_id": request_id, "payload": {}})


def test_requests_whose_threads_cannot_start_are_refused_and_forgotten(sent, monkeypatch):
    def cannot_start(*_):
        raise RuntimeError("can't start new thread")

    connected = connection_with(sent, lambda payload, job: {"text": "3"})
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        for number in range(MAX_REQUESTS + 1):
            ask(connected, f"r{number}")
    assert all("can't start new thread" in message["message"] for message in sent)
    sent.clear()
    sent.has_come.clear()
    ask(connected, "again")
    assert sent.has_come.wait(TIMEOUT_S)
    assert [message["type"] for message in sent] == ["response"]


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit])
def test_what_ends_a_handlers_thread_is_an_error_for_the_sender(sent, error, monkeypatch):
    def leave(payload, job):
        raise error

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    ask(connection_with(sent, leave), "r1")
    assert sent.has_come.wait(TIMEOUT_S)
    (message,) = sent
    assert (message["type"], message["request_id"]) == ("error", "r1")
    assert message["message"] == error.__name__


def test_a_page_of_another_version_is_not_understood_until_it_is(sent):
    connected = connection_with(sent, lambda payload, job: {"text": ""})
    connected.receive({"version": 1, "type": "open"})
    assert not connected.is_understood
    connected.receive({"version": protocol.PROTOCOL_VERSION, "type": "open"})
    assert connected.is_understood
