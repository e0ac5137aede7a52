"""Many questions at once: each has a result of its own, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from codeface_jupyter.engines.base import BatchEngine, Engine
from codeface_jupyter.engines.current_engine import engine_key
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.generation import (
    Chunk,
    Done,
    FinishReason,
    GenerationMetrics,
    GenerationResult,
    Started,
)
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress
from codeface_jupyter.response_cache import ResponseCache
from codeface_jupyter.session.answer import Answer, Ask
from codeface_jupyter.session.pending_answer import Draft

__all__ = ["Batch", "BatchAnswer", "BatchItem"]

STAGE = "Answering"

RecordItem = Callable[[Draft, GenerationResult, Exception | None], None]
Warn = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BatchItem:
    """What became of one question of a batch.

    Attributes
    ----------
    request
        The user's words.
    result
        The answer as far as it came: whole, cut off by ``cancelled``, or up to where an
        ``error`` ended it, possibly without any text.
    error
        What it failed with; None if it did not fail.
    """

    request: str
    result: GenerationResult
    error: Exception | None = None

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.result.text

    @property
    def code(self) -> str:
        """The code in the answer."""
        return self.result.code

    @property
    def finish_reason(self) -> FinishReason:
        """Why the answer ended."""
        return self.result.finish_reason

    def __repr__(self) -> str:
        failure = f", {type(self.error).__name__}" if self.error else ""
        return f"<BatchItem {self.request[:40]!r}: {self.finish_reason}{failure}>"


class BatchAnswer(Answer):
    """A batch on its way: its progress is the number of questions that have been answered.

    Parameters
    ----------
    asks
        The questions.
    work
        Answers them in the worker thread.

    Attributes
    ----------
    items
        What became of each question, in their order; empty until the end.
    """

    def __init__(
        self,
        asks: Sequence[Ask],
        work: Callable[[BatchAnswer, Job], Done],
    ) -> None:
        self.asks = tuple(asks)
        self.items: list[BatchItem] = []
        super().__init__(lambda _, job: work(self, job))

    @property
    def is_generating(self) -> bool:
        """Whether questions are being answered."""
        return self.progress is not None and self.progress.unit == "answers"


class Batch:
    """The questions of a batch as their worker answers them.

    Parameters
    ----------
    asks
        The questions.
    job
        Told the progress; stopped, it ends what is not finished.
    record
        Enters a result in the books.
    warn
        Takes one sentence for the user.
    """

    def __init__(
        self,
        asks: Sequence[Ask],
        *,
        job: Job,
        record: RecordItem,
        warn: Warn,
    ) -> None:
        self.job = job.telling(self._take)
        self._listener = job
        self._record = record
        self._warn = warn
        self._drafts = [Draft(ask, self.job) for ask in asks]
        self._items: dict[Draft, BatchItem] = {}
        self._is_answering = False
        self._has_started = False
        self._model_error: Exception | None = None

    def groups(self) -> list[list[Draft]]:
        """Return the questions by the engine that is to answer them."""
        groups: dict[tuple[object, ...], list[Draft]] = {}
        for draft in self._drafts:
            groups.setdefault(engine_key(draft.ask.settings), []).append(draft)
        return list(groups.values())

    def open(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Return those of ``drafts`` that have no result yet."""
        return [draft for draft in drafts if draft not in self._items]

    def _take(self, event: Event) -> None:
        """Pass on what concerns the whole batch."""
        if isinstance(event, Progress) and not self._is_answering:
            self._listener.emit(event)
        if isinstance(event, Started) and not self._has_started:
            self._has_started = True
            self._listener.emit(event)

    @contextmanager
    def failing(self, drafts: Sequence[Draft], *, together: bool = False) -> Iterator[None]:
        """Take what is raised for the failure of those ``drafts`` that have no result.

        Parameters
        ----------
        together
            Whether it is the model's failure rather than the questions' own.
        """
        try:
            yield
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - the thread boundary of each question: its reader finds it in the item
            if together and self.open(drafts):
                self._model_error = error
            for draft in self.open(drafts):
                self._end(draft, Done(finish_reason="error", metrics=draft.metrics), error=error)

    def preview(self, drafts: Sequence[Draft]) -> None:
        """End the questions that only settle their prompt."""
        for draft in self.open(drafts):
            if draft.ask.dry_run:
                self._end(draft, Done(finish_reason="stop", metrics=draft.metrics))

    def replay(self, drafts: Sequence[Draft], response_cache: ResponseCache) -> None:
        """Answer from ``response_cache`` what it holds."""
        for draft in self.open(drafts):
            cached = response_cache.get(draft.key) if draft.may_replay else None
            draft.cache_outcome = "miss" if draft.may_replay else "off"
            if cached is not None:
                self._end(draft, draft.replay(cached))

    def generate(
        self, engine: Engine, drafts: Sequence[Draft], response_cache: ResponseCache
    ) -> None:
        """Answer with ``engine`` what is open, the same question once.

        Side by side if the engine can; what such a run leaves open is asked one after
        another, so that one question's failure is not the others'.
        """
        self._is_answering = True
        self._report()
        open_drafts = self.open(drafts)
        if isinstance(engine, BatchEngine) and len(open_drafts) > 1:
            self._side_by_side(engine, _same(open_drafts), response_cache)
        for same in _same(self.open(drafts)):
            self.job.check()
            done: Done | None = None
            with self.failing(same):
                done = engine.generate(same[0].request, same[0].job)
            if done is not None:
                self._finish(same, done, response_cache)

    def finish(self) -> list[BatchItem]:
        """Return what became of each question; those without a result were cancelled."""
        for draft in self.open(self._drafts):
            self._end(draft, Done(finish_reason="cancelled", metrics=draft.metrics))
        return [self._items[draft] for draft in self._drafts]

    def raise_if_all_failed_together(self) -> None:
        """Raise the model's failure if no question has had an answer for it."""
        if self._model_error is not None and all(i.error for i in self._items.values()):
            raise self._model_error

    def done(self) -> Done:
        """Return the end of the batch, with the sums of its tokens."""
        results = [item.result for item in self._items.values()]
        was_cut = any(result.finish_reason == "cancelled" for result in results)
        generated = [r.metrics for r in results if not r.metrics.from_response_cache]
        metrics = GenerationMetrics(
            prompt_tokens=sum(m.prompt_tokens for m in generated),
            generated_tokens=sum(m.generated_tokens for m in generated),
        )
        return Done(finish_reason="cancelled" if was_cut else "stop", metrics=metrics)

    def _side_by_side(
        self, engine: BatchEngine, groups: Sequence[list[Draft]], response_cache: ResponseCache
    ) -> None:
        def on_result(index: int, text: str, done: Done) -> None:
            same = groups[index]
            same[0].job.emit(Chunk(text, done.metrics.generated_tokens))
            if done.error is None:
                self._finish(same, done, response_cache)
                return
            for draft in same:
                self._end(draft, done, error=done.error)

        try:
            engine.generate_batch(
                [same[0].request for same in groups],
                on_result=on_result,
                job=self.job,
            )
        except (CodeFaceError, RuntimeError, MemoryError) as error:
            reason = error.message if isinstance(error, CodeFaceError) else str(error)
            self._warn(
                f"The requests could not be answered side by side ({reason.rstrip('.')}); "
                "the rest was asked one after another."
            )

    def _finish(self, same: Sequence[Draft], done: Done, response_cache: ResponseCache) -> None:
        """Keep an answer, and give it to all that asked the same."""
        first, *copies = same
        for warning in done.warnings:
            self._warn(warning)
        kept = first.to_cache(done)
        if first.may_keep and done.finish_reason in {"stop", "length"}:
            response_cache.put(first.key, kept)
        self._end(first, done)
        for draft in copies:
            replayed = draft.replay(kept)
            draft.cache_outcome = "hit" if draft.may_replay else "off"
            self._end(draft, replayed)

    def _end(self, draft: Draft, done: Done, *, error: Exception | None = None) -> None:
        result = draft.result(done.finish_reason, done.metrics)
        request = draft.ask.sources.request
        self._items[draft] = BatchItem(request=request, result=result, error=error)
        self._record(draft, result, error)
        self._report()

    def _report(self) -> None:
        if self._is_answering:
            self._listener.emit(
                Progress(STAGE, len(self._items), len(self._drafts), unit="answers")
            )


def _same(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Return ``drafts`` with those together that one answer serves."""
    together: dict[object, list[Draft]] = {}
    for draft in drafts:
        together.setdefault(draft.key if draft.is_repeatable else draft, []).append(draft)
    return list(together.values())
