"""The remote engine, before servers that answer well, badly, slowly or not at all."""

import contextlib
import gc
import gzip
import json
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
from types import AsyncGeneratorType

import keyring
import keyring.backend
import keyring.errors
import pytest
import trustme

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.engines.base import BatchEngine
from codeface_jupyter.engines.openai import connection as openai_connection
from codeface_jupyter.engines.openai.engine import OpenAIEngine
from codeface_jupyter.errors import (
    ConfigError,
    EngineUnavailableError,
    GenerationError,
    ModelNotFoundError,
    PromptTooLongError,
)
from codeface_jupyter.generation import Chunk, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job, Progress
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session import Session

TIMEOUT_S = 10
AT_ONCE_S = 1.0
KEY = "sk-opensesame"
KEEP = "the connection"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
JSON_HEAD = STREAM_HEAD.replace(b"text/event-stream", b"application/json")


class Server(socketserver.ThreadingTCPServer):
    """Behaves on each connection as the next of the behaviours says; the last one stays."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *behaviours, tls=None, choose=None):
        self.behaviours = list(behaviours)
        self.choose = choose
        self.requests, self.connections = [], 0
        self.asked, self.hung_up = threading.Event(), threading.Event()
        self.closed = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.base_url = f"{scheme}://127.0.0.1:{self.server_address[1]}/v1"

    def behaviour(self, body):
        if self.choose is not None:
            return self.choose(body["messages"][-1]["content"])
        return self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]

    def handle_error(self, request, client_address):
        """Keep quiet: clients that hang up are what is tested."""

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.closed.set()


class Handler(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_S

    def handle(self):
        self.server.connections += 1
        while self.answer_one() is KEEP:
            pass

    def answer_one(self):
        words = self.rfile.readline().decode().split()
        if not words:
            self.server.hung_up.set()
            return None
        lines = iter(self.rfile.readline, b"\r\n")
        pairs = (line.decode().strip().split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        data = self.rfile.read(int(headers.get("content-length", 0)))
        body = json.loads(data) if data else None
        self.server.requests.append((words[1], headers, body))
        self.server.asked.set()
        return self.server.behaviour(body)(self.send, self.wait_for_hang_up)

    def send(self, data):
        self.connection.sendall(data)

    def wait_for_hang_up(self):
        with contextlib.suppress(ConnectionError):
            if self.connection.recv(1) == b"":
                self.server.hung_up.set()


def says(status, body="", *, headers=()):
    """A whole reply: JSON, or text as it stands."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close"]
    lines += [f"Content-Length: {len(text.encode())}", *headers, "", text]
    return lambda send, _: send("\r\n".join(lines).encode())


def event(payload):
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return f"data: {text}\n\n".encode()


def delta(text=None, *, finish_reason=None, **fields):
    change = fields if text is None else {"content": text, **fields}
    return event({"choices": [{"index": 0, "delta": change, "finish_reason": finish_reason}]})


def usage(prompt, generated, **details):
    counts = {"prompt_tokens": prompt, "completion_tokens": generated, **details}
    return event({"choices": [], "usage": counts})


def streams(*events):
    return lambda send, _: send(STREAM_HEAD + b"".join(events))


def streams_and_keeps(*events, then=KEEP):
    """Answer in full, in the form that lets the connection serve the next one."""

    def behave(send, _):
        send(STREAM_HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked"))
        for data in events:
            send(b"%x\r\n%s\r\n" % (len(data), data))
        send(b"0\r\n\r\n")
        return then

    return behave


def hangs_after(*events):
    def behave(send, wait_for_hang_up):
        if events:
            send(STREAM_HEAD + b"".join(events))
        wait_for_hang_up()

    return behave


class Keys(keyring.backend.KeyringBackend):
    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        if not self.kept:
            raise keyring.errors.KeyringLocked
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


DONE = event("[DONE]")
HELLO = (delta("He"), delta("llo"), delta(finish_reason="stop"), usage(7, 2), DONE)


@pytest.fixture(autouse=True)
def keys():
    """A locked keyring in place of the user's, until something is put into it."""
    before = keyring.get_keyring()
    mine = Keys()
    keyring.set_keyring(mine)
    yield mine.kept
    keyring.set_keyring(before)


@pytest.fixture
def serve():
    """Return a function from behaviours to a running server."""
    with contextlib.ExitStack() as stack:

        def start(*behaviours, **options):
            server = stack.enter_context(Server(*behaviours, **options))
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start


def engine_for(server, **settings):
    values = {"base_url": server.base_url, "model": "m", "api_key": KEY, "request_retries": 0}
    return OpenAIEngine(Settings(engine="openai", **values | settings))


def answer(engine, request="say hello", *, cancel=None, on_event=lambda _: None, **sampling):
    events = []

    def emit(event):
        events.append(event)
        on_event(event)

    asked = GenerationRequest(
        prompt=Prompt(request=request), sampling=SamplingParameters(**sampling)
    )
    done = engine.generate(asked, Job(emit, cancel=cancel or threading.Event()))
    return done, "".join(event.text for event in events if isinstance(event, Chunk))


def failure(engine, error=GenerationError, **options):
    with pytest.raises(error) as caught:
        answer(engine, **options)
    assert KEY not in str(caught.value)
    return str(caught.value)


# What is asked, and what comes back


def test_an_answer_streams_with_the_servers_own_counts(serve):
    details = {"prompt_tokens_details": {"cached_tokens": 5}}
    server = serve(streams(*HELLO[:3], usage(7, 2, **details), DONE))
    done, text = answer(engine_for(server))
    assert text == "Hello"
    assert done.finish_reason == "stop"
    assert done.metrics.prompt_tokens == 7
    assert done.metrics.reused_prompt_tokens == 5
    assert done.metrics.generated_tokens == 2


def test_the_request_holds_the_prompt_the_settings_and_the_key_and_no_more(serve):
    server = serve(streams(*HELLO))
    engine = engine_for(server)
    answer(engine, "sort it", max_new_tokens=9, temperature=0.5, top_p=0.9, seed=3, top_k=4)
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert set(headers) <= openai_connection.SENT_HEADERS
    # Neither the client's name nor a version.
    assert headers["user-agent"] == "codeface-jupyter"
    messages = body.pop("messages")
    assert body == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "top_k": 4,
    }
    shown = engine.format_prompt(Prompt(request="sort it"))
    assert shown == "".join(f"{m['role']}: {m['content']}\n\n" for m in messages)
    assert "sort it" in shown


