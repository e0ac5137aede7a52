"""Messages of the page, whatever they are: each is taken or refused, and nothing else happens."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.errors import ProtocolError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.connection import MAX_REQUESTS, Connection, Handlers
from codeface_jupyter.frontend.protocol import parse_front_end_message, parse_payload

DATA = Path(__file__).parents[1] / "data" / "protocol"
MESSAGES = json.loads((DATA / "front_end_messages.json").read_text(encoding="utf-8"))
PAYLOADS = json.loads((DATA / "payloads.json").read_text(encoding="utf-8"))
METHODS = {
    value.method: value
    for value in vars(protocol).values()
    if isinstance(value, protocol.Notification | protocol.Request)
}
KERNEL_MESSAGES = {"notification", "request", "cancel", "partial", "response", "error"}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("a\ud800\x00{<é", max_size=5)
    | st.sampled_from(["cells", "get_stats", "request", "response", "x" * 600])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def places(value, path=()):
    """Yield the path to every part of a message."""
    yield path
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from places(part, (*path, key))


@st.composite
def nearly(draw, examples):
    """Draw one of the right examples with one part of it gone or replaced."""
    message = copy.deepcopy(draw(st.sampled_from(examples)))
    *path, last = draw(st.sampled_from([place for place in places(message) if place]))
    parent = message
    for key in path:
        parent = parent[key]
    if draw(st.booleans()):
        parent[last] = draw(JSON)
    else:
        del parent[last]
    return message


def is_taken_or_refused(parse):
    """Whether something comes of it, or a line for the sender."""
    try:
        return parse() is not None
    except ProtocolError as error:
        return "\n" not in error.message and len(error.message) < protocol.MAX_ERROR_CHARACTERS


NEARLY_MESSAGES = nearly(list(MESSAGES.values()))


@given(message=JSON | NEARLY_MESSAGES)
def test_any_message_is_taken_or_refused_in_a_line(message):
    assert is_taken_or_refused(lambda: parse_front_end_message(message))


@pytest.mark.parametrize("method", METHODS)
@given(data=st.data())
def test_any_payload_is_taken_or_refused_in_a_line(method, data):
    right = PAYLOADS[method]["payload"]
    payloads = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
    payload = data.draw(payloads | nearly([right]) if right else payloads)
    adapter = METHODS[method].payload
    assert is_taken_or_refused(lambda: parse_payload(adapter, payload, method=method))


def connection_that_fails_at_times(sent):
    """Return a connection whose handlers know every method, and fail if the payload says so."""

    def take(payload, job=None):
        if payload.get("path") == "a":
            raise RuntimeError("as the payload said")
        return {}

    handlers = Handlers()
    for method in METHODS.values():
        if isinstance(method, protocol.Request):
            handlers.handle(method, take)
        else:
            handlers.on(method, take)
    return Connection(sent.append, handlers)


@given(messages=st.lists(JSON | NEARLY_MESSAGES | st.sampled_from(list(MESSAGES.values()))))
def test_every_request_has_one_answer_and_nothing_stays_in_progress(messages):
    sent = []
    connected = connection_that_fails_at_times(sent)
    for message in messages:
        sent.clear()
        connected.receive(message)
        assert len(sent) <= 1
        assert all(answer["type"] in KERNEL_MESSAGES for answer in sent)
        if isinstance(message, dict) and message.get("type") == "request":
            assert sent
    for number in range(MAX_REQUESTS + 1):
        connected.receive({**MESSAGES["request"], "request_id": f"later {number}"})
    assert "already in progress" not in json.dumps(sent)


@given(result=JSON | st.dictionaries(st.text(max_size=5), JSON))
def test_any_response_settles_the_request_that_it_is_for(result):
    answers = []

    def respond(message):
        if message["type"] == "request":
            answer = {"version": 2, "type": "response", "request_id": message["request_id"]}
            connected.receive({**answer, "result": result})
        answers.append(message["type"])

    connected = Connection(respond, Handlers())
    with pytest.raises((ProtocolError, TimeoutError)):
        connected.request(protocol.GET_CELLS, {"asking": None}, timeout_s=0)
    assert "error" in answers
