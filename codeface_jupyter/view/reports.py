"""Reports of a session's metrics: tables, a timeline, a data frame."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import MetricsError
from codeface_jupyter.metrics import RequestRecord, SessionSummary
from codeface_jupyter.models.memory_usage import DeviceMemory
from codeface_jupyter.models.storage import format_bytes
from codeface_jupyter.response_cache import CacheStatus
from codeface_jupyter.session.memory_watch import MemoryReport
from codeface_jupyter.view.plots import Series, sparkline, svg_plots
from codeface_jupyter.view.tables import Table
from codeface_jupyter.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SessionReport",
    "cache_table",
    "memory_table",
    "records_frame",
    "slowest_table",
    "stats_table",
]

REQUESTS_PLOTTED = 100
REQUESTS_LISTED = 5
NAME_COLUMNS = 22


@dataclass(frozen=True)
class SessionReport:
    """A session's metrics: sums, the timeline, the slowest requests.

    Parameters
    ----------
    summary
        The session's sums and medians.
    records
        Its requests, oldest first.
    tables
        More tables to show below.
    """

    summary: SessionSummary
    records: Sequence[RequestRecord]
    tables: Sequence[Table] = ()

    def __str__(self) -> str:
        lines = [
            f"{series.name:<{NAME_COLUMNS}} {sparkline(series)}  {_range_of(series)}"
            for series in self._timeline()
        ]
        blocks = (*map(str, self._tables()[:1]), "\n".join(lines), *map(str, self._tables()[1:]))
        return "\n\n".join(filter(None, blocks))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        first, *others = (table.to_html() for table in self._tables())
        timeline = self._timeline()
        plot = f"<p>{self._plot_title()}</p>{svg_plots(timeline)}" if timeline else ""
        return {
            "text/html": f'<div class="codeface-stats">{first}{plot}{"".join(others)}</div>',
            "text/plain": str(self),
        }

    def _tables(self) -> list[Table]:
        slowest = slowest_table(self.records)
        return [stats_table(self.summary), *([slowest] if slowest.rows else []), *self.tables]

    def _plotted(self) -> list[RequestRecord]:
        return [record for record in self.records if record.is_generated][-REQUESTS_PLOTTED:]

    def _plot_title(self) -> str:
        plotted = self._plotted()
        first, last = _clock_time(plotted[0]), _clock_time(plotted[-1])
        return html.escape(f"{counted(len(plotted), 'generated answer')}, {first} to {last}")

    def _timeline(self) -> list[Series]:
        plotted = self._plotted()
        if not plotted:
            return []
        labels = [f"{_clock_time(record)}, {record.model}" for record in plotted]
        # Zero means that an answer broke off before there was anything to time: a gap, not a point.
        rates = [record.metrics.decode_tokens_per_s or None for record in plotted]
        waits = [record.metrics.time_to_first_token_s or None for record in plotted]
        return [
            Series(name="decode rate", unit="tokens/s", values=rates, labels=labels),
            Series(name="time to first token", unit="s", values=waits, labels=labels),
        ]


def stats_table(summary: SessionSummary) -> Table:
    """Return a table of a session's sums."""
    asked = summary.response_cache_hits + summary.response_cache_misses
    replayed = f"{summary.response_cache_hits:,} of {asked:,} replayed"
    reused = f"{summary.reused_prompt_tokens:,} of {summary.prompt_tokens:,} prompt tokens reused"
    share = summary.reused_prompt_tokens / max(summary.prompt_tokens, 1)
    rows = [
        ("requests", f"{summary.requests:,}"),
        ("errors", f"{summary.errors:,}"),
        ("response cache", f"{replayed}, {summary.response_cache_saved_s:.1f} s saved"),
        ("KV cache", f"{reused} ({share:.0%})"),
        ("prompt tokens", f"{summary.prompt_tokens:,}"),
        ("generated tokens", f"{summary.generated_tokens:,}"),
        ("time to first token", f"{summary.median_time_to_first_token_s:.2f} s (median)"),
        ("decode rate", f"{summary.median_decode_tokens_per_s:.1f} tokens/s (median)"),
        ("time in all", f"{summary.generation_s + summary.load_s + summary.tries_s:.1f} s"),
        ("time spent answering", f"{summary.generation_s:.1f} s"),
        ("time spent loading", f"{summary.load_s:.1f} s"),
        ("tried on a copy", _tries(summary)),
        ("ghost text", _completions(summary)),
        ("read ahead", _read_ahead(summary)),
        ("peak memory", format_bytes(summary.peak_memory_bytes)),
    ]
    return Table("CodeFace in this session", ("", ""), rows)


def _tries(summary: SessionSummary) -> str:
    if not summary.tried_answers:
        return "nothing"
    ran = f"{summary.ran_answers:,} of {summary.tried_answers:,} answers ran"
    refused = f"{summary.refused_answers:,} refused" if summary.refused_answers else ""
    parts = (ran, refused, f"{summary.revised_answers:,} revised", f"{summary.tries_s:.1f} s")
    return ", ".join(filter(None, parts))