def test_a_base_model_is_asked_to_continue_the_script(serve):
    said = event({"choices": [{"text": "x = 1\n# In[9]:\n", "finish_reason": None}]})
    server = serve(hangs_after(said))
    engine = engine_for(server, remote_api="completions")
    done, text = answer(engine, "set x")
    path, _, body = server.requests[0]
    assert path == "/v1/completions"
    assert body["prompt"] == engine.format_prompt(Prompt(request="set x"))
    assert len(body["stop"]) <= 4
    assert (done.finish_reason, text) == ("stop", "x = 1")
    assert not engine.is_chat
    assert server.hung_up.wait(TIMEOUT_S)


def test_an_answer_ends_at_a_stop_string_that_the_server_ignores(serve):
    server = serve(hangs_after(delta("one EN"), delta("D two")))
    done, text = answer(engine_for(server), stop_strings=("END",))
    assert (done.finish_reason, text) == ("stop", "one ")
    assert server.hung_up.wait(TIMEOUT_S)


def test_an_answer_ends_at_the_token_limit_that_the_server_ignores(serve):
    server = serve(hangs_after(*(delta("x ") for _ in range(9))))
    done, text = answer(engine_for(server), max_new_tokens=3)
    assert (done.finish_reason, text, done.metrics.generated_tokens) == ("length", "x x x ", 3)


def test_a_family_of_joined_emoji_is_never_split(serve):
    pieces = ["a", "👩", "\u200d👩", "\u200d👧", "!"]
    server = serve(streams(*map(delta, pieces), *HELLO[2:]))
    chunks = []
    answer(engine_for(server), on_event=chunks.append)
    assert "👩\u200d👩\u200d👧" in [chunk.text for chunk in chunks if isinstance(chunk, Chunk)]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        *((name, "stop") for name in ("stop", "STOP", "tool_calls", "function_call")),
        *((name, "stop") for name in ("eos", "eos_token", "end_turn")),
        *((name, "stop") for name in ("complete", "COMPLETE", "completed", "end")),
        *((name, "length") for name in ("length", "max_tokens", "model_length")),
    ],
)
def test_the_reason_of_the_end_is_told_in_our_words(serve, said, reason):
    server = serve(streams(delta("x", finish_reason=said), usage(1, 1), DONE))
    assert answer(engine_for(server))[0].finish_reason == reason


def test_an_answer_without_counts_is_counted_here(serve):
    server = serve(streams(*HELLO[:3], DONE))
    engine = engine_for(server)
    done, _ = answer(engine)
    assert done.metrics.generated_tokens == 2
    prompt = engine.format_prompt(Prompt(request="say hello"))
    assert done.metrics.prompt_tokens == engine.count_tokens(prompt)


def test_a_finished_answer_does_not_wait_for_a_server_that_keeps_the_line(serve, monkeypatch):
    monkeypatch.setattr("codeface_jupyter.engines.openai.answer.USAGE_WAIT_S", 0.01)
    server = serve(hangs_after(*HELLO[:3]))
    done, text = answer(engine_for(server))
    assert (done.finish_reason, text) == ("stop", "Hello")
    assert server.hung_up.wait(TIMEOUT_S)


def test_a_models_thoughts_are_progress_not_answer(serve):
    server = serve(streams(delta(reasoning_content="Hmm"), delta(reasoning="so"), *HELLO))
    stages = []
    _, text = answer(engine_for(server), on_event=stages.append)
    assert text == "Hello"
    assert "The model is thinking" in [e.stage for e in stages if isinstance(e, Progress)]


def test_the_host_that_is_waited_for_is_named(serve):
    server = serve(streams(*HELLO))
    seen = []
    answer(engine_for(server), on_event=seen.append)
    port = server.server_address[1]
    assert Progress(f"Waiting for 127.0.0.1:{port}") in seen


# The limit's name


NEWER_NAME = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens'."


def refuses(message, status="400 Bad Request", **fields):
    return says(status, {"error": {"message": message, **fields}})


def limits_sent(server):
    names = ("max_tokens", "max_completion_tokens")
    return [next(name for name in names if name in body) for _, _, body in server.requests]


