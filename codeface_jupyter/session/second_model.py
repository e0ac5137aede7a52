"""The larger model that is asked where an answer fails on the copy; loaded when first needed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from codeface_jupyter.config import AUTO_MODEL, NO_MODEL, Settings
from codeface_jupyter.engines.auto_model import with_model
from codeface_jupyter.engines.base import Engine, HoldsMemory
from codeface_jupyter.engines.current_engine import CurrentEngine, EngineKey, engine_key
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.jobs import Cancelled, Job, Step

__all__ = ["SecondModel", "second_name"]

logger = logging.getLogger(__name__)


class SecondModel:
    """Holds the model that gets a second try, beside the one that answers.

    Only an answer that has its turn asks for it, so that nothing else uses it meanwhile.

    Parameters
    ----------
    warn
        Tells the user that the model does not come.
    given
        An engine to use whatever the settings say.
    """

    def __init__(self, *, warn: Callable[[str], None], given: Engine | None = None) -> None:
        self._warn = warn
        self._engines = CurrentEngine(given)
        self._failed: EngineKey | None = None

    def take(self, settings: Settings, job: Job) -> Engine | None:
        """Return the model that ``settings`` name, in memory; None if none is wanted or comes.

        Nothing is fetched. A model that could not be loaded is not tried again before `unload`.
        """
        name = second_name(settings)
        if not name:
            return None
        wanted = with_model(settings, name).model_copy(update={"auto_pull": False})
        key = engine_key(wanted)
        if key == self._failed:
            return None
        try:
            return self._loaded(wanted, job)
        except Cancelled:
            raise
        except Exception as error:
            # Whatever an engine raises: the first answer is there.
            logger.debug("%s could not be loaded.", name, exc_info=True)
            self._failed = key
            self._engines.unload()
            self._warn(f"{name} is not asked where an answer fails: {error}")
            return None

    def _loaded(self, wanted: Settings, job: Job) -> Engine:
        engine = self._engines.take(wanted, job)
        if not engine.is_local:
            raise ConfigError(
                "It is not on this machine.",
                hint="second_model names a model that runs here, or none.",
            )
        engine.prepare(job)
        engine.load(job.in_step(Step.LOAD))
        return engine

    def held_bytes(self) -> dict[str, int]:
        """Return what the model holds, in bytes, if it is in memory."""
        engine = self._engines.engine
        held = sum(engine.held_bytes().values()) if isinstance(engine, HoldsMemory) else 0
        return {"second model": held} if held else {}

    def shrink(self) -> int:
        """Drop the model, which is needed now and then; return its bytes."""
        held = sum(self.held_bytes().values())
        if held:
            self._engines.unload()
        return held

    def unload(self) -> None:
        """Free the model's memory; the next answer that fails loads it again."""
        self._failed = None
        self._engines.unload()

    def keep_for(self, settings: Settings) -> None:
        """Free the memory if ``settings`` want no such model."""
        if not second_name(settings):
            self.unload()


def second_name(settings: Settings) -> str:
    """Return the name of the model that gets a second try; empty if none does.

    A model that was named answers alone: ``auto`` has been settled by then where it is a model.
    """
    name = settings.second_model
    return "" if name in {AUTO_MODEL, NO_MODEL, settings.model} else name
