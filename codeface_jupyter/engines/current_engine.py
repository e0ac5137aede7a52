"""The one engine in use: another takes its place when the settings name one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from codeface_jupyter.config import EngineOptions, Settings
from codeface_jupyter.config.engine_options import answer_digest
from codeface_jupyter.engines.base import Engine
from codeface_jupyter.engines.registry import (
    EngineChoice,
    create_engine,
    engine_choice,
    engine_options,
)
from codeface_jupyter.generation import EngineIdentity
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.fetch import find_or_fetch
from codeface_jupyter.models.local_model import ModelRequest

__all__ = ["CurrentEngine", "EngineKey", "engine_key"]


@dataclass(frozen=True)
class EngineKey:
    """What settings must have in common to share an engine; the rest may change at each call.

    Attributes
    ----------
    engine
        The engine's name, or ``auto``.
    model
        The model.
    options
        The engine's options; before one is chosen, the options given to any engine.
    """

    engine: str
    model: ModelRequest
    # Options may hold lists, tables and secrets.
    options: EngineOptions | Mapping[str, Any] = field(hash=False, repr=False)


class CurrentEngine:
    """Keeps the engine in use.

    Parameters
    ----------
    given
        An engine to use whatever the settings say.

    Attributes
    ----------
    engine
        The engine in use, if any.
    choice
        Why it was taken; None for one that was given.
    is_given
        Whether the engine is used whatever the settings say.
    """

    def __init__(self, given: Engine | None = None) -> None:
        self.engine = given
        self.choice: EngineChoice | None = None
        self.is_given = given is not None
        self._options_digest = ""
        self._asked_for: EngineKey | None = None
        self._key: EngineKey | None = None
        self._loads_by: tuple[bool, bool] | None = None
        self._foreseen: tuple[Settings, EngineChoice] | None = None

    def identity_of(self, engine: Engine) -> EngineIdentity:
        """Return what decides an answer of the engine that `take` gave, its options included."""
        if self.is_given:
            return engine.identity
        return replace(engine.identity, options=self._options_digest)

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
        if self.engine is not None and self._needs_no_choice(settings):
            return self.engine
        choice = self._choose(settings)
        if not choice.is_certain:
            find_or_fetch(ModelRequest.of(settings), job, may_fetch=settings.auto_pull)
            choice = engine_choice(settings)
        if self.engine is None or not self._serves(settings, choice):
            engine = create_engine(settings, choice)
            self.unload()
            self.engine = engine
            self._key = _chosen_key(settings, choice)
            self._options_digest = answer_digest(engine_options(choice.name, settings))
            self._loads_by = _loads_by(settings)
        self.choice = choice
        self._asked_for = engine_key(settings)
        return self.engine

    def peek(self, settings: Settings) -> Engine:
        """Return the engine that ``settings`` name, leaving the one in use where it is."""
        if self.engine is not None and self._needs_no_choice(settings):
            return self.engine
        choice = engine_choice(settings)
        # `take` follows with the same settings: choosing once is enough.
        self._foreseen = settings, choice
        if self.engine is not None and self._serves(settings, choice):
            return self.engine
        return create_engine(settings, choice)

    def unload(self) -> None:
        """Free the engine's memory; it stays the engine in use."""
        if self.engine is not None:
            self.engine.unload()

    def _needs_no_choice(self, settings: Settings) -> bool:
        if self.engine is None or self.is_given:
            return self.is_given
        return self.engine.is_loaded and self._asked_for == engine_key(settings)

    def _choose(self, settings: Settings) -> EngineChoice:
        """Return which engine is to serve; what `peek` found out holds for one answer."""
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and foreseen[0] == settings:
            return foreseen[1]
        return engine_choice(settings)

    def _serves(self, settings: Settings, choice: EngineChoice) -> bool:
        """Whether the engine in use is the one that was chosen."""
        if self.engine is None or self._key != _chosen_key(settings, choice):
            return False
        # Files that came or went meanwhile may call for a fresh start.
        is_same = self.choice == choice and self._loads_by == _loads_by(settings)
        return self.engine.is_loaded or is_same


def engine_key(settings: Settings) -> EngineKey:
    """Return a key that is equal for settings that surely name the same engine."""
    return EngineKey(settings.engine, ModelRequest.of(settings), settings.given_options)


def _chosen_key(settings: Settings, choice: EngineChoice) -> EngineKey:
    options = engine_options(choice.name, settings)
    return EngineKey(choice.name, ModelRequest.of(settings), options)


def _loads_by(settings: Settings) -> tuple[bool, bool]:
    """Return the settings that matter only until the weights are loaded."""
    return settings.auto_pull, settings.force_load
