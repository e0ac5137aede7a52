"""How one question is answered: its context, then the response cache or the engine."""

from __future__ import annotations

from dataclasses import replace

from codeface_jupyter.engines.base import Engine
from codeface_jupyter.generation import BrokenOff, Done, GenerationResult
from codeface_jupyter.jobs import Cancelled, Job, Step
from codeface_jupyter.models.speed import OtherWork
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.conversation import Exchange, count_own_cells
from codeface_jupyter.session.exact_edit import edited_exactly
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.session.repair import Repair, may_be_repaired
from codeface_jupyter.session.resources import Resources
from codeface_jupyter.session.trying import tried
from codeface_jupyter.session.turns import Ahead

__all__ = ["Answering"]


class Answering:
    """Answers one question.

    Parameters
    ----------
    ask
        The question.
    resources
        What the session's answers share.
    """

    def __init__(self, ask: Ask, resources: Resources) -> None:
        self._ask = ask
        self._resources = resources
        self._is_undisturbed = False
        self._was_read_ahead = False

    def run(self, job: Job) -> Done:
        """Answer in a worker thread; return the end, with the result.

        Raises
        ------
        BaseException
            What went wrong, after a `BrokenOff` event with the result so far.
        """
        pending = PendingAnswer(self._ask, job)
        try:
            with self._resources.warnings_to(pending.job):
                return self._run(pending)
        finally:
            # It and its job hold each other: what the user deletes is not to wait for a collection.
            pending.release()

    def _run(self, pending: PendingAnswer) -> Done:
        try:
            needs, task = _needs(self._ask), self._ask.sources.task
            with self._resources.turns.take(pending.job, needs=needs, task=task):
                done = self._answer(pending)
        except Cancelled:
            done = Done(finish_reason="cancelled", metrics=pending.metrics)
        except BaseException as error:
            broken = Done(finish_reason="error", metrics=pending.metrics)
            result = self._enter(pending, broken, error=error)
            pending.job.emit(BrokenOff(result))
            raise
        return replace(done, result=self._enter(pending, done))

    def _answer(self, pending: PendingAnswer) -> Done:
        resources = self._resources
        asked = pending.ask
        ask = pending.ask = resources.settled_ask(asked, pending.job)
        engine = resources.engine_for(ask, pending.job)
        context = resources.build_context(ask, engine)
        pending.start(engine, context, identity=resources.engines.identity_of(engine))
        if ask.dry_run:
            return Done(finish_reason="stop", metrics=pending.metrics)
        repair = Repair(pending)
        repaired = edited_exactly(pending) or repair.without_model()
        if repaired is not None:
            return repaired
        if may_be_repaired(ask):
            resources.auto.tell(asked.settings, pending.job)
        response_cache = resources.responses.use(ask.settings)
        cached = pending.look_up(response_cache)
        if cached is not None:
            # The notebook may be another one by now, in which the answer fails.
            return self._tried(pending, pending.replay(cached), engine)
        resources.make_room(ask.settings, engine)
        if repair.needs_name:
            repaired = self._repaired(repair, engine, pending.job)
        if repaired is not None:
            return repaired
        done = self._tried(pending, self._generate(pending, engine), engine)
        pending.keep(done, response_cache)
        return done

    def _repaired(self, repair: Repair, engine: Engine, job: Job) -> Done | None:
        load_s = self._resources.load(engine, job)
        done = repair.with_names(engine)
        return done and replace(done, metrics=replace(done.metrics, load_s=load_s))

    def _generate(self, pending: PendingAnswer, engine: Engine) -> Done:
        load_s = self._resources.load(engine, pending.job)
        job = pending.job.in_step(Step.READ_PROMPT)
        job.progress("Reading the prompt")
        others = OtherWork()
        done = pending.generate(engine, job)
        self._is_undisturbed = others.share() == 0
        self._was_read_ahead = self._resources.take_read_ahead(pending.prompt)
        return replace(done, metrics=replace(done.metrics, load_s=load_s))

    def _tried(self, pending: PendingAnswer, done: Done, engine: Engine) -> Done:
        return tried(pending, done, engine, second=self._resources.second)

    def _enter(
        self, pending: PendingAnswer, done: Done, *, error: BaseException | None = None
    ) -> GenerationResult:
        """Record an answer that has ended."""
        result = self._resources.with_better_model(pending.result(done), pending.ask)
        own = pending.recorded(result, done)
        if error is None and result.answer.strip():
            exchange = Exchange(
                request=pending.ask.sources.request,
                answer=result.answer,
                cell_id=pending.ask.cell_id,
                code=result.code,
                cells_above=count_own_cells(pending.ask.sources.cells),
                is_local=result.is_local,
            )
            self._resources.conversation.add(exchange)
            # A busy moment says little of the machine, and would count for weeks; so would the
            # figures of a text in two parts.
            if self._is_undisturbed and not pending.is_continued:
                self._resources.learn_speed(
                    own, settings=pending.ask.settings, was_read_ahead=self._was_read_ahead
                )
        self._resources.record(pending, own, error=error)
        return result


def _needs(ask: Ask) -> Ahead:
    """Return what of a question can have been done before it was asked."""
    if ask.dry_run:
        return Ahead.NOTHING
    return Ahead.PROMPT if ask.context is None and ask.after is None else Ahead.LOAD
