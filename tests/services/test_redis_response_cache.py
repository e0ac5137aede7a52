"""The shared response cache against a real Redis, and against what may stand in its place."""

import json
import shutil
import subprocess
import time
from dataclasses import asdict, replace

import pytest
from pydantic import SecretStr

from codeface_jupyter.config import Config
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import ResponseCacheError
from codeface_jupyter.generation import EngineIdentity
from codeface_jupyter.outcome import Agreement
from codeface_jupyter.response_cache import CachedResponse, RedisResponseCache
from codeface_jupyter.response_cache.redis import (
    DEADLINE_S,
    KEY_PREFIX,
    LARGEST_VALUE_BYTES,
    PAUSE_S,
)
from codeface_jupyter.session import Session

redis = pytest.importorskip("redis", reason="the package redis is not installed")

PASSWORD = "pa:ss/w@rd%"
QUOTED_PASSWORD = "pa%3Ass%2Fw%40rd%25"
SLACK_S = 0.5  # for a busy machine
RESPONSE = CachedResponse(
    text="é = 1\n",
    finish_reason="stop",
    prompt_tokens=3,
    generated_tokens=2,
    total_s=1.5,
    agreement=Agreement(agreeing=7, tried=9, is_first=False),
)

AGREEMENT = asdict(RESPONSE)["agreement"]


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Place:
    """A response cache with the warnings it gave and a clock to turn."""

    def __init__(self, url, **options):
        self.warnings = []
        self.clock = Clock()
        options = {"max_bytes": 10_000, "ttl_s": 60} | options
        self.cache = RedisResponseCache(
            SecretStr(url), warn=self.warnings.append, clock=self.clock, **options
        )

    def pause_is_over(self):
        self.clock.now += PAUSE_S + 1


@pytest.fixture
def place():
    places = []

    def make(url, **options):
        places.append(Place(url, **options))
        return places[-1]

    yield make
    for made in places:
        made.cache.close()


@pytest.fixture
def raw(start_redis):
    """A server without a password, with a plain client to look into it."""
    server = start_redis()
    with redis.Redis.from_url(server.url) as client:
        client.server = server
        yield client


def test_answer_is_shared_between_two_kernels_until_it_expires(raw, place):
    one, other = place(raw.server.url), place(raw.server.url)
    assert other.cache.get("k") is None
    one.cache.put("k", RESPONSE)
    assert other.cache.get("k") == RESPONSE
    assert 55_000 < raw.pttl(f"{KEY_PREFIX}k") <= 60_000
    raw.pexpire(f"{KEY_PREFIX}k", 0)
    assert other.cache.get("k") is None
    assert one.cache.failures == other.cache.failures == {}
    assert one.warnings == other.warnings == []


def test_value_is_plain_json_and_holds_no_prompt(raw, place):
    place(raw.server.url).cache.put("k", RESPONSE)
    assert json.loads(raw.get(f"{KEY_PREFIX}k")) == {
        "text": "é = 1\n",
        "finish_reason": "stop",
        "prompt_tokens": 3,
        "generated_tokens": 2,
        "total_s": 1.5,
        "agreement": {"agreeing": 7, "tried": 9, "is_first": False},
        "answered_by": None,
        "in_vain": False,
    }


def test_which_model_gave_an_answer_is_kept(raw, place):
    cache = place(raw.server.url).cache
    other = EngineIdentity(engine="openvino", model="larger", quantization="int8")
    cache.put("k", replace(RESPONSE, answered_by=other, in_vain=True))
    assert cache.get("k") == replace(RESPONSE, answered_by=other, in_vain=True)


def test_what_an_earlier_version_wrote_is_read(raw, place):
    cache = place(raw.server.url).cache
    cache.put("k", RESPONSE)
    value = json.loads(raw.get(f"{KEY_PREFIX}k"))
    del value["answered_by"], value["in_vain"]
    raw.set(f"{KEY_PREFIX}k", json.dumps(value))
    assert cache.get("k") == RESPONSE


def test_status_counts_and_clear_deletes_our_keys_only(raw, place):
    raw.mset({f"other:{n}": "x" for n in range(2_500)})
    cache = place(raw.server.url).cache
    for n in range(1_200):
        cache.put(str(n), RESPONSE)
    status = cache.status()
    assert (status.entries, status.is_complete, status.trouble) == (1_200, True, "")
    assert status.size_bytes == 1_200 * len(raw.get(f"{KEY_PREFIX}0"))
    assert cache.clear() == 1_200
    assert cache.status().entries == 0
    assert raw.dbsize() == 2_500


