"""The better model that is asked where an answer fails on the copy; loaded when first needed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.auto_model import leaves_room
from codeface_jupyter.engines.base import Engine, HoldsMemory
from codeface_jupyter.engines.current_engine import CurrentEngine, EngineKey, engine_key
from codeface_jupyter.generation import EngineIdentity
from codeface_jupyter.jobs import Cancelled, Job, Step

__all__ = ["SecondModel"]

logger = logging.getLogger(__name__)


class SecondModel:
    """Holds the model that is asked second, beside the one that answers.

    Only an answer that has its turn asks for it, so that nothing else uses it meanwhile.

    Parameters
    ----------
    warn
        Tells the user that the model does not come.
    """

    def __init__(self, *, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._engines = CurrentEngine()
        self._failed: EngineKey | None = None

    def take(self, settings: Settings, job: Job) -> Engine | None:
        """Return the model that ``settings`` name, in memory; None if it does not come.

        What the user has made since it was chosen may have left too little room, and may go
        again. A model that fails to load is not tried again before `unload`.
        """
        key = engine_key(settings)
        if key == self._failed:
            return None
        try:
            return self._loaded(settings, job)
        except Cancelled:
            raise
        except Exception as error:
            # Whatever an engine raises: the first answer is there.
            logger.debug("%s could not be loaded.", settings.model, exc_info=True)
            self._failed = key
            self._engines.unload()
            self._warn(f"{settings.model} is not asked where an answer fails: {error}")
            return None

    def _loaded(self, settings: Settings, job: Job) -> Engine | None:
        engine = self._engines.take(settings, job)
        is_there = engine.is_loaded or leaves_room(settings.model, settings)
        # A question that was meant for this machine stays on it.
        if not engine.is_local or not is_there:
            return None
        engine.prepare(job)
        engine.load(job.in_step(Step.LOAD))
        return engine

    def identity_of(self, engine: Engine) -> EngineIdentity:
        """Return what decides an answer of the engine that `take` gave."""
        return self._engines.identity_of(engine)

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
