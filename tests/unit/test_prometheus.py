import base64
import http.server
import json
import re
import socket
import threading
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from codeface_jupyter.errors import MetricsError
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.metrics import PrometheusExporter, SessionMetrics, prometheus

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"
LABELS = {"model": "m", "engine": "e"}
SLACK_S = 2.0


def result(finish_reason="stop", **metrics):
    return GenerationResult(
        text="x",
        finish_reason=finish_reason,
        metrics=GenerationMetrics(**metrics),
        identity=EngineIdentity(engine="e", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
    )


GENERATED = result(
    prompt_tokens=100,
    reused_prompt_tokens=40,
    generated_tokens=11,
    time_to_first_token_s=0.3,
    decode_s=2.0,
    load_s=4.0,
    peak_memory_bytes=5_000,
)
FRESH = result(prompt_tokens=10, generated_tokens=2, time_to_first_token_s=0.1, decode_s=0.1)


@pytest.fixture
def metrics():
    return SessionMetrics()


@pytest.fixture
def exporter(metrics):
    exporter = PrometheusExporter(cache_failures=lambda: {"unreachable": 3})
    metrics.add_result(GENERATED, response_cache="miss")
    metrics.observe(exporter)
    metrics.add_result(FRESH, response_cache="miss")
    metrics.add_result(result(from_response_cache=True), response_cache="hit", saved_s=2.3)
    metrics.add_result(result("error"), error=ValueError(), response_cache="miss")
    yield exporter
    exporter.close()


@pytest.fixture
def gateway():
    """A server that keeps what is put to it and answers with ``status``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.received.append((self.path, dict(self.headers), body.decode()))
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_figures_have_conventional_names_and_right_values(exporter):
    def value(name, **labels):
        return exporter.registry.get_sample_value(f"codeface_{name}", labels)

    assert value("requests_total", **LABELS, finish_reason="stop") == 3
    assert value("requests_total", **LABELS, finish_reason="error") == 1
    assert value("errors_total", type="ValueError") == 1
    assert value("prompt_tokens_total", **LABELS) == 110
    assert value("reused_prompt_tokens_total", **LABELS) == 40
    assert value("generated_tokens_total", **LABELS) == 13
    assert value("generation_seconds_count", **LABELS) == 2
    assert value("generation_seconds_sum", **LABELS) == pytest.approx(2.5)
    assert value("time_to_first_token_seconds_sum", **LABELS) == pytest.approx(0.4)
    assert value("time_to_first_token_seconds_bucket", **LABELS, le="0.2") == 1
    assert value("decode_seconds_total", **LABELS) == pytest.approx(2.1)
    assert value("model_load_seconds_count") == 1
    assert value("model_load_seconds_sum") == 4.0
    assert value("cache_hits_total", cache="response") == 1
    assert value("cache_misses_total", cache="response") == 3
    assert value("cache_hits_total", cache="kv_prefix") == 1
    assert value("cache_misses_total", cache="kv_prefix") == 1
    assert value("response_cache_saved_seconds_total") == 2.3
    assert value("response_cache_failures_total", reason="unreachable") == 3
    assert value("resident_memory_bytes") > 1e6


def test_two_sessions_do_not_share_a_registry(exporter):
    other = PrometheusExporter()
    names = {"codeface_requests_total": {**LABELS, "finish_reason": "stop"}}
    for name, labels in names.items():
        assert other.registry.get_sample_value(name, labels) is None


def test_served_on_loopback_until_closed(exporter, metrics):
    url = exporter.serve(0)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", url)
    metrics.add_result(FRESH)
    text = urlopen(url, timeout=5).read().decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["codeface_generated_tokens_total", ("engine", "e"), ("model", "m")] == 15
    assert exporter.serve(0) == url
    with pytest.raises(MetricsError, match=f"already being served at {url}"):
        exporter.serve(1)
    exporter.close()
    with pytest.raises(URLError):
        urlopen(url, timeout=5)


def test_port_in_use_and_port_that_does_not_exist(exporter):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MetricsError, match=f"Port {port} on 127.0.0.1 cannot be opened"):
            exporter.serve(port)
    with pytest.raises(MetricsError, match="70000 is not a port number"):
        exporter.serve(70_000)
    assert exporter.url is None


def test_pushed_to_a_gateway_under_this_kernels_name(exporter, gateway):
    exporter.push(f"http://mary:p%40ss@127.0.0.1:{gateway.server_port}/")
    path, headers, body = gateway.received[0]
    assert re.fullmatch(r"/metrics/job/codeface/instance/.+", path)
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"mary:p@ss"
    assert "codeface_generated_tokens_total" in body


def test_a_gateway_without_a_login_gets_none(exporter, gateway):
    exporter.push(f"http://127.0.0.1:{gateway.server_port}")
    assert "Authorization" not in gateway.received[0][1]


def test_gateway_that_refuses(exporter, gateway):
    gateway.status = 400
    with pytest.raises(MetricsError, match="the server answered 400"):
        exporter.push(f"http://127.0.0.1:{gateway.server_port}")
    with pytest.raises(MetricsError, match=r"http://\*\*\*@127.0.0.1") as caught:
        exporter.push(f"http://mary:s3cret@127.0.0.1:{gateway.server_port}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["localhost:9091", "ftp://host", "http://", "http://[::1", "http://host:port"]
)
def test_address_that_no_gateway_has(exporter, url):
    with pytest.raises(MetricsError, match="not a Pushgateway URL; expected http://host:9091"):
        exporter.push(url)


def test_gateway_that_is_away_or_hangs_costs_a_bounded_time(exporter, monkeypatch):
    monkeypatch.setattr(prometheus, "PUSH_TIMEOUT_S", 0.2)
    with pytest.raises(MetricsError, match=r"could not be pushed.*refused") as caught:
        exporter.push("http://mary:s3cret@127.0.0.1:1")
    assert "s3cret" not in str(caught.value)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.perf_counter()
        with pytest.raises(MetricsError, match="could not be pushed"):
            exporter.push(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.perf_counter() - begin < 0.2 + SLACK_S


def test_dashboard_asks_for_our_metrics_and_shows_all_of_them(exporter):
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    queries = " ".join(
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
    )
    asked = set(re.findall(r"\bcodeface_\w+", queries))
    samples = {
        sample.name
        for family in exporter.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert asked <= samples
    families = {family.name for family in exporter.registry.collect()}
    assert {name for name in families if not any(name in query for query in asked)} == set()