def _completions(summary: SessionSummary) -> str:
    if not summary.completions:
        return "nothing"
    return (
        f"asked {counted(summary.completions, 'time')}, {summary.shown_completions:,} shown, "
        f"{summary.known_completions:,} without the model, "
        f"{summary.median_completion_s:.2f} s (median)"
    )


def _read_ahead(summary: SessionSummary) -> str:
    if not summary.read_ahead:
        return "nothing"
    return f"{counted(summary.read_ahead, 'time')}, {summary.read_ahead_s:.1f} s"


def slowest_table(records: Sequence[RequestRecord]) -> Table:
    """Return a table of the requests that took longest, loading included."""
    timed = [record for record in records if _wait_s(record) > 0]
    rows = [
        (
            _clock_time(record),
            f"{_wait_s(record):.1f} s",
            _seconds(record.metrics.load_s),
            _seconds(record.metrics.tries_s),
            *_speed(record),
            record.model,
            "replayed" if record.metrics.from_response_cache else record.finish_reason,
        )
        for record in sorted(timed, key=_wait_s, reverse=True)[:REQUESTS_LISTED]
    ]
    columns = (
        *("at", "took", "loading", "tries", "first token", "tokens", "tokens/s"),
        *("model", "ended"),
    )
    return Table("Slowest requests", columns, rows)


def _seconds(seconds: float) -> str:
    """Return a time; empty where it would show as 0.0."""
    text = f"{seconds:.1f} s"
    return "" if text == "0.0 s" else text


def _speed(record: RequestRecord) -> tuple[str, str, str]:
    """Return the time to the first token, the tokens and their rate; empty for what was not."""
    metrics = record.metrics
    tokens = f"{metrics.prompt_tokens:,} + {metrics.generated_tokens:,}"
    if not record.is_generated:
        return "", tokens, ""
    return f"{metrics.time_to_first_token_s:.2f} s", tokens, f"{metrics.decode_tokens_per_s:.1f}"


def cache_table(
    summary: SessionSummary, status: CacheStatus, *, failures: Mapping[str, int], is_on: bool
) -> Table:
    """Return a table of what a response cache holds and has saved in this session.

    Parameters
    ----------
    summary
        The session's sums.
    status
        What the cache holds.
    failures
        How often it failed, by reason.
    is_on
        Whether it is switched on.
    """
    more = "" if status.is_complete else " or more"
    rows = [
        ("state", "on" if is_on else "off"),
        ("location", status.place),
        ("entries", f"{status.entries:,}{more}"),
        ("bytes", f"{status.size_bytes:,}{more}"),
        ("hits", f"{summary.response_cache_hits:,}"),
        ("misses", f"{summary.response_cache_misses:,}"),
        ("time saved", f"{summary.response_cache_saved_s:.1f} s"),
        *((f"failed: {reason}", f"{count:,}") for reason, count in sorted(failures.items())),
    ]
    if status.trouble:
        # Entries that could not be counted would show as zero.
        rows[2:4] = [("problem", status.trouble)]
    return Table("Response cache", ("", ""), rows)


def memory_table(report: MemoryReport) -> Table:
    """Return a table of memory by device, process and owner."""
    times = "time" if report.shrinks == 1 else "times"
    rows = [(device.name, _device_memory(device)) for device in report.devices]
    rows += [
        (
            "this process",
            f"{format_bytes(report.process_bytes)}, {format_bytes(report.process_peak_bytes)} peak",
        ),
        *(
            [("CUDA tensors", format_bytes(report.torch_cuda_bytes))]
            if report.torch_cuda_bytes
            else []
        ),
        *((f"model: {name}", format_bytes(size)) for name, size in report.engine_bytes.items()),
        ("response cache", format_bytes(report.response_cache_bytes)),
        (
            f"freed above {report.threshold:.0%}",
            f"{format_bytes(report.dropped_bytes)}, {report.shrinks:,} {times}",
        ),
    ]
    return Table("Memory", ("", ""), rows)


def _device_memory(device: DeviceMemory) -> str:
    total, free = format_bytes(device.total_bytes), format_bytes(device.free_bytes)
    return f"{device.used_share:.0%} of {total} used, {free} free"


def records_frame(records: Sequence[RequestRecord]) -> pd.DataFrame:
    """Return a data frame with a row per request; ``at`` is in UTC.

    Raises
    ------
    MetricsError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MetricsError(
            "A data frame needs pandas, which is not installed.",
            hint="Install it with %pip install pandas, or use %codeface_stats --json.",
        ) from None
    frame = pd.DataFrame([record.as_row() for record in records])
    if not frame.empty:
        frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return frame


def _wait_s(record: RequestRecord) -> float:
    return record.metrics.total_s + record.metrics.load_s + record.metrics.tries_s


def _clock_time(record: RequestRecord) -> str:
    return time.strftime("%H:%M:%S", time.localtime(record.at))


def _range_of(series: Series) -> str:
    return series.describe().removeprefix(f"{series.name}: ")
