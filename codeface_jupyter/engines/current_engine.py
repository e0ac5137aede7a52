"""The one engine in use: another takes its place when the settings name one."""

from __future__ import annotations

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine
from codeface_jupyter.engines.registry import EngineChoice, create_engine, engine_choice
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.local_model import ModelRequest

__all__ = ["CurrentEngine", "engine_key"]

# The settings that decide which engine answers; the others change from call to call.
ENGINE_SETTINGS = (
    "engine",
    "model",
    "revision",
    "dtype",
    "quantization",
    "adapter",
    "permissions",
    "device_map",
    "attn_implementation",
    "offload_folder",
    "cache_dir",
    "base_url",
    "api_key",
    "remote_api",
    "remote_context_window",
    "request_timeout_s",
    "request_retries",
)
# These matter until the weights are in memory, and not after.
LOADING_SETTINGS = ("auto_pull", "force_load")


class CurrentEngine:
    """Keeps the engine in use.

    Parameters
    ----------
    given
        An engine to use whatever the settings say.
    """

    def __init__(self, given: Engine | None = None) -> None:
        self.engine = given
        self._is_given = given is not None
        self._key: tuple[object, ...] = ()
        self._loading_key: tuple[object, ...] = ()
        self._choice: EngineChoice | None = None

    def take(self, settings: Settings, job: Job) -> Engine:
        """Return the engine that ``settings`` name; one that is replaced is unloaded.

        Where the choice of the engine depends on the model's files, they are fetched first.

        Raises
        ------
        EngineUnavailableError
            If no engine of that name is installed.
        ModelNotFoundError, FetchError, ModelFilesError
            If files are to be fetched and cannot be.
        """
        if self.engine is not None and (self._is_given or self._serves(settings)):
            return self.engine
        if not engine_choice(settings).is_certain:
            find_or_fetch(ModelRequest.of(settings), job, may_fetch=settings.auto_pull)
        engine = create_engine(settings)
        self.unload()
        self.engine = engine
        self._key = engine_key(settings)
        self._loading_key = _values(settings, LOADING_SETTINGS)
        self._choice = engine_choice(settings)
        return engine

    def peek(self, settings: Settings) -> Engine:
        """Return the engine that ``settings`` name, leaving the one in use where it is."""
        if self.engine is not None and (self._is_given or self._serves(settings)):
            return self.engine
        return create_engine(settings)

    def unload(self) -> None:
        """Give the engine's memory back; it stays in its place."""
        if self.engine is not None:
            self.engine.unload()

    def _serves(self, settings: Settings) -> bool:
        if self.engine is None or self._key != engine_key(settings):
            return False
        if self.engine.is_loaded:
            return True
        # Files that came or went meanwhile may call for another engine.
        is_same = self._choice == engine_choice(settings)
        return is_same and self._loading_key == _values(settings, LOADING_SETTINGS)


def engine_key(settings: Settings) -> tuple[object, ...]:
    """Return what is the same for settings that one engine serves."""
    return _values(settings, ENGINE_SETTINGS)


def _values(settings: Settings, names: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(settings, name) for name in names)
