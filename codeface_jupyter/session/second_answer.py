"""A question asked once more, of a better model."""

from __future__ import annotations

import logging
from dataclasses import replace

from codeface_jupyter.config import Settings
from codeface_jupyter.generation import Chunk, GenerationResult
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress
from codeface_jupyter.models.speed import OtherWork
from codeface_jupyter.models.speed_records import SpeedRecords
from codeface_jupyter.session.answer_state import AnswerState
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.session.second_model import SecondModel

__all__ = ["PATIENCE_S", "second_answer"]

logger = logging.getLogger(__name__)

# For answers that nobody has asked for. The model was chosen since a third was expected to do.
PATIENCE_S = 60.0


def second_answer(
    pending: PendingAnswer, second: SecondModel, settings: Settings, *, max_new_tokens: int
) -> GenerationResult | None:
    """Return what a better model says to a question; None if it does not come to an end.

    Parameters
    ----------
    pending
        The question, which has been answered. Its listener is told of progress alone.
    second, settings
        The model.
    max_new_tokens
        How long the answer may be, in tokens.

    Raises
    ------
    Cancelled
        If the answer is stopped meanwhile.
    """
    engine = second.take(settings, pending.job)
    if engine is None:
        return None
    sampling = replace(pending.sampling, max_new_tokens=max_new_tokens)
    listening = _Listening(pending.job, model=settings.model)
    others = OtherWork()
    try:
        request = replace(pending.request, sampling=sampling)
        done = engine.generate(request, listening.job)
    except Cancelled:
        # The user's stop, or the end of patience.
        pending.job.check()
        return None
    except Exception:
        # Whatever an engine raises: the first answer is there.
        logger.debug("%s could not be asked.", settings.model, exc_info=True)
        return None
    pending.job.check()
    if done.finish_reason != "stop":
        return None
    identity = second.identity_of(engine)
    if others.share() == 0:
        SpeedRecords(settings.cache_dir).add(identity, done.metrics)
    text = f"{request.prompt.answer_begin}{listening.text}"
    return pending.checked_result(text, done, sampling=sampling, identity=identity)


class _Listening:
    """Takes an answer's text, and tells how it is coming along."""

    def __init__(self, listener: Job, *, model: str) -> None:
        self.job = Job(self._take, whole=listener, within_s=PATIENCE_S)
        self._listener = listener
        self._model = model
        self._state = AnswerState()
        listener.progress(f"Asking {model}")

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._state.text

    def _take(self, event: Event) -> None:
        is_first_token = isinstance(event, Chunk) and not self._state.is_generating
        self._state.take(event)
        if is_first_token:
            self._listener.emit(Progress(f"{self._model} answers"))
        elif isinstance(event, Progress):
            self._listener.emit(event)
