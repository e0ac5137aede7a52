"""The questions of a batch as their worker answers them, and their results so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from codeface_jupyter.engines.current_engine import EngineKey, engine_key
from codeface_jupyter.generation import Done, GenerationMetrics, GenerationResult, Warned
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress
from codeface_jupyter.models.memory_usage import forget_frames
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.events import BatchItem, ItemDone, ItemEvent
from codeface_jupyter.session.pending_answer import PendingAnswer

__all__ = ["PendingBatch"]

ANSWERING = "Answering"
TRYING = "Trying the answers on a copy of the kernel"

RecordItem = Callable[[PendingAnswer, GenerationResult, Exception | None], None]


class PendingBatch:
    """The questions of a batch as their worker answers them.

    Parameters
    ----------
    asks
        The questions.
    job
        Gets progress and every question's events; when stopped, unfinished questions end.
    record
        Records a result.

    Attributes
    ----------
    job
        What engines are given for the questions together; each has a job of its own.
    """

    def __init__(self, asks: Sequence[Ask], job: Job, *, record: RecordItem) -> None:
        self.job = job.telling(self._take)
        self._listener = job
        self._record = record
        self._indices = {
            PendingAnswer(ask, self._item_job(index)): index for index, ask in enumerate(asks)
        }
        self._items: dict[PendingAnswer, BatchItem] = {}
        self._is_answering = False
        self._answered: set[PendingAnswer] = set()
        self._model_error: Exception | None = None

    def settle(self, settled: Callable[[Ask, Job], Ask]) -> None:
        """Settle which model each question is for."""
        for pending in self._indices:
            pending.ask = settled(pending.ask, pending.job)

    def groups(self) -> list[list[PendingAnswer]]:
        """Return the questions by the engine that is to answer them."""
        groups: dict[EngineKey, list[PendingAnswer]] = {}
        for pending in self._indices:
            groups.setdefault(engine_key(pending.ask.settings), []).append(pending)
        return list(groups.values())

    def open(self, questions: Sequence[PendingAnswer]) -> list[PendingAnswer]:
        """Return those of ``questions`` that have no result yet."""
        return [pending for pending in questions if pending not in self._items]

    def begin(self) -> None:
        """Report from now on how many questions have been answered, not an engine's progress."""
        self._is_answering = True
        self._report()

    def answer(self, questions: Sequence[PendingAnswer]) -> None:
        """Take that questions have been answered, and will end once the answers are tried."""
        self._answered.update(questions)
        self._report()

    def end(self, pending: PendingAnswer, done: Done, *, error: Exception | None = None) -> None:
        """Take the end of a question: record and report it."""
        result = pending.result(done)
        request = pending.ask.sources.request
        item = self._items[pending] = BatchItem(request=request, result=result, error=error)
        # Items outlive the batch, and must not keep the user's objects alive.
        pending.release()
        self._record(pending, pending.recorded(result, done), error)
        pending.job.emit(replace(done, error=error, result=result))
        self._listener.emit(ItemDone(self._indices[pending], item))
        self._report()

    @contextmanager
    def failing(
        self, questions: Sequence[PendingAnswer], *, together: bool = False
    ) -> Iterator[None]:
        """Take an exception as the failure of those ``questions`` that have no result.

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
            # Items are kept; the objects in the frames of a failure are not.
            forget_frames(error)
            if together and self.open(questions):
                self._model_error = error
            for pending in self.open(questions):
                self.end(pending, Done(finish_reason="error", metrics=pending.metrics), error=error)

    def finish(self) -> Done:
        """End what has no result as cancelled; return the end of the batch and its tokens' sums."""
        for pending in self.open(list(self._indices)):
            self.end(pending, Done(finish_reason="cancelled", metrics=pending.metrics))
        results = [item.result for item in self._items.values()]
        was_cut = any(result.finish_reason == "cancelled" for result in results)
        generated = [r.metrics for r in results if not r.metrics.from_response_cache]
        metrics = GenerationMetrics(
            prompt_tokens=sum(m.prompt_tokens for m in generated),
            generated_tokens=sum(m.generated_tokens for m in generated),
        )
        return Done(finish_reason="cancelled" if was_cut else "stop", metrics=metrics)

    def raise_if_all_failed_together(self) -> None:
        """Raise the model's failure if it left no question with an answer."""
        if self._model_error is not None and all(i.error for i in self._items.values()):
            raise self._model_error

    def _item_job(self, index: int) -> Job:
        return self._listener.telling(lambda event: self._listener.emit(ItemEvent(index, event)))

    def _take(self, event: Event) -> None:
        """Pass on what concerns the whole batch."""
        if isinstance(event, Warned) or (isinstance(event, Progress) and not self._is_answering):
            self._listener.emit(event)

    def _report(self) -> None:
        if not self._is_answering:
            return
        answered, total = len(self._answered | self._items.keys()), len(self._indices)
        is_trying = bool(self._answered) and answered == total
        stage, count = (TRYING, len(self._items)) if is_trying else (ANSWERING, answered)
        self._listener.emit(Progress(stage, count, total, unit="answers"))
