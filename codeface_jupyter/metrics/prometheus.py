"""A session's metrics for Prometheus: served on this machine, or pushed to a gateway."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, get_args
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from codeface_jupyter.errors import MetricsError
from codeface_jupyter.metrics.records import RequestRecord
from codeface_jupyter.models.memory_usage import process_bytes
from codeface_jupyter.outcome import Ending
from codeface_jupyter.privacy import masked_url
from codeface_jupyter.threads import within

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["PrometheusExporter"]

LOOPBACK = "127.0.0.1"
JOB = "codeface"
PUSH_TIMEOUT_S = 5.0
MODEL_LABELS = ("model", "engine")
FIRST_TOKEN_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
GENERATION_BUCKETS_S = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
LOAD_BUCKETS_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


class PrometheusExporter:
    """Counts a session's requests in a registry of its own, and serves or pushes the counts.

    Pass it to `SessionMetrics.observe`.

    Parameters
    ----------
    cache_failures
        Returns how often the response cache failed, by reason.

    Attributes
    ----------
    registry
        The ``CollectorRegistry`` with the session's metrics.
    url
        Where the metrics are served; None while they are not.
    """

    def __init__(self, *, cache_failures: Callable[[], Mapping[str, int]] = dict) -> None:
        from prometheus_client import CollectorRegistry

        self.registry = CollectorRegistry()
        self.registry.register(_CacheFailures(cache_failures))
        self.url: str | None = None
        self._server: Any = None
        self._make_request_metrics()
        self._make_trial_metrics()
        self._make_time_metrics()
        self._make_token_metrics()
        self._make_memory_metrics()

    def on_request(self, record: RequestRecord) -> None:
        """Count a request."""
        labels = {"model": record.model, "engine": record.engine}
        self._requests.labels(**labels, finish_reason=record.finish_reason).inc()
        if record.error:
            self._errors.labels(type=record.error).inc()
        if record.response_cache != "off":
            outcome = self._cache_hits if record.response_cache == "hit" else self._cache_misses
            outcome.labels(cache="response").inc()
        self._saved.inc(record.saved_s)
        if record.tried:
            self._tried.labels(ending=record.tried).inc()
            self._revised.inc(record.is_revised)
            self._tries.inc(record.metrics.tries)
            self._tries_s.inc(record.metrics.tries_s)
        if record.is_generated:
            self._count_generated(record, labels)

    def on_load(self, seconds: float) -> None:
        """Count a load of a model."""
        self._load.observe(seconds)

    def serve(self, port: int) -> str:
        """Serve the metrics on this machine only, until `close`, and return their URL.

        Parameters
        ----------
        port
            The TCP port; 0 for any free one.

        Raises
        ------
        MetricsError
            If they are already served on another port, or the port cannot be opened.
        """
        from prometheus_client import start_http_server

        if not 0 <= port <= 65_535:  # noqa: PLR2004 - the range of TCP ports
            raise MetricsError(
                f"{port} is not a port number; expected 1 to 65535, or 0 for any free port."
            )
        if self.url is not None:
            if port not in {0, urlsplit(self.url).port}:
                raise MetricsError(
                    f"The metrics are already being served at {self.url}.",
                    hint="Use that address, or stop it with %unload_ext codeface_jupyter.",
                )
            return self.url
        try:
            self._server, _ = start_http_server(port, addr=LOOPBACK, registry=self.registry)
        except OSError as error:
            raise MetricsError(
                f"Port {port} on {LOOPBACK} cannot be opened: {error.strerror or error}.",
                hint="Use %codeface_stats --serve 0 to let the system pick a free port.",
            ) from None
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/metrics"
        return self.url

    def push(self, url: str) -> None:
        """Push the metrics to a Pushgateway, replacing what this kernel pushed before.

        Raises
        ------
        MetricsError
            If ``url`` is not a web address, or the gateway cannot be reached or refuses.
        """
        from prometheus_client import push_to_gateway
        from prometheus_client.exposition import basic_auth_handler

        shown = masked_url(url)
        if not _is_web_address(url):
            raise MetricsError(
                f"{shown} is not a Pushgateway URL; expected http://host:9091 or https://host."
            )
        this_kernel = {"instance": f"{platform.node()}:{os.getpid()}"}
        # The sender takes the login apart from the address, and urllib no address with one.
        address, username, password = _split_login(url)
        push = partial(
            push_to_gateway,
            address,
            JOB,
            self.registry,
            this_kernel,
            PUSH_TIMEOUT_S,
            partial(basic_auth_handler, username=username, password=password),
        )
        try:
            within(PUSH_TIMEOUT_S, push)
        except (OSError, HTTPException, ValueError) as error:
            raise MetricsError(
                f"The metrics could not be pushed to {shown}: {_reason(error)}.",
                hint="Check that a Prometheus Pushgateway is running at that address.",
            ) from None

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = self.url = None

    def _make_request_metrics(self) -> None:
        from prometheus_client import Counter

        registry = self.registry
        self._requests = Counter(
            "codeface_requests_total",
            "Requests, by how they ended.",
            (*MODEL_LABELS, "finish_reason"),
            registry=registry,
        )
        self._errors = Counter(
            "codeface_errors_total", "Requests that failed, by error.", ("type",), registry=registry
        )
        self._cache_hits = Counter(
            "codeface_cache_hits_total",
            "Answers replayed (response), prompts whose start was in the KV cache (kv_prefix).",
            ("cache",),
            registry=registry,
        )
        self._cache_misses = Counter(
            "codeface_cache_misses_total",
            "Requests that were not in a cache.",
            ("cache",),
            registry=registry,
        )
        for cache in ("response", "kv_prefix"):
            # Exist from the start, so that the share of hits can be queried at once.
            self._cache_hits.labels(cache=cache)
            self._cache_misses.labels(cache=cache)
        self._saved = Counter(
            "codeface_response_cache_saved_seconds_total",
            "Seconds of generation saved by replayed answers.",
            registry=registry,
        )

    def _make_trial_metrics(self) -> None:
        from prometheus_client import Counter

        registry = self.registry
        self._tried = Counter(
            "codeface_tried_answers_total",
            "Answers tried on a copy of the kernel, by how their code ended.",
            ("ending",),
            registry=registry,
        )
        for ending in get_args(Ending):
            # Exist from the start, so that shares can be queried at once.
            self._tried.labels(ending=ending)
        self._revised = Counter(
            "codeface_revised_answers_total",
            "Answers that took the place of a first one.",
            registry=registry,
        )
        self._tries = Counter(
            "codeface_tries_total", "Codes run on a copy of the kernel.", registry=registry
        )
        self._tries_s = Counter(
            "codeface_tries_seconds_total",
            "Seconds spent on that, and on the answers asked for beside the first.",
            registry=registry,
        )

    def _make_time_metrics(self) -> None:
        from prometheus_client import Counter, Histogram

        labels, registry = MODEL_LABELS, self.registry
        self._generation = Histogram(
            "codeface_generation_seconds",
            "Seconds from the request to the last token, without loading the model.",
            labels,
            registry=registry,
            buckets=GENERATION_BUCKETS_S,
        )
        self._first_token = Histogram(
            "codeface_time_to_first_token_seconds",
            "Seconds from the request to the first token, without loading the model.",
            labels,
            registry=registry,
            buckets=FIRST_TOKEN_BUCKETS_S,
        )
        self._load = Histogram(
            "codeface_model_load_seconds",
            "Seconds spent loading a model into memory.",
            registry=registry,
            buckets=LOAD_BUCKETS_S,
        )
        self._decode = Counter(
            "codeface_decode_seconds_total",
            "Seconds from the first to the last token.",
            labels,
            registry=registry,
        )

    def _make_token_metrics(self) -> None:
        from prometheus_client import Counter

        self._tokens = {
            name: Counter(f"codeface_{name}_total", meaning, MODEL_LABELS, registry=self.registry)
            for name, meaning in (
                ("prompt_tokens", "Prompt tokens."),
                ("reused_prompt_tokens", "Prompt tokens that were already in the KV cache."),
                ("generated_tokens", "Generated tokens."),
            )
        }

    def _make_memory_metrics(self) -> None:
        from prometheus_client import Gauge

        self._peak_memory = Gauge(
            "codeface_peak_memory_bytes",
            "Peak memory during the last answer: of the device with CUDA, else of the process.",
            MODEL_LABELS,
            registry=self.registry,
        )
        resident = Gauge(
            "codeface_resident_memory_bytes",
            "Resident memory of the kernel process.",
            registry=self.registry,
        )
        resident.set_function(process_bytes)

    def _count_generated(self, record: RequestRecord, labels: dict[str, str]) -> None:
        metrics = record.metrics
        for name, counter in self._tokens.items():
            counter.labels(**labels).inc(getattr(metrics, name))
        prefix = self._cache_hits if metrics.reused_prompt_tokens else self._cache_misses
        prefix.labels(cache="kv_prefix").inc()
        self._peak_memory.labels(**labels).set(metrics.peak_memory_bytes)
        # An answer that broke off has no times.
        if metrics.time_to_first_token_s > 0:
            self._decode.labels(**labels).inc(metrics.decode_s)
            self._first_token.labels(**labels).observe(metrics.time_to_first_token_s)
            self._generation.labels(**labels).observe(metrics.total_s)


class _CacheFailures:
    """Reads the response cache's own counts each time the metrics are collected."""

    def __init__(self, read: Callable[[], Mapping[str, int]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(
            "codeface_response_cache_failures",
            "Failed calls to the response cache, by reason.",
            labels=["reason"],
        )
        for reason, count in self._read().items():
            family.add_metric([reason], count)
        yield family


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _split_login(url: str) -> tuple[str, str | None, str | None]:
    """Return ``url`` without its login, then the user name and the password; None without one."""
    parts = urlsplit(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if parts.username is None:
        return address, None, None
    return address, unquote(parts.username), unquote(parts.password or "")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"the server answered {error.code} {error.reason}"
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)
