"""What a session's answers cost: a record of each, and their sums."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from codeface_jupyter.generation import FinishReason, GenerationMetrics, GenerationResult

__all__ = ["RequestRecord", "SessionMetrics", "SessionSummary"]


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """One request: lengths and times, never the text of prompt or answer.

    Attributes
    ----------
    at
        When it ended, in seconds since the epoch.
    error
        The exception's class name when it failed, else empty.
    """

    at: float
    model: str
    engine: str
    finish_reason: FinishReason
    metrics: GenerationMetrics
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionSummary:
    """A session's sums and medians; times in seconds, sizes in bytes.

    Medians are over generated answers; replays from the response cache are left out.
    """

    requests: int = 0
    errors: int = 0
    response_cache_hits: int = 0
    response_cache_saved_s: float = 0.0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    generation_s: float = 0.0
    load_s: float = 0.0
    median_time_to_first_token_s: float = 0.0
    median_decode_tokens_per_s: float = 0.0
    peak_memory_bytes: int = 0


@dataclass
class SessionMetrics:
    """Collects one record per request; safe to use from several threads."""

    clock: Callable[[], float] = time.time
    _records: list[RequestRecord] = field(default_factory=list)
    _saved_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def records(self) -> tuple[RequestRecord, ...]:
        """Every request so far, oldest first."""
        with self._lock:
            return tuple(self._records)

    def add_result(self, result: GenerationResult, *, saved_s: float = 0.0) -> None:
        """Count an answer; ``saved_s`` is what replaying it saved."""
        self._add(
            RequestRecord(
                at=self.clock(),
                model=result.identity.model,
                engine=result.identity.engine,
                finish_reason=result.finish_reason,
                metrics=result.metrics,
            ),
            saved_s=saved_s,
        )

    def add_error(self, error: BaseException, *, model: str, engine: str) -> None:
        """Count a request that failed."""
        self._add(
            RequestRecord(
                at=self.clock(),
                model=model,
                engine=engine,
                finish_reason="error",
                metrics=GenerationMetrics(),
                error=type(error).__name__,
            )
        )

    def summary(self) -> SessionSummary:
        """Return the sums and medians so far."""
        records = self.records
        generated = [
            r.metrics
            for r in records
            if not r.metrics.from_response_cache and r.metrics.generated_tokens
        ]
        return SessionSummary(
            requests=len(records),
            errors=sum(bool(r.error) for r in records),
            response_cache_hits=sum(r.metrics.from_response_cache for r in records),
            response_cache_saved_s=self._saved_s,
            prompt_tokens=sum(m.prompt_tokens for m in generated),
            generated_tokens=sum(m.generated_tokens for m in generated),
            generation_s=sum(m.total_s for m in generated),
            load_s=sum(r.metrics.load_s for r in records),
            median_time_to_first_token_s=_median([m.time_to_first_token_s for m in generated]),
            median_decode_tokens_per_s=_median(
                [m.decode_tokens_per_s for m in generated if m.decode_s > 0]
            ),
            peak_memory_bytes=max((m.peak_memory_bytes for m in generated), default=0),
        )

    def reset(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._records.clear()
            self._saved_s = 0.0

    def _add(self, record: RequestRecord, *, saved_s: float = 0.0) -> None:
        with self._lock:
            self._records.append(record)
            self._saved_s += saved_s


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0
