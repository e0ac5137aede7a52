"""The remote engine, before servers that answer well, badly, slowly or not at all."""

import contextlib
import gzip
import json
import socket
import socketserver
import ssl
import sys
import threading
import time

import keyring
import keyring.backend
import keyring.errors
import pytest
import trustme

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.engines import openai_connection
from codeface_jupyter.engines.openai import OpenAIEngine
from codeface_jupyter.errors import (
    ConfigError,
    EngineUnavailableError,
    GenerationError,
    ModelNotFoundError,
    PromptTooLongError,
)
from codeface_jupyter.generation import Chunk, GenerationRequest, Progress, SamplingParameters
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session import Session

TIMEOUT_S = 10
AT_ONCE_S = 1.0
KEY = "sk-opensesame"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Behaves on each connection as the next of the behaviours says; the last one stays."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *behaviours, tls=None):
        self.behaviours = list(behaviours)
        self.requests = []
        self.asked, self.hung_up = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.base_url = f"{scheme}://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        """Keep quiet: clients that hang up are what is tested."""


class Handler(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_S

    def handle(self):
        words = self.rfile.readline().decode().split()
        lines = iter(self.rfile.readline, b"\r\n")
        pairs = (line.decode().strip().split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.server.requests.append((words[1], headers, json.loads(body) if body else None))
        self.server.asked.set()
        count = len(self.server.requests)
        behaviours = self.server.behaviours
        behaviours[min(count, len(behaviours)) - 1](self.send, self.wait_for_hang_up)

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
    done = engine.generate(asked, emit=emit, cancel=cancel or threading.Event())
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
    [("stop", "stop"), ("length", "length"), ("tool_calls", "stop"), ("eos_token", "stop")],
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
    monkeypatch.setattr("codeface_jupyter.engines.openai.USAGE_WAIT_S", 0.01)
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
    engine.load(lambda _: None)
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
@pytest.mark.parametrize(("key", "hint"), [(KEY, "not the right one"), (None, "No key was sent")])
def test_a_refused_key_is_explained_and_not_repeated(serve, status, key, hint):
    server = serve(says(status, {"error": {"message": f"Incorrect API key: {key}"}}))
    message = failure(engine_for(server, api_key=key))
    assert status.split()[0] in message
    assert hint in message
    assert "CODEFACE_API_KEY" in message
    assert len(server.requests) == 1


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
    ("status", "said"), [("429 Too Many", "too much to do"), ("500 Error", "failed (HTTP 500)")]
)
def test_a_server_that_stays_bad_is_given_up_after_the_tries(serve, status, said):
    body = {"error": {"message": "out of memory"}}
    server = serve(says(status, body, headers=["Retry-After: 0.01"]))
    message = failure(engine_for(server, request_retries=2))
    assert said in message
    assert "out of memory" in message
    assert "3 times" in message
    assert len(server.requests) == 3


def test_a_silent_server_is_given_up_after_the_time_out(serve):
    message = failure(engine_for(serve(hangs_after()), request_timeout_s=0.2))
    assert "silent for more than 0.2 s" in message
    assert "CODEFACE_REQUEST_TIMEOUT_S" in message


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
    with pytest.raises(GenerationError, match="What had come is kept"):
        list(answering)
    assert answering.result.text == "partial answer"
    assert answering.result.finish_reason == "error"


def test_an_answer_is_never_asked_for_again_once_it_has_begun(serve):
    server = serve(streams(delta("partial")))
    failure(engine_for(server, request_retries=3))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (says("200 OK", "<html>Welcome</html>"), "text/html"),
        (says("200 OK", {"choices": []}), "application/json"),
        (lambda send, _: send(b"HTTP/1.1 200 OK\r\n\r\nhello"), "without a type"),
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
    assert "more than an answer can be" in message


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
        OpenAIEngine(Settings()).prepare(lambda _: None)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("codeface_jupyter.engines.openai.find_spec", lambda _: None)
    with pytest.raises(EngineUnavailableError, match=r"codeface-jupyter\[remote\]"):
        OpenAIEngine(Settings(base_url="http://a/v1")).prepare(lambda _: None)


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
    with pytest.raises(ConfigError, match="a space or a character") as caught:
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
