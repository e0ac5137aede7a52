"""What a session's answers cost: records and sums, for reports, Prometheus and a log."""

from __future__ import annotations

from codeface_jupyter.metrics.prometheus import PrometheusExporter
from codeface_jupyter.metrics.records import (
    CacheOutcome,
    RequestRecord,
    SessionMetrics,
    SessionSummary,
)
from codeface_jupyter.metrics.request_log import RequestLog

__all__ = [
    "CacheOutcome",
    "PrometheusExporter",
    "RequestLog",
    "RequestRecord",
    "SessionMetrics",
    "SessionSummary",
]