@pytest.mark.parametrize(
    "refusal",
    [
        refuses(NEWER_NAME, param="max_tokens", code="unsupported_parameter"),
        refuses("unknown field", "422 Unprocessable", param="max_tokens"),
    ],
)
def test_a_model_that_wants_the_limits_newer_name_gets_it_from_then_on(serve, refusal):
    server = serve(refusal, streams(*HELLO))
    engine = engine_for(server)
    assert answer(engine, max_new_tokens=9)[1] == "Hello"
    assert answer(engine, max_new_tokens=9)[1] == "Hello"
    assert limits_sent(server) == ["max_tokens", *["max_completion_tokens"] * 2]
    assert server.requests[1][2]["max_completion_tokens"] == 9


def test_a_limit_that_is_too_large_is_so_under_either_name(serve):
    message = "'max_tokens' or 'max_completion_tokens' is too large: 512."
    server = serve(refuses(message), refuses(message), streams(*HELLO))
    engine = engine_for(server)
    assert "too large" in failure(engine)
    answer(engine)
    assert limits_sent(server) == ["max_tokens", "max_completion_tokens", "max_tokens"]


def test_what_else_the_newer_model_refuses_is_said_and_the_name_remembered(serve):
    server = serve(refuses(NEWER_NAME), refuses("'temperature' does not support 0."))
    engine = engine_for(server)
    message = failure(engine)
    assert "'temperature' does not support 0" in message
    assert "--temperature 1" in message
    failure(engine)
    assert limits_sent(server) == ["max_tokens", *["max_completion_tokens"] * 2]


@pytest.mark.parametrize(
    ("refusal", "settings"),
    [
        (refuses("'top_k' is unknown"), {}),
        (refuses("max_tokens", "401 Unauthorized"), {}),
        (refuses("'max_tokens' is too large"), {"remote_api": "completions"}),
    ],
    ids=["another parameter", "another reason", "no chat"],
)
def test_other_refusals_are_not_answered_with_another_name(serve, refusal, settings):
    server = serve(refusal)
    failure(engine_for(server, **settings))
    assert limits_sent(server) == ["max_tokens"]


# Connections


@pytest.mark.parametrize(
    "behaviour",
    [
        streams(*HELLO),
        hangs_after(delta("one END"), delta(" two")),
        hangs_after(*(delta("x ") for _ in range(99))),
        streams(delta("partial "), event({"error": "GPU lost"})),
        says("200 OK", "<html>Welcome</html>"),
        says("200 OK", {"error": {"message": "GPU lost"}}),
        lambda send, _: send(JSON_HEAD + b'{"error": "GPU'),
    ],
    ids=["whole", "stop string", "token limit", "error", "no stream", "json", "half of it"],
)
def test_nothing_that_reads_an_answer_outlives_it(serve, behaviour):
    engine = engine_for(serve(behaviour))
    # What is left to the collector ends in whatever thread it runs, and its event loop may be
    # closing then.
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(GenerationError):
            answer(engine, stop_strings=("END",), max_new_tokens=9)
        deadline = time.monotonic() + TIMEOUT_S
        while (left := suspended_generators()) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        gc.enable()
    assert left == []


def suspended_generators():
    found = [each for each in gc.get_objects() if type(each) is AsyncGeneratorType]
    return [each.__qualname__ for each in found if each.ag_frame is not None]


def test_one_connection_serves_one_answer_after_another_until_unload(serve):
    server = serve(streams_and_keeps(*HELLO))
    engine = engine_for(server)
    assert [answer(engine)[1] for _ in range(3)] == ["Hello"] * 3
    assert (len(server.requests), server.connections) == (3, 1)
    assert not server.hung_up.is_set()
    engine.unload()
    assert server.hung_up.wait(TIMEOUT_S)
    assert answer(engine)[1] == "Hello"
    assert server.connections == 2


def test_a_refusal_leaves_the_connection_to_the_next_answer(serve):
    def refuse_and_keep(send, _):
        send(b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        return KEEP

    server = serve(refuse_and_keep, streams_and_keeps(*HELLO))
    engine = engine_for(server)
    failure(engine)
    assert answer(engine)[1] == "Hello"
    assert server.connections == 1


def test_a_connection_that_the_server_has_closed_is_not_used_again(serve):
    server = serve(streams_and_keeps(*HELLO, then=None))
    engine = engine_for(server)
    for count in (1, 2):
        assert answer(engine)[1] == "Hello"
        assert server.closed.wait(TIMEOUT_S)
        server.closed.clear()
        assert server.connections == count


def test_a_cancelled_answer_leaves_the_engine_ready_for_the_next(serve):
    server = serve(hangs_after(delta("one ")), streams_and_keeps(*HELLO))
    engine, cancel = engine_for(server), threading.Event()

    def stop_at_text(event):
        if isinstance(event, Chunk):
            cancel.set()

    assert answer(engine, cancel=cancel, on_event=stop_at_text)[0].finish_reason == "cancelled"
    assert server.hung_up.wait(TIMEOUT_S)
    assert answer(engine)[1] == answer(engine)[1] == "Hello"
    assert server.connections == 2


def test_an_engine_that_nobody_has_any_more_closes_its_connections(serve):
    server = serve(streams_and_keeps(*HELLO))
    engine = engine_for(server)
    answer(engine)
    del engine
    gc.collect()
    assert server.hung_up.wait(TIMEOUT_S)


def test_the_sessions_end_closes_the_connections(serve, tmp_path):
    server = serve(streams_and_keeps(*HELLO))
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine_for(server))
    session.generate("hello")
    assert not server.hung_up.is_set()
    session.close()
    assert server.hung_up.wait(TIMEOUT_S)


