"""Which model completes code as one types: the one that answers, or a smaller one beside it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from codeface_jupyter.config import AUTO_MODEL, Settings
from codeface_jupyter.engines.base import Engine, HoldsMemory, InfillEngine
from codeface_jupyter.engines.current_engine import CurrentEngine, EngineKey, engine_key
from codeface_jupyter.engines.model_beside import settings_beside
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.quiet_dependencies import quiet_dependencies
from codeface_jupyter.threads import new_lock

__all__ = ["CompletionEngine", "completes"]

logger = logging.getLogger(__name__)

# After so many seconds what was set or fetched meanwhile is seen; what failed is tried again.
LOOK_INTERVAL_S, RETRY_INTERVAL_S = 5.0, 120.0


class CompletionEngine:
    """Chooses the engine for completions, and loads a smaller model beside the one that answers.

    It is loaded once the model that answers is in memory, which completes until then, and stays
    as long. It is never fetched.

    Parameters
    ----------
    answering
        The engine in use for answers.
    warn
        Tells the user that the model they named does not come.
    """

    def __init__(self, answering: CurrentEngine, *, warn: Callable[[str], None]) -> None:
        self._answering = answering
        self._warn = warn
        self._beside = CurrentEngine()
        self._wanted: EngineKey | None = None
        self._look_again = self._retry = 0.0
        self._failed: EngineKey | None = None
        self._is_closed = self._is_put_away = self._is_loading = False
        self._told: set[str] = set()
        # The model, and why it was given up.
        self._problem = "", ""
        self._loading = Job()
        self._lock = new_lock()

    @property
    def engine(self) -> Engine | None:
        """The engine that completes now, if it can; None while none is loaded."""
        answering, beside = self._answering.engine, self._beside.engine
        if answering is None or not answering.is_loaded:
            return None
        return beside if beside is not None and completes(beside) else answering

    def problem_of(self, settings: Settings) -> str:
        """Return why the model that ``settings`` name was given up; empty if it was not."""
        model, reason = self._problem
        return reason if model == settings.completion_model else ""

    def look_for(self, settings: Settings) -> None:
        """Begin to load what ``settings`` ask for, and drop what they ask for no more."""
        answering = self._answering.engine
        if answering is None or not answering.is_loaded or self._answering.is_given:
            return
        with self._lock:
            is_unwanted = self._is_closed or self._is_put_away
            if is_unwanted or time.monotonic() < self._look_again:
                return
            self._look_again = time.monotonic() + LOOK_INTERVAL_S
            wanted = settings_beside(settings, answering)
            key = None if wanted is None else engine_key(wanted)
            is_same = key == self._wanted
            if (is_same and not self._is_lost) or self._has_just_failed(key):
                return
            if is_same:
                # What ends again soon after is not loaded once more.
                self._failed, self._retry = key, time.monotonic() + RETRY_INTERVAL_S
            self._drop()
            self._wanted = key
            if wanted is not None:
                self._begin_to_load(wanted)

    def _has_just_failed(self, key: EngineKey | None) -> bool:
        return key is not None and key == self._failed and time.monotonic() < self._retry

    @property
    def _is_lost(self) -> bool:
        """Whether a model that was loaded has ended by itself, as a process may."""
        beside = self._beside.engine
        is_there = self._is_loading or (beside is not None and beside.is_loaded)
        return self._wanted is not None and not is_there

    def unload(self) -> None:
        """Free the memory of the model beside the one that answers, until `allow` is called."""
        with self._lock:
            self._drop()
            self._is_put_away = True

    def allow(self) -> None:
        """Let a model be loaded beside the one that answers, which is loaded now."""
        self._is_put_away = False
        self._look_again = 0.0

    def close(self) -> None:
        """Free the memory for good."""
        with self._lock:
            self._is_closed = True
            self._drop()

    def held_bytes(self) -> dict[str, int]:
        """Return what the model beside the one that answers holds, in bytes, if there is one."""
        beside = self._beside.engine
        held = sum(beside.held_bytes().values()) if isinstance(beside, HoldsMemory) else 0
        return {"completions": held} if held else {}

    def shrink(self) -> int:
        """Drop what its next completion can do without; return its bytes."""
        beside = self._beside.engine
        return beside.shrink() if isinstance(beside, HoldsMemory) else 0

    def _drop(self) -> None:
        self._loading.cancel()
        self._is_loading = False
        self._wanted = None
        self._beside.unload()
        # An engine that is loading frees its memory itself, as soon as it hears of it.
        self._beside = CurrentEngine()

    def _begin_to_load(self, wanted: Settings) -> None:
        self._loading, self._is_loading = Job(), True
        self._problem = "", ""
        arguments = (wanted, self._beside, self._loading)
        threading.Thread(
            target=self._load, args=arguments, name="codeface-completions", daemon=True
        ).start()

    def _load(self, wanted: Settings, beside: CurrentEngine, job: Job) -> None:
        try:
            with quiet_dependencies():
                engine = beside.take(wanted, job)
                engine.prepare(job)
                engine.load(job)
            if not completes(engine):
                self._give_up(wanted, job, "it was not made to fill gaps in code.")
        except Cancelled:
            logger.debug("%s is not wanted any more.", wanted.model)
        except Exception as error:
            # The thread boundary: the other model goes on.
            logger.debug("%s could not be loaded.", wanted.model, exc_info=True)
            self._give_up(wanted, job, str(error))
        if job.is_cancelled:
            beside.unload()
        elif job is self._loading:
            self._is_loading = False

    def _give_up(self, wanted: Settings, job: Job, reason: str) -> None:
        """Drop a model that does not complete; try again later, since it may have come by then."""
        with self._lock:
            if job.is_cancelled:
                return
            self._failed, self._retry = self._wanted, time.monotonic() + RETRY_INTERVAL_S
            self._problem = wanted.completion_model, f"{wanted.model}: {reason}"
            self._drop()
        # The user has not asked for one that was found, and hears of one that was named once.
        if wanted.completion_model != AUTO_MODEL and wanted.model not in self._told:
            self._told.add(wanted.model)
            self._warn(f"{wanted.model} does not complete code: {reason}")


def completes(engine: Engine) -> bool:
    """Whether an engine completes code now, and on this machine."""
    is_suited = isinstance(engine, InfillEngine) and engine.can_infill
    return is_suited and engine.is_loaded and engine.is_local
