"""Metrics of a session: a record of each request, and their sums."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from codeface_jupyter.generation import FinishReason, GenerationMetrics, GenerationResult
from codeface_jupyter.outcome import Ending
from codeface_jupyter.threads import new_rlock

__all__ = ["CacheOutcome", "MetricsObserver", "RequestRecord", "SessionMetrics", "SessionSummary"]

CacheOutcome = Literal["hit", "miss", "off"]

# Of older ones only the sums are kept: a kernel may answer for weeks.
RECORDS_KEPT = 2_000
# Loading a model that is already in memory takes less and does not count as a load.
SHORTEST_LOAD_S = 0.01


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """One request: lengths and times, never the text of prompt or answer.

    Attributes
    ----------
    at
        When it ended, in seconds since the epoch.
    prompt_chars, answer_chars
        Lengths in characters.
    cell_id
        The notebook cell that asked, if known.
    response_cache
        Whether the response cache had the answer, or was not used.
    saved_s
        Seconds saved by replaying the answer.
    error
        The exception's class name when it failed, else empty.
    tried
        How its code ended on a copy of the kernel; empty if it was not tried.
    is_revised
        Whether another answer took the place of the first.
    answered_by
        The model that gave the answer, if another one had been asked first, which is ``model``.
    """

    at: float
    model: str
    engine: str
    language: str = ""
    temperature: float = 0.0
    max_new_tokens: int = 0
    finish_reason: FinishReason
    prompt_chars: int = 0
    answer_chars: int = 0
    cell_id: str | None = None
    response_cache: CacheOutcome = "off"
    saved_s: float = 0.0
    error: str = ""
    tried: Ending | Literal[""] = ""
    is_revised: bool = False
    answered_by: str = ""
    metrics: GenerationMetrics

    @property
    def is_generated(self) -> bool:
        """Whether a model generated at least a part of the answer."""
        return self.metrics.generated_tokens > 0 and not self.metrics.from_response_cache

    def as_row(self) -> dict[str, object]:
        """Return the record without nesting, as JSON values; the time in ISO 8601."""
        row = asdict(self)
        metrics = row.pop("metrics")
        at = datetime.fromtimestamp(row.pop("at"), tz=UTC).isoformat(timespec="milliseconds")
        rate = {"decode_tokens_per_s": self.metrics.decode_tokens_per_s}
        return {"at": at, **row, **metrics, **rate}


@dataclass(frozen=True, kw_only=True)
class SessionSummary:
    """A session's sums and medians; times in seconds, sizes in bytes.

    Sums of tokens and medians are over generated answers; replays from the response
    cache are left out. ``tries`` counts what was run on copies of the kernel, for
    ``tried_answers``; of these some ran, some would have done what a copy may not, and
    ``revised_answers`` took the place of a first one. Of the ``completions`` that were wanted
    while somebody typed, some were shown, and some needed no model, as they were known.
    ``read_ahead`` counts how often a prompt was read before its question was asked.
    """

    requests: int = 0
    errors: int = 0
    response_cache_hits: int = 0
    response_cache_misses: int = 0
    response_cache_saved_s: float = 0.0
    prompt_tokens: int = 0
    reused_prompt_tokens: int = 0
    generated_tokens: int = 0
    generation_s: float = 0.0
    tries: int = 0
    tries_s: float = 0.0
    tried_answers: int = 0
    ran_answers: int = 0
    refused_answers: int = 0
    revised_answers: int = 0
    load_s: float = 0.0
    median_time_to_first_token_s: float = 0.0
    median_decode_tokens_per_s: float = 0.0
    peak_memory_bytes: int = 0
    completions: int = 0
    shown_completions: int = 0
    known_completions: int = 0
    completion_s: float = 0.0
    median_completion_s: float = 0.0
    read_ahead: int = 0
    read_ahead_s: float = 0.0


class MetricsObserver(Protocol):
    """Something that is notified of every request and every load of a model."""

    def on_request(self, record: RequestRecord) -> None:
        """Handle a request that has ended."""

    def on_load(self, seconds: float) -> None:
        """Handle the seconds that a model took to load."""


@dataclass
class SessionMetrics:
    """Collects one record per request; safe to use from several threads.

    Medians are over the records that are kept, the latest 2,000; all sums are of the session.
    """

    clock: Callable[[], float] = time.time
    _records: deque[RequestRecord] = field(default_factory=deque)
    # Of records that are not kept, and of what leaves none.
    _sums: SessionSummary = field(default_factory=SessionSummary)
    _loads_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECORDS_KEPT))
    _completions_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECORDS_KEPT))
    _observers: list[MetricsObserver] = field(default_factory=list)
    _lock: AbstractContextManager[bool] = field(default_factory=new_rlock)

    @property
    def records(self) -> tuple[RequestRecord, ...]:
        """The latest requests, oldest first."""
        with self._lock:
            return tuple(self._records)

    def add_result(
        self,
        result: GenerationResult,
        *,
        error: BaseException | None = None,
        response_cache: CacheOutcome = "off",
        saved_s: float = 0.0,
        cell_id: str | None = None,
        answered_by: str = "",
    ) -> RequestRecord:
        """Count an answer, complete or not, and return its record."""
        record = RequestRecord(
            at=self.clock(),
            model=result.identity.model,
            engine=result.identity.engine,
            language=result.language,
            temperature=result.sampling.temperature,
            max_new_tokens=result.sampling.max_new_tokens,
            finish_reason=result.finish_reason,
            prompt_chars=len(result.prompt),
            answer_chars=len(result.text),
            cell_id=cell_id,
            response_cache=response_cache,
            saved_s=saved_s,
            error="" if error is None else type(error).__name__,
            tried="" if result.outcome is None else result.outcome.ending,
            is_revised=result.is_revised,
            answered_by=answered_by,
            metrics=result.metrics,
        )
        with self._lock:
            self._records.append(record)
            if len(self._records) > RECORDS_KEPT:
                self._add(_summary_of([self._records.popleft()]))
            for observer in self._observers:
                observer.on_request(record)
        if record.metrics.load_s:
            self.add_load(record.metrics.load_s)
        return record

    def add_load(self, seconds: float) -> None:
        """Count a load of a model, unless it was already in memory."""
        if seconds < SHORTEST_LOAD_S:
            return
        with self._lock:
            self._loads_s.append(seconds)
            self._add(SessionSummary(load_s=seconds))
            for observer in self._observers:
                observer.on_load(seconds)

    def add_completion(self, *, is_shown: bool, seconds: float | None) -> None:
        """Count a completion.

        Parameters
        ----------
        is_shown
            Whether there was something to show.
        seconds
            How long the model took; None if it was not asked.
        """
        with self._lock:
            self._add(
                SessionSummary(
                    completions=1,
                    shown_completions=int(is_shown),
                    known_completions=int(seconds is None),
                    completion_s=seconds or 0.0,
                )
            )
            if seconds is not None:
                self._completions_s.append(seconds)

    def add_read_ahead(self, seconds: float) -> None:
        """Count the reading of a prompt before its question was asked."""
        with self._lock:
            self._add(SessionSummary(read_ahead=1, read_ahead_s=seconds))

    def observe(self, observer: MetricsObserver) -> None:
        """Notify ``observer`` of the records that are kept and of everything from now on."""
        with self._lock:
            for record in self._records:
                observer.on_request(record)
            for seconds in self._loads_s:
                observer.on_load(seconds)
            self._observers.append(observer)

    def summary(self) -> SessionSummary:
        """Return the sums and medians so far."""
        with self._lock:
            records, sums = tuple(self._records), self._sums
            completions_s = list(self._completions_s)
        generated = [r.metrics for r in records if r.is_generated]
        return replace(
            _added(sums, _summary_of(records)),
            median_completion_s=_median(completions_s),
            median_time_to_first_token_s=_median([m.time_to_first_token_s for m in generated]),
            median_decode_tokens_per_s=_median([m.decode_tokens_per_s for m in generated]),
        )

    def reset(self) -> None:
        """Reset the counts; observers keep what they have counted."""
        with self._lock:
            self._records.clear()
            self._loads_s.clear()
            self._completions_s.clear()
            self._sums = SessionSummary()

    def _add(self, more: SessionSummary) -> None:
        self._sums = _added(self._sums, more)


def _summary_of(records: Sequence[RequestRecord]) -> SessionSummary:
    """Return the sums of records, without medians."""
    generated = [r.metrics for r in records if r.is_generated]
    return SessionSummary(
        requests=len(records),
        errors=sum(bool(r.error) for r in records),
        response_cache_hits=sum(r.response_cache == "hit" for r in records),
        response_cache_misses=sum(r.response_cache == "miss" for r in records),
        response_cache_saved_s=sum(r.saved_s for r in records),
        prompt_tokens=sum(m.prompt_tokens for m in generated),
        reused_prompt_tokens=sum(m.reused_prompt_tokens for m in generated),
        generated_tokens=sum(m.generated_tokens for m in generated),
        generation_s=sum(m.total_s for m in generated),
        tries=sum(r.metrics.tries for r in records),
        tries_s=sum(r.metrics.tries_s for r in records),
        tried_answers=sum(bool(r.tried) for r in records),
        ran_answers=sum(r.tried == "ran" for r in records),
        refused_answers=sum(r.tried == "refused" for r in records),
        revised_answers=sum(r.is_revised for r in records),
        peak_memory_bytes=max((m.peak_memory_bytes for m in generated), default=0),
    )


def _added(one: SessionSummary, other: SessionSummary) -> SessionSummary:
    """Return the sums of both; medians, which have none, are to be told anew."""
    names = [part.name for part in fields(SessionSummary)]
    sums = {name: getattr(one, name) + getattr(other, name) for name in names}
    sums["peak_memory_bytes"] = max(one.peak_memory_bytes, other.peak_memory_bytes)
    return SessionSummary(**sums)


def _median(values: list[float]) -> float:
    # An answer that broke off has no such value.
    positive = [value for value in values if value > 0]
    return statistics.median(positive) if positive else 0.0