# Many at once


def words_of(content, known):
    return next(word for word in known if word in content)


def answers_by_word(behaviours):
    """Return what chooses a behaviour by the word that a request holds."""
    return lambda content: behaviours[words_of(content, behaviours)]


def batch(engine, words, *, cancel=None, on_result=lambda *_: None, **sampling):
    """Return the texts and ends of a batch, in the order in which they came, by index."""
    results = {}

    def take(index, text, done):
        assert index not in results
        results[index] = (text, done)
        on_result(index, text, done)

    engine.generate_batch(
        [
            GenerationRequest(prompt=Prompt(request=word), sampling=SamplingParameters(**sampling))
            for word in words
        ],
        on_result=take,
        job=Job(cancel=cancel or threading.Event()),
    )
    return results


def ends(results):
    return {index: done.finish_reason for index, (_, done) in results.items()}


class Counter:
    """Counts the answers that a server works on at a time."""

    def __init__(self):
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            return self.now

    def __exit__(self, *_):
        with self._lock:
            self.now -= 1


def test_eight_requests_are_side_by_side_and_no_more(serve):
    counter, eight = Counter(), threading.Barrier(8)

    def behave(send, _):
        with counter:
            eight.wait(TIMEOUT_S)
            return streams_and_keeps(*HELLO)(send, _)

    server = serve(behave)
    engine = engine_for(server)
    assert isinstance(engine, BatchEngine)
    results = batch(engine, ["x"] * 24)
    assert sorted(results) == list(range(24))
    assert {(text, done.finish_reason) for text, done in results.values()} == {("Hello", "stop")}
    assert {done.metrics.generated_tokens for _, done in results.values()} == {2}
    assert counter.most == server.connections == 8


def test_results_come_as_they_end(serve):
    was_told = threading.Event()

    def slow(send, _):
        assert was_told.wait(TIMEOUT_S)
        return streams(*HELLO)(send, _)

    server = serve(choose=answers_by_word({"slow": slow, "quick": streams(*HELLO)}))
    results = batch(engine_for(server), ["slow", "quick"], on_result=lambda *_: was_told.set())
    assert list(results) == [1, 0]


def test_a_failure_in_a_batch_is_that_requests_alone_and_asked_once(serve, tmp_path):
    broken = streams(delta("partial "), delta("answer"))
    behaviours = {
        "good": streams(*HELLO),
        "bad": refuses("nothing of this kind"),
        "broken": broken,
        "rubbish": streams(event("{not json")),
    }
    server = serve(choose=answers_by_word(behaviours))
    config = Config(file=tmp_path / "none.toml")
    session = Session(config=config, engine=engine_for(server))
    items = session.generate_batch(["good one", "bad", "broken", "rubbish", "good two"])
    assert [item.finish_reason for item in items] == ["stop", *["error"] * 3, "stop"]
    assert [item.text for item in items] == ["Hello", "", "partial answer", "", "Hello"]
    assert [type(item.error) for item in items[1:4]] == [GenerationError] * 3
    assert "nothing of this kind" in str(items[1].error)
    assert "What had arrived is kept" in str(items[2].error)
    assert len(server.requests) == 5
    session.close()


def test_a_prompt_that_does_not_fit_is_not_sent_and_the_others_are(serve):
    server = serve(streams(*HELLO))
    engine = engine_for(server, remote_context_window=1_000)
    results = batch(engine, ["word " * 4_000, "short"], max_new_tokens=10)
    assert isinstance(results[0][1].error, PromptTooLongError)
    assert results[1][0] == "Hello"
    assert len(server.requests) == 1


def test_a_server_with_too_much_to_do_is_asked_for_fewer_at_a_time(serve):
    counter, arrived = Counter(), threading.Barrier(8)
    too_many = says("429 Too Many Requests", {})

    def behave(send, _):
        with counter as now:
            # Only the first eight are sure to come together.
            if len(server.requests) <= 8:
                arrived.wait(TIMEOUT_S)
            return (too_many if now > 2 else streams(*HELLO))(send, _)

    server = serve(behave)
    results = batch(engine_for(server), ["x"] * 20)
    assert set(ends(results).values()) == {"stop"}
    assert len(results) == 20
    assert len(server.requests) < 40


def test_a_server_that_always_has_too_much_to_do_ends_the_batch(serve):
    server = serve(says("429 Too Many Requests", {"error": {"message": "out of quota"}}))
    results = batch(engine_for(server), ["x"] * 10)
    assert [str(results[i][1].error).count("out of quota") for i in range(10)] == [1] * 10
    assert len(server.requests) <= 4 * 10


