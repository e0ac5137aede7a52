"""A question asked once more, of another model."""

from __future__ import annotations

import logging

from codeface_jupyter.engines.base import Engine
from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.jobs import Cancelled, Event, Progress
from codeface_jupyter.session.answer_state import AnswerState
from codeface_jupyter.session.pending_answer import PendingAnswer

__all__ = ["second_answer"]

logger = logging.getLogger(__name__)


def second_answer(pending: PendingAnswer, engine: Engine) -> GenerationResult | None:
    """Return what another model says to a question; None if it does not come to its end.

    Parameters
    ----------
    pending
        The question, which has been answered.
    engine
        The other model, in memory. Only its progress is told.

    Raises
    ------
    Cancelled
        If the answer is stopped meanwhile.
    """
    state = AnswerState()

    def tell(event: Event) -> None:
        state.take(event)
        if isinstance(event, Progress):
            pending.job.emit(event)

    pending.job.progress(f"Asking {engine.identity.model}")
    try:
        done = engine.generate(pending.request, pending.job.telling(tell))
    except Cancelled:
        raise
    except Exception:
        # Whatever an engine raises: the first answer is there.
        logger.debug("%s could not be asked.", engine.identity.model, exc_info=True)
        return None
    pending.job.check()
    if done.finish_reason != "stop":
        return None
    return pending.checked_result(
        state.text, done, sampling=pending.sampling, identity=engine.identity
    )
