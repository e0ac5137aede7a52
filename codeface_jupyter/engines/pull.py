"""A model made ready before anybody asks it: fetched, and in the form that its engine reads."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Converts
from codeface_jupyter.engines.registry import EngineChoice, create_engine, engine_choice
from codeface_jupyter.errors import ConfigError, EngineUnavailableError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import ModelStorage, writing_into

__all__ = ["Pulled", "pull_model"]


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A model that has been fetched.

    Attributes
    ----------
    files
        Where it is.
    engine
        The engine that it is ready for; empty if there is none.
    problem
        Why there is none; empty if there is one.
    """

    files: LocalModel
    engine: str = ""
    problem: str = ""


def pull_model(request: ModelRequest, *, settings: Settings, job: Job) -> Pulled:
    """Fetch a model, and make what the engine that is chosen for it reads, so that it only loads.

    Safe to repeat, also after a run that was killed: what is complete is kept, and what is not
    is removed.

    Parameters
    ----------
    request
        The model.
    settings
        Those that choose the engine; the model they name does not matter.
    job
        Reports progress and may stop the work.

    Raises
    ------
    ModelNotFoundError
        If there is no such model anywhere.
    FetchError
        If its files cannot be fetched, or the disk cannot hold what is made of them, or the cache
        folder is not this user's to look into.
    ModelFilesError
        If its files are broken, or of a kind that the engine cannot run.
    Cancelled
        If ``job`` was stopped.
    """
    # Also where nothing is left to be done.
    with writing_into(request.cache_dir):
        ModelStorage.of(request).clean_up()
    about_model = {
        "model": request.model,
        "cache_dir": request.cache_dir,
        "revision": request.revision,
        # It was asked for.
        "auto_pull": True,
    }
    wanted = settings.model_copy(update=about_model).permitting(request.permissions)
    try:
        choice = _choice(wanted, request, job)
        if not choice.can_serve:
            return Pulled(files=find_or_fetch(request, job, may_fetch=True), problem=choice.reason)
        engine: object = create_engine(wanted, choice)
    except (EngineUnavailableError, ConfigError) as error:
        files = find_or_fetch(request, job, may_fetch=True)
        return Pulled(files=files, problem=error.message.removesuffix("."))
    # What is fetched depends on the engine: one that reads GGUF has no use for safetensors.
    if isinstance(engine, Converts):
        return Pulled(files=engine.convert(job), engine=choice.name)
    return Pulled(files=find_or_fetch(request, job, may_fetch=True), engine=choice.name)


def _choice(wanted: Settings, request: ModelRequest, job: Job) -> EngineChoice:
    """Return which engine is to load a model, which is fetched first where that depends on it."""
    choice = engine_choice(wanted)
    if choice.is_certain:
        return choice
    find_or_fetch(request, job, may_fetch=True)
    return engine_choice(wanted)