def test_a_batchs_cancel_ends_all_that_is_not_finished(serve):
    cancel, all_begun = threading.Event(), threading.Barrier(9)

    def slow(send, wait_for_hang_up):
        send(STREAM_HEAD + delta("half "))
        all_begun.wait(TIMEOUT_S)
        wait_for_hang_up()

    server = serve(slow)
    engine, results = engine_for(server), {}
    thread = threading.Thread(
        target=lambda: results.update(batch(engine, ["x"] * 12, cancel=cancel))
    )
    thread.start()
    all_begun.wait(TIMEOUT_S)
    begin = time.perf_counter()
    cancel.set()
    thread.join(TIMEOUT_S)
    assert time.perf_counter() - begin < AT_ONCE_S
    assert ends(results) == dict.fromkeys(range(12), "cancelled")
    assert server.hung_up.wait(TIMEOUT_S)
    assert len(server.requests) == 8


def test_what_was_finished_or_begun_when_a_batch_was_cancelled_is_kept(serve):
    cancel = threading.Event()
    behaviours = {"quick": streams(*HELLO), "slow": hangs_after(delta("half "), delta("an"))}
    server = serve(choose=answers_by_word(behaviours))
    results = batch(
        engine_for(server), ["slow", "quick"], cancel=cancel, on_result=lambda *_: cancel.set()
    )
    assert ends(results) == {1: "stop", 0: "cancelled"}
    assert results[1][0] == "Hello"
    assert "half an".startswith(results[0][0])


def test_a_fault_in_the_results_taker_leaves_no_connection_open(serve):
    def fail(*_):
        raise LookupError("no such row")

    behaviours = {"quick": streams(*HELLO), "slow": hangs_after(delta("half "))}
    server = serve(choose=answers_by_word(behaviours))
    with pytest.raises(LookupError, match="no such row"):
        batch(engine_for(server), ["slow", "quick"], on_result=fail)
    assert server.hung_up.wait(TIMEOUT_S)


def test_an_answer_that_is_left_does_not_touch_the_one_beside_it(serve):
    def patient(send, _):
        send(STREAM_HEAD + delta("still "))
        assert server.hung_up.wait(TIMEOUT_S)
        send(b"".join((delta("here"), *HELLO[2:])))

    behaviours = {"left": hangs_after(delta("one EN"), delta("D two")), "stays": patient}
    server = serve(choose=answers_by_word(behaviours))
    results = batch(engine_for(server), ["left", "stays"], stop_strings=("END",))
    assert [results[0][0], results[1][0]] == ["one ", "still here"]


# Cancel


def test_cancel_mid_answer_closes_the_connection_and_keeps_the_text(serve):
    server = serve(hangs_after(delta("one "), delta("two ")))
    cancel = threading.Event()

    def stop_at_text(event):
        if isinstance(event, Chunk):
            cancel.set()

    begin = time.perf_counter()
    done, text = answer(engine_for(server), cancel=cancel, on_event=stop_at_text)
    assert time.perf_counter() - begin < AT_ONCE_S + 1
    assert done.finish_reason == "cancelled"
    assert text.startswith("one")
    assert server.hung_up.wait(TIMEOUT_S)


@pytest.mark.parametrize(
    ("behaviour", "retries"),
    [
        (hangs_after(), 0),
        (hangs_after(delta(role="assistant")), 0),
        (says("429 Busy", {}, headers=["Retry-After: 60"]), 1),
    ],
    ids=["before the headers", "before the first token", "between two tries"],
)
def test_cancel_from_another_thread_acts_at_once_while_waiting(serve, behaviour, retries):
    server = serve(behaviour)
    engine = engine_for(server, request_retries=retries)
    engine.load(Job())
    cancel, ended = threading.Event(), []

    def work():
        ended.append(answer(engine, cancel=cancel))

    thread = threading.Thread(target=work)
    thread.start()
    assert server.asked.wait(TIMEOUT_S)
    begin = time.perf_counter()
    cancel.set()
    thread.join(TIMEOUT_S)
    assert time.perf_counter() - begin < AT_ONCE_S
    assert ended[0][0].finish_reason == "cancelled"


# Servers that fail


def test_an_unreachable_server_is_named(serve):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    message = failure(OpenAIEngine(Settings(base_url=url, api_key=KEY, request_retries=0)))
    assert url in message
    assert "cannot be reached" in message


def test_a_host_that_has_no_address_is_named():
    url = "http://nowhere.invalid/v1"
    message = failure(OpenAIEngine(Settings(base_url=url, api_key=KEY, request_retries=0)))
    assert "cannot be reached" in message


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize(("key", "hint"), [(KEY, "is not valid"), (None, "No key was sent")])
def test_a_refused_key_is_explained_and_not_repeated(serve, status, key, hint):
    server = serve(says(status, {"error": {"message": f"Incorrect API key: {key}"}}))
    message = failure(engine_for(server, api_key=key))
    assert status.split()[0] in message
    assert hint in message
    assert "CODEFACE_API_KEY" in message
    assert len(server.requests) == 1


@pytest.mark.parametrize("placeholder", ["x", "EMPTY", "none", "local"])
def test_a_placeholder_for_a_key_leaves_the_servers_words_as_they_are(serve, placeholder):
    said = f"the maximum context length is 9 ({placeholder}, EMPTY, none, local)"
    server = serve(says("400 Bad Request", {"error": {"message": said}}))
    with pytest.raises(GenerationError, match="--cells") as caught:
        answer(engine_for(server, api_key=placeholder))
    assert said in str(caught.value)


