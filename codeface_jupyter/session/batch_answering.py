"""How a batch is answered: contexts, then the response cache, or the engine side by side."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from codeface_jupyter.engines.base import BatchEngine, Engine
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.generation import Done, GenerationResult
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.response_cache import ResponseCache
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.session.pending_batch import PendingBatch
from codeface_jupyter.session.resources import Resources
from codeface_jupyter.session.trying import Trying, tried

__all__ = ["BatchAnswering"]

logger = logging.getLogger(__name__)

# An answer as it is tried, and the questions that it answers.
_Tried = tuple[list[PendingAnswer], Trying]


class BatchAnswering:
    """Answers many questions, each with its own end.

    Parameters
    ----------
    asks
        The questions.
    resources
        What the session's answers share.
    """

    def __init__(self, asks: Sequence[Ask], resources: Resources) -> None:
        self._asks = asks
        self._resources = resources
        self._second = resources.second

    def run(self, job: Job) -> Done:
        """Answer in a worker thread, reporting each question's end; return the batch's end.

        Raises
        ------
        Exception
            The model's failure, if it left no question with an answer.
        """
        batch = PendingBatch(self._asks, job, record=self._record)
        # An item's error keeps the frames that it came through, and those keep this object.
        self._asks = ()
        with self._resources.warnings_to(batch.job):
            try:
                with self._resources.turns.take(batch.job):
                    batch.settle(self._resources.settled_ask)
                    for questions in batch.groups():
                        with batch.failing(questions, together=True):
                            self._answer_group(batch, questions)
            except Cancelled:
                logger.debug("A batch was cancelled.")
            finally:
                done = batch.finish()
        batch.raise_if_all_failed_together()
        return done

    def _answer_group(self, batch: PendingBatch, questions: Sequence[PendingAnswer]) -> None:
        """Answer the questions of a batch that share an engine."""
        resources, settings = self._resources, questions[0].ask.settings
        engine = resources.engine_for(questions[0].ask, batch.job)
        for pending in questions:
            # A prompt that does not fit the window is its own question's failure.
            with batch.failing([pending]):
                context = resources.build_context(pending.ask, engine)
                pending.start(engine, context, identity=resources.engines.identity_of(engine))
        _preview(batch, questions)
        response_cache = resources.responses.use(settings)
        self._replay(batch, questions, engine, response_cache)
        if not batch.open(questions):
            return
        resources.make_room(settings, engine)
        resources.metrics.add_load(resources.load(engine, batch.job))
        self._generate(batch, questions, engine, response_cache)

    def _replay(
        self,
        batch: PendingBatch,
        questions: Sequence[PendingAnswer],
        engine: Engine,
        response_cache: ResponseCache,
    ) -> None:
        """Answer from ``response_cache`` what it holds."""
        for pending in batch.open(questions):
            cached = pending.look_up(response_cache)
            if cached is not None:
                with batch.failing([pending]):
                    # The notebook may be another one by now, in which the answer fails.
                    done = tried(pending, pending.replay(cached), engine, second=self._second)
                    batch.end(pending, done)

    def _generate(
        self,
        batch: PendingBatch,
        questions: Sequence[PendingAnswer],
        engine: Engine,
        response_cache: ResponseCache,
    ) -> None:
        """Answer with ``engine`` the open questions, each distinct one once.

        Side by side if the engine can; what such a run leaves open is asked one after
        another, so that one question's failure does not fail the others.
        """
        batch.begin()
        open_questions = batch.open(questions)
        if len(open_questions) > 1:
            self._side_by_side(batch, _same(open_questions), engine, response_cache)
        for same in _same(batch.open(questions)):
            batch.job.check()
            first = same[0]
            with batch.failing(same):
                done = first.generate(engine, first.job)
                done = tried(first, done, engine, second=self._second)
                self._finish(batch, same, done, response_cache)

    def _side_by_side(
        self,
        batch: PendingBatch,
        groups: Sequence[list[PendingAnswer]],
        engine: Engine,
        response_cache: ResponseCache,
    ) -> None:
        """Answer as many as the engine can answer so."""
        if not isinstance(engine, BatchEngine):
            return
        # To be tried once all are answered: until then the engine has others to answer.
        untried: list[_Tried] = []

        def on_result(index: int, text: str, done: Done) -> None:
            same = groups[index]
            same[0].take_whole(text, tokens=done.metrics.generated_tokens)
            if done.error is not None:
                for pending in same:
                    batch.end(pending, done, error=done.error)
                return
            with batch.failing(same):
                trying = Trying(same[0], same[0].ended(done), engine, second=self._second)
                if trying.is_wanted:
                    untried.append((same, trying))
                    batch.answer(same)
                else:
                    self._finish(batch, same, trying.end(), response_cache)

        requests = [same[0].request for same in groups]
        is_whole = False
        try:
            engine.generate_batch(requests, on_result=on_result, job=batch.job)
            is_whole = True
        except (CodeFaceError, RuntimeError, MemoryError) as error:
            reason = error.message if isinstance(error, CodeFaceError) else str(error)
            self._resources.warn(
                f"The requests could not be answered side by side ({reason.rstrip('.')}); "
                "the rest were asked one after another."
            )
        finally:
            self._try(batch, untried, response_cache, may_sample=is_whole)

    def _try(
        self,
        batch: PendingBatch,
        untried: Sequence[_Tried],
        response_cache: ResponseCache,
        *,
        may_sample: bool,
    ) -> None:
        """Try answers, then others for those that fail; an engine that has failed gives none."""
        doubtful: list[_Tried] = []
        for same, trying in untried:
            with batch.failing(same):
                trying.try_first()
                if may_sample and trying.needs_others:
                    doubtful.append((same, trying))
                else:
                    self._finish(batch, same, trying.end(), response_cache)
        for same, trying in doubtful:
            with batch.failing(same):
                trying.try_others()
                self._finish(batch, same, trying.end(), response_cache)

    def _finish(
        self,
        batch: PendingBatch,
        same: Sequence[PendingAnswer],
        done: Done,
        response_cache: ResponseCache,
    ) -> None:
        """Keep an answer, and give it to all that asked the same."""
        first, *copies = same
        entry = first.keep(done, response_cache)
        notebook = first.ask.live_namespace
        batch.end(first, done)
        for pending in copies:
            replayed = pending.replay(entry)
            # In the same notebook it does the same.
            if pending.ask.live_namespace is notebook:
                pending.tried = first.tried
            batch.end(pending, replayed)

    def _record(
        self, pending: PendingAnswer, result: GenerationResult, error: Exception | None
    ) -> None:
        self._resources.record(pending, result, error=error)


def _preview(batch: PendingBatch, questions: Sequence[PendingAnswer]) -> None:
    """End the questions that only settle their prompt."""
    for pending in batch.open(questions):
        if pending.ask.dry_run:
            batch.end(pending, Done(finish_reason="stop", metrics=pending.metrics))


def _same(questions: Sequence[PendingAnswer]) -> list[list[PendingAnswer]]:
    """Return ``questions`` grouped by those that one answer serves."""
    # Samples without a seed are to differ, so each of them is asked for.
    together: dict[object, list[PendingAnswer]] = {}
    for pending in questions:
        together.setdefault(pending.key if pending.is_repeatable else pending, []).append(pending)
    return list(together.values())
