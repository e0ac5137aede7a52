"""The kernel's side of the page's model picker: what there is, what is used, load and unload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.connection import Partial
from codeface_jupyter.jobs import Cancelled, Job

if TYPE_CHECKING:
    from codeface_jupyter.frontend.protocol import (
        LoadProgress,
        ModelChoices,
        ModelWanted,
        Nothing,
        OfferedModel,
    )
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.models.listing import ListedModel
    from codeface_jupyter.session.answer import Answer

__all__ = ["ModelPicker"]

POLL_S = 0.2


class ModelPicker:
    """Answers the requests of the picker, each in a thread of its own.

    Parameters
    ----------
    extension
        Owns the session and the bridge.
    """

    def __init__(self, extension: Extension) -> None:
        self._extension = extension

    def offer(self) -> None:
        """Take the page's requests from now on."""
        bridge = self._extension.bridge
        bridge.handle(protocol.GET_MODELS, self._choices, in_thread=True)
        bridge.handle(protocol.USE_MODEL, self._use, in_thread=True)
        bridge.handle(protocol.LOAD_MODEL, self._load, in_thread=True)
        bridge.handle(protocol.UNLOAD_MODEL, self._unload, in_thread=True)

    def _choices(self, _: Nothing, job: Job) -> ModelChoices:
        from codeface_jupyter.engines.auto_model import foreseen_rates
        from codeface_jupyter.engines.registry import available_engines
        from codeface_jupyter.models.listing import list_models
        from codeface_jupyter.trials.copy_support import asks_second

        extension = self._extension
        settings, engine = extension.config.settings, extension.session.engine
        auto = extension.session.model_choice(settings)
        job.check()
        models = list_models(settings, rates=lambda entry: foreseen_rates(entry, settings))
        return {
            "model": settings.model,
            "engine": settings.engine,
            "auto": auto.describe(asks_second=asks_second(settings)) if auto else "",
            "is_loaded": engine is not None and engine.is_loaded,
            "completion_problem": extension.session.completions.problem(),
            "engines": available_engines(),
            "models": [_offered(model) for model in models],
        }

    def _use(self, wanted: ModelWanted, _job: Job) -> Nothing:
        from codeface_jupyter.engines.registry import engine_options

        config = self._extension.config
        now = config.settings
        changes = {name: v for name, v in wanted.items() if v != getattr(now, name)}
        if wanted["engine"] != "auto":
            # Refused here rather than at the next question.
            engine_options(wanted["engine"], config.with_overrides(changes))
        if changes:
            config.set(**changes)
        self._publish("idle")
        return {}

    def _load(self, _: Nothing, job: Job) -> LoadProgress:
        extension = self._extension
        work = extension.session.load()
        extension.answers.add(work)
        try:
            self._publish("loading")
            _follow(work, job)
        finally:
            extension.answers.discard(work)
            self._publish("idle")
        return {"text": ""}

    def _unload(self, _: Nothing, _job: Job) -> Nothing:
        self._extension.session.unload()
        self._publish("idle")
        return {}

    def _publish(self, state: Literal["idle", "loading"]) -> None:
        session, settings = self._extension.session, self._extension.config.settings
        self._extension.bridge.publish_status(
            model=session.model_of(settings), engine=settings.engine, state=state
        )


def _follow(work: Answer, job: Job) -> None:
    """Tell how far ``work`` is until it ends, and stop it with ``job``."""
    from codeface_jupyter.view.progress_meter import ProgressMeter

    meter = ProgressMeter()
    while not work.is_finished:
        work.read(timeout_s=POLL_S)
        if job.is_cancelled:
            work.cancel()
        elif work.progress is not None:
            job.emit(Partial({"text": meter.describe(work.progress)}))
    if work.is_cancelled:
        raise Cancelled


def _offered(model: ListedModel) -> OfferedModel:
    _, facts = model.lines()
    name = model.name
    return {"name": name, "facts": facts.strip(), "is_here": model.is_here, "fits": model.fits}