def test_neither_the_key_nor_a_long_text_keeps_the_hint_back(serve):
    message = "'temperature' does not support 0"
    server = serve(says("400 Bad Request", {"error": {"message": message}}))
    with pytest.raises(GenerationError, match=r"'\(key\)' does not(.|\n)*--temperature 1"):
        answer(engine_for(server, api_key="temperature"))
    message = "x" * 999 + " exceeds the context length"
    server = serve(says("400 Bad Request", {"error": {"message": message}}))
    assert "--cells" in failure(engine_for(server))


def test_without_a_key_none_is_sent(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "meant-for-another-server")
    monkeypatch.setenv("OPENAI_ORG_ID", "meant-for-another-server")
    server = serve(streams(*HELLO))
    answer(engine_for(server, api_key=None))
    headers = server.requests[0][1]
    assert "authorization" not in headers
    assert "meant-for-another-server" not in str(headers)


def test_a_missing_model_is_answered_with_those_that_are_there(serve):
    server = serve(
        says("404 Not Found", {"error": {"message": "The model `m` does not exist."}}),
        says("200 OK", {"data": [{"id": "qwen-32b"}, {"id": "coder"}, "rubbish"]}),
    )
    message = failure(engine_for(server), ModelNotFoundError)
    assert "does not exist" in message
    assert "coder, qwen-32b" in message
    assert server.requests[1][0] == "/v1/models"


@pytest.mark.parametrize("models", [says("404 Not Found", "<html>"), says("200 OK", "[]")])
def test_a_wrong_path_is_not_taken_for_a_missing_model(serve, models):
    server = serve(says("404 Not Found", "<html>No such page</html>"), models)
    message = failure(engine_for(server))
    assert "no OpenAI-compatible API" in message
    assert "/v1" in message
    assert "<html>" not in message


def test_a_busy_server_is_asked_again_after_the_time_it_names(serve):
    server = serve(says("429 Too Many Requests", {}, headers=["Retry-After: 0.2"]), streams(*HELLO))
    seen = []
    begin = time.perf_counter()
    done, text = answer(engine_for(server, request_retries=1), on_event=seen.append)
    assert time.perf_counter() - begin >= 0.2
    assert (done.finish_reason, text) == ("stop", "Hello")
    assert any("429" in event.stage for event in seen if isinstance(event, Progress))


@pytest.mark.parametrize(
    ("status", "said"), [("429 Too Many", "is too busy"), ("500 Error", "failed (HTTP 500)")]
)
@pytest.mark.parametrize(("retries", "tries"), [(2, "3 times"), (0, "1 time")])
def test_a_server_that_stays_bad_is_given_up_after_the_tries(serve, status, said, retries, tries):
    body = {"error": {"message": "out of memory"}}
    server = serve(says(status, body, headers=["Retry-After: 0.01"]))
    message = failure(engine_for(server, request_retries=retries))
    assert said in message
    assert "out of memory" in message
    assert re.search(rf"asked {tries}\b", message)
    assert len(server.requests) == retries + 1


def test_a_silent_server_is_given_up_after_the_time_out(serve):
    message = failure(engine_for(serve(hangs_after()), request_timeout_s=0.2))
    assert "sent nothing for more than 0.2 s" in message
    assert "CODEFACE_REQUEST_TIMEOUT_S" in message


def keeps_alive(*events, with_what):
    """Send something that says nothing, again and again."""

    def behave(send, _):
        send(STREAM_HEAD + b"".join(events))
        with contextlib.suppress(OSError):
            while True:
                send(with_what)
                time.sleep(0.05)

    return behave


@pytest.mark.parametrize(
    "with_what",
    [b": keep-alive\n\n", delta(""), event({"choices": []}), b"\n"],
    ids=["comment", "empty text", "no choice", "empty line"],
)
@pytest.mark.parametrize("events", [(), (delta("partial answer"),)], ids=["first", "later"])
def test_what_only_keeps_the_connection_alive_counts_as_silence(serve, with_what, events):
    server = serve(keeps_alive(*events, with_what=with_what))
    began = time.monotonic()
    message = failure(engine_for(server, request_timeout_s=0.4))
    assert "sent nothing of its answer for more than 0.4 s" in message
    assert ("What had arrived is kept" in message) == bool(events)
    assert time.monotonic() - began < 5


def test_a_slow_answer_may_take_longer_than_the_longest_silence(serve):
    def behave(send, _):
        send(STREAM_HEAD)
        for _ in range(8):
            send(delta("word "))
            time.sleep(0.1)
        send(delta("", finish_reason="stop"))

    engine = engine_for(serve(behave), request_timeout_s=0.5)
    assert answer(engine)[1] == "word " * 8


CUT = b"1000\r\n" + delta("partial ") + delta("answer")
CHUNKED_HEAD = STREAM_HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "behaviour",
    [
        streams(delta("partial "), delta("answer")),
        lambda send, _: send(CHUNKED_HEAD + CUT),
        hangs_after(delta("partial "), delta("answer")),
        streams(delta("partial "), delta("answer"), event({"error": {"message": "GPU lost"}})),
        streams(delta("partial "), delta("answer"), event({"error": "GPU lost"})),
        streams(delta("partial "), delta("answer"), event("{not json")),
        streams(delta("partial "), delta("answer"), b"data: \xff\xfe\n\n"),
        streams(delta("partial "), delta("answer", finish_reason="content_filter")),
    ],
    ids=["closed", "cut", "silent", "error", "bare error", "no json", "no utf-8", "filtered"],
)
def test_a_broken_off_answer_is_kept_and_said_to_be_cut(serve, tmp_path, behaviour):
    engine = engine_for(serve(behaviour), request_timeout_s=0.5, request_retries=2)
    answering = Session(config=Config(file=tmp_path / "none.toml"), engine=engine).stream("hello")
    with pytest.raises(GenerationError, match="What had arrived is kept"):
        list(answering)
    assert answering.result.text == "partial answer"
    assert answering.result.finish_reason == "error"