@pytest.mark.parametrize(
    "value",
    [
        b"rubbish",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"text": "x"}',
        json.dumps({**asdict(RESPONSE), "text": 5}).encode(),
        json.dumps({**asdict(RESPONSE), "finish_reason": "error"}).encode(),
        json.dumps({**asdict(RESPONSE), "finish_reason": "never"}).encode(),
        json.dumps({**asdict(RESPONSE), "generated_tokens": -1}).encode(),
        json.dumps({**asdict(RESPONSE), "total_s": float("nan")}).encode(),
        json.dumps({**asdict(RESPONSE), "agreement": {**AGREEMENT, "agreeing": 10}}).encode(),
        json.dumps({**asdict(RESPONSE), "agreement": {**AGREEMENT, "tried": "9"}}).encode(),
        b"x" * (LARGEST_VALUE_BYTES + 2),
    ],
    ids=lambda value: value[:12].decode(errors="replace"),
)
def test_rubbish_is_a_miss_and_a_counter_and_is_overwritten(raw, place, value):
    raw.set(f"{KEY_PREFIX}k", value)
    made = place(raw.server.url)
    assert made.cache.get("k") is None
    assert made.cache.failures == {"invalid": 1}
    made.cache.put("k", RESPONSE)
    assert made.cache.get("k") == RESPONSE
    assert made.warnings == []


def test_a_key_of_another_type_is_a_miss(raw, place):
    raw.rpush(f"{KEY_PREFIX}k", "x")
    cache = place(raw.server.url).cache
    assert cache.get("k") is None
    assert cache.failures == {"refused": 1}
    assert cache.status().entries == 1


def test_an_answer_longer_than_allowed_is_not_kept(raw, place):
    cache = place(raw.server.url, max_bytes=3).cache
    cache.put("k", RESPONSE)
    assert raw.dbsize() == 0


def test_password_opens_the_cache(start_redis, place):
    server = start_redis("--requirepass", PASSWORD)
    made = place(f"redis://:{QUOTED_PASSWORD}@127.0.0.1:{server.port}/0")
    made.cache.put("k", RESPONSE)
    assert made.cache.get("k") == RESPONSE
    assert made.warnings == []


@pytest.mark.parametrize("login", ["", "mary:s3cret@", ":s3cret@"])
def test_wrong_password_is_warned_of_once_without_repeating_it(start_redis, place, login, caplog):
    caplog.set_level("DEBUG")
    server = start_redis("--requirepass", PASSWORD)
    made = place(f"redis://{login}127.0.0.1:{server.port}/0")
    for _ in range(3):
        assert made.cache.get("k") is None
        made.cache.put("k", RESPONSE)
        made.pause_is_over()
    assert len(made.warnings) == 1
    assert "rejected the user or password" in made.warnings[0]
    shown = made.warnings[0] + caplog.text + repr(made.cache) + made.cache.status().trouble
    assert "s3cret" not in shown
    assert "mary" not in shown


def test_unix_socket(start_redis, place):
    server = start_redis()
    cache = place(f"unix://{server.socket_path}?db=0").cache
    cache.put("k", RESPONSE)
    assert cache.get("k") == RESPONSE


def test_tls_with_a_private_certificate_authority(start_redis, place, tmp_path, free_port):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    start_redis(
        *("--tls-port", str(free_port), "--tls-auth-clients", "no", "--requirepass", PASSWORD),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(certificate)),
    )
    url = f"rediss://:{QUOTED_PASSWORD}@127.0.0.1:{free_port}/0"
    made = place(f"{url}?ssl_ca_certs={certificate}")
    made.cache.put("k", RESPONSE)
    assert made.cache.get("k") == RESPONSE
    assert made.warnings == []
    distrusting = place(url)
    assert distrusting.cache.get("k") is None
    assert "certificate" in distrusting.warnings[0].lower()