@pytest.mark.parametrize("reason", ["abort", "error", "repetition", "\x1b[2J" + "x" * 999])
def test_an_answer_that_ended_for_another_reason_is_told_and_not_kept_for_others(
    serve, tmp_path, reason
):
    server = serve(
        streams(delta("half "), delta("an answer", finish_reason=reason), usage(7, 2), DONE),
        streams(*HELLO),
    )
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine_for(server))
    with pytest.raises(GenerationError, match="What had arrived is kept") as caught:
        session.generate("hello")
    assert reason.strip("\x1b")[:10] in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 700
    assert session.generate("hello").text == "Hello"


def test_an_answer_is_never_asked_for_again_once_it_has_begun(serve):
    server = serve(streams(delta("partial")))
    failure(engine_for(server, request_retries=3))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (says("200 OK", "<html>Welcome</html>"), "text/html"),
        (says("200 OK", {"choices": []}), "application/json"),
        (says("200 OK", {"message": "Welcome"}), "application/json"),
        (says("200 OK", {"error": None, "choices": []}), "application/json"),
        (lambda send, _: send(JSON_HEAD + b'{"error": "x'), "application/json"),
        (lambda send, _: send(JSON_HEAD + b"[" * 9_999), "application/json"),
        (lambda send, _: send(b"HTTP/1.1 200 OK\r\n\r\nhello"), "content of no type"),
        (lambda send, _: send(b"SSH-2.0-OpenSSH_9.2\r\n"), "cannot be reached"),
        (lambda send, _: None, "cannot be reached"),
        (streams(), "before the first word"),
        (streams(event("[1, 2]"), event('"x"'), event('{"choices": "x"}')), "before the first"),
        (streams(event({"choices": [{"delta": {"content": 5}}]})), "before the first"),
        (says("307 Temporary Redirect", headers=["Location: http://elsewhere/"]), "elsewhere"),
        (says("400 Bad Request", {"detail": "unknown field top_k"}), "unknown field top_k"),
        (says("400 Bad Request", {"message": "maximum context length is 9"}), "--cells"),
        (says("400 Bad Request", {"message": "no chat template"}), "REMOTE_API=completions"),
        (says("500 Error", {"error": {"message": "\x1b[31m" + "x" * 9_999}}), "…"),
    ],
)
def test_each_kind_of_rubbish_has_its_own_message(serve, behaviour, said):
    message = failure(engine_for(serve(behaviour)))
    assert said in message
    assert "\x1b" not in message
    assert len(message) < 700


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "The quota is used up.", "code": 429}}, "The quota is used up."),
        ({"error": "\x1b[2J the model is gone"}, "the model is gone"),
        ({"object": "error", "message": "no such template"}, "REMOTE_API=completions"),
        ({"error": {"message": "context length exceeded" + "x" * 9_999}}, "--cells"),
    ],
)
def test_an_error_that_comes_as_a_success_is_told_in_the_servers_words(serve, body, said):
    message = failure(engine_for(serve(says("200 OK", body))))
    assert said in message
    assert "BASE_URL" not in message
    assert "\x1b" not in message
    assert len(message) < 700


def test_an_error_that_never_ends_is_not_waited_for(serve):
    def behave(send, wait_for_hang_up):
        send(JSON_HEAD + b'{"error": "')
        wait_for_hang_up()

    message = failure(engine_for(serve(behave), request_timeout_s=0.5))
    assert "application/json" in message


def test_the_type_of_a_stream_may_be_written_in_any_case(serve):
    head = STREAM_HEAD.replace(b"text/event-stream", b"Text/Event-Stream; charset=utf-8")
    server = serve(lambda send, _: send(head + b"".join(HELLO)))
    assert answer(engine_for(server))[1] == "Hello"


def test_a_redirect_is_not_followed(serve):
    elsewhere = serve(streams(*HELLO))
    server = serve(says("307 Temporary Redirect", headers=[f"Location: {elsewhere.base_url}"]))
    failure(engine_for(server))
    assert elsewhere.requests == []


def sends_for_ever(head):
    def behave(send, _):
        send(head)
        with contextlib.suppress(OSError):
            while True:
                send(b"x" * 65_536)

    return behave


@pytest.mark.parametrize(
    "head", [STREAM_HEAD + b"data: ", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"]
)
def test_an_endless_line_is_left_soon(serve, head):
    message = failure(engine_for(serve(sends_for_ever(head))))
    assert "more than an answer can hold" in message


def test_a_compressed_reply_is_refused(serve):
    body = gzip.compress(delta("x" * 9_999))
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    assert "compressed" in failure(engine_for(serve(lambda send, _: send(head + body))))


# TLS


def test_a_certificate_of_ones_own_authority_needs_that_authority(serve, tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = serve(streams(*HELLO), tls=context)
    openai_connection._tls_context.cache_clear()
    assert "SSL_CERT_FILE" in failure(engine_for(server))
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    openai_connection._tls_context.cache_clear()
    assert answer(engine_for(server))[1] == "Hello"
    openai_connection._tls_context.cache_clear()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE = /nowhere/ca.pem does not exist"),
        ("SSL_CERT_FILE", __file__, "holds no certificates"),
        ("SSLKEYLOGFILE", "/nowhere/keys", "SSLKEYLOGFILE = /nowhere/keys cannot be written to"),
        ("ALL_PROXY", "socks5://ann:secret@proxy:1080", "ALL_PROXY = socks5://***@proxy:1080"),
        ("HTTPS_PROXY", "ftp://proxy:21", "HTTPS_PROXY = ftp://proxy:21 is not the address"),
    ],
)
def test_a_variable_that_keeps_the_client_from_being_made_is_named(
    monkeypatch, variable, value, said
):
    for proxy in ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.lower(), raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setitem(sys.modules, "socksio", None)
    openai_connection._tls_context.cache_clear()
    with pytest.raises(ConfigError) as caught:
        answer(OpenAIEngine(Settings(base_url="https://api.example/v1")))
    assert said in caught.value.message
    assert "secret" not in str(caught.value)
    openai_connection._tls_context.cache_clear()


# Before anything is sent


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://0.0.0.0:8000/v1", False),
        ("https://localhost.example/v1", False),
        ("http://10.0.0.5:8000/v1", False),
        ("https://api.example/v1", False),
    ],
)
def test_only_loopback_counts_as_this_machine(url, is_local):
    assert OpenAIEngine(Settings(base_url=url)).is_local == is_local


def test_a_proxy_never_sees_what_goes_to_this_machine(serve, monkeypatch):
    proxy = serve(streams(*HELLO))
    monkeypatch.setenv("HTTP_PROXY", proxy.base_url)
    monkeypatch.setenv("http_proxy", proxy.base_url)
    answer(engine_for(serve(streams(*HELLO))))
    assert proxy.requests == []


def test_a_proxy_is_used_for_another_machine(serve, monkeypatch):
    proxy = serve(streams(*HELLO))
    monkeypatch.setenv("http_proxy", proxy.base_url)
    engine = OpenAIEngine(Settings(base_url="http://models.example/v1", api_key=KEY))
    assert answer(engine)[1] == "Hello"
    assert proxy.requests[0][0] == "http://models.example/v1/chat/completions"


def test_two_servers_with_one_models_name_are_told_apart():
    one = OpenAIEngine(Settings(base_url="http://a/v1", model="m", api_key=KEY)).identity
    other = OpenAIEngine(Settings(base_url="http://b/v1", model="m", api_key="x")).identity
    assert one != other
    assert (one.engine, one.model, one.dtype) == ("openai", "m", "")


def test_a_missing_address_is_said_before_anything_else():
    with pytest.raises(EngineUnavailableError, match=r"base_url.*\n.*CODEFACE_BASE_URL"):
        OpenAIEngine(Settings()).prepare(Job())


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("codeface_jupyter.engines.openai.engine.find_spec", lambda _: None)
    with pytest.raises(EngineUnavailableError, match=r"codeface-jupyter\[remote\]"):
        OpenAIEngine(Settings(base_url="http://a/v1")).prepare(Job())


def test_a_prompt_that_cannot_fit_is_not_sent(serve):
    server = serve(streams(*HELLO))
    engine = engine_for(server, remote_context_window=100)
    with pytest.raises(PromptTooLongError, match="100"):
        answer(engine, "word " * 400, max_new_tokens=10)
    assert server.requests == []


@pytest.mark.parametrize(
    ("text", "at_least", "at_most"),
    [("", 0, 0), ("import pandas as pd\n" * 50, 250, 400), ("3.14159 " * 50, 300, 450)],
)
def test_tokens_are_estimated(text, at_least, at_most):
    count = OpenAIEngine(Settings(base_url="http://a/v1")).count_tokens(text)
    assert at_least <= count <= at_most


# Keys


def test_the_keyrings_key_for_this_host_is_sent(serve, keys):
    server = serve(streams(*HELLO))
    keys["codeface-jupyter", f"127.0.0.1:{server.server_address[1]}"] = KEY
    answer(engine_for(server, api_key=None))
    assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"


def test_a_locked_keyring_is_no_key(serve):
    server = serve(streams(*HELLO))
    answer(engine_for(server, api_key=None))
    assert "authorization" not in server.requests[0][1]


def test_without_the_keyring_package_no_key_is_sent(serve, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    server = serve(streams(*HELLO))
    answer(engine_for(server, api_key=None))
    assert "authorization" not in server.requests[0][1]


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(serve, key):
    with pytest.raises(ConfigError, match="a space or a non-ASCII character") as caught:
        answer(engine_for(serve(streams(*HELLO)), api_key=key))
    assert key not in str(caught.value)


def test_the_key_shows_up_nowhere_in_the_answers_record(serve, tmp_path, caplog):
    caplog.set_level("DEBUG")
    engine = engine_for(serve(streams(*HELLO)))
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    result = session.generate("hello")
    assert KEY not in repr(result) + json.dumps(result.record()) + repr(engine.identity)
    assert KEY not in caplog.text
    assert result.is_local