def test_stopped_and_restarted_server_costs_a_pause_and_one_warning(start_redis, place):
    server = start_redis()
    made = place(server.url)
    made.cache.put("k", RESPONSE)
    server.stop()
    begin = time.perf_counter()
    for _ in range(20):
        assert made.cache.get("k") is None
    assert time.perf_counter() - begin < DEADLINE_S + SLACK_S
    assert made.cache.failures["unreachable"] == 20
    server.start()
    made.pause_is_over()
    made.cache.put("k", RESPONSE)
    assert made.cache.get("k") == RESPONSE
    assert len(made.warnings) == 1
    assert f"127.0.0.1:{server.port}" in made.warnings[0]


def test_a_restart_between_two_requests_goes_unnoticed(start_redis, place):
    server = start_redis()
    made = place(server.url)
    made.cache.put("k", RESPONSE)
    server.stop()
    server.start()
    made.cache.put("k", RESPONSE)
    assert made.cache.get("k") == RESPONSE
    assert made.warnings == []


def test_full_server_takes_no_answer_but_still_gives_them(start_redis, place):
    server = start_redis("--maxmemory-policy", "noeviction")
    made = place(server.url)
    made.cache.put("old", RESPONSE)
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1")
    made.cache.put("new", RESPONSE)
    assert made.cache.failures == {"refused": 1}
    assert "its memory is full" in made.warnings[0]
    assert made.cache.get("old") == RESPONSE
    assert made.cache.get("new") is None


def test_hanging_server_costs_a_bounded_time_and_then_none(tcp_server, place):
    made = place(f"redis://127.0.0.1:{tcp_server()}/0")
    begin = time.perf_counter()
    assert made.cache.get("k") is None
    assert time.perf_counter() - begin < DEADLINE_S + SLACK_S
    begin = time.perf_counter()
    for n in range(1_000):
        made.cache.put(str(n), RESPONSE)
    assert time.perf_counter() - begin < SLACK_S
    assert len(made.warnings) == 1
    assert "no answer within" in made.warnings[0]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b":5\r\n",
        b"$-5\r\nxx\r\n",
        b"*1000000000\r\n",
        b"*2\r\n:1\r\n:2\r\n",
        b"-NOPE pass s3cret\r\n",
        b"+OK\r\n",
        b"$3\r\nabc\r\n" * 3,
        b"\x00\x00\xff",
    ],
    ids=lambda reply: repr(reply[:8]),
)
def test_a_server_that_is_no_redis_is_survived(tcp_server, place, reply):
    made = place(f"redis://mary:s3cret@127.0.0.1:{tcp_server(reply)}/0")
    begin = time.perf_counter()
    assert made.cache.get("k") is None
    made.cache.put("k", RESPONSE)
    assert time.perf_counter() - begin < 2 * DEADLINE_S + SLACK_S
    assert made.cache.failures
    assert "s3cret" not in "".join(made.warnings)
    made.cache.status()
    with pytest.raises(ResponseCacheError):
        made.cache.clear()


def test_clear_says_when_the_server_is_away(place):
    made = place("redis://127.0.0.1:1/0")
    with pytest.raises(ResponseCacheError, match=r"127\.0\.0\.1:1/0 cannot be used"):
        made.cache.clear()
    assert "cannot be used" in made.cache.status().trouble


def test_session_goes_on_while_redis_stops_and_comes_back(start_redis, tmp_path):
    server = start_redis()
    config = Config(file=tmp_path / "none.toml")
    config.set(response_cache=server.url)
    engines = [ScriptedEngine(["first answer"]), ScriptedEngine(["other answer"])]
    one, other = (Session(config=config, engine=engine) for engine in engines)
    assert one.generate("ask").text == "first answer"
    shared = other.generate("ask")
    assert shared.text == "first answer"
    assert shared.metrics.from_response_cache
    server.stop()
    on_its_way = other.stream("ask")
    list(on_its_way)
    assert on_its_way.result.text == "other answer"
    assert len(on_its_way.warnings) == 1
    again = other.stream("ask")
    list(again)
    assert again.warnings == ()
    assert other.response_cache.failures["unreachable"] >= 2
    for session in (one, other):
        session.close()


def test_closing_a_session_leaves_the_shared_answers(raw, tmp_path):
    config = Config(file=tmp_path / "none.toml")
    config.set(response_cache=raw.server.url)
    session = Session(config=config, engine=ScriptedEngine(["x"]))
    session.generate("ask")
    session.close()
    assert raw.dbsize() == 1
