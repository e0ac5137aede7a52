"""The installed engines: how well each suits, which one ``engine = "auto"`` takes, and why."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from codeface_jupyter.config import EngineOptions, Settings
from codeface_jupyter.config.engine_options import (
    InstalledEngine,
    call_plugin,
    installed_engines,
    no_such_engine,
)
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank, TellsSpeed
from codeface_jupyter.errors import ConfigError, EngineUnavailableError
from codeface_jupyter.models.speed import EngineSpeed

__all__ = [
    "EngineChoice",
    "available_engines",
    "create_engine",
    "engine_choice",
    "engine_fitness",
    "engine_options",
    "engine_speed",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine's name, and the reason for it in a few words.

    Attributes
    ----------
    name
        The engine's name.
    reason
        Why it was taken, as the user reads it.
    is_fallback
        Whether an engine that would suit better was passed over.
    is_certain
        Whether it stays so once the model's files are here.
    can_serve
        Whether it can, as far as is known; if not, the reason says why.
    """

    name: str
    reason: str
    is_fallback: bool = False
    is_certain: bool = True
    can_serve: bool = True


def available_engines() -> list[str]:
    """Return the names of the installed engines, sorted."""
    return list(installed_engines())


def engine_fitness(settings: Settings) -> dict[str, Fitness]:
    """Ask every installed engine how well it suits ``settings``; nothing heavy is imported."""
    return {name: _fitness(engine, settings) for name, engine in installed_engines().items()}


def engine_choice(settings: Settings, fitness: Mapping[str, Fitness] | None = None) -> EngineChoice:
    """Return which engine serves ``settings``; one that they name is taken without asking it.

    Parameters
    ----------
    settings
        What the engine is to serve.
    fitness
        The result of `engine_fitness`, where it is known already.

    Raises
    ------
    EngineUnavailableError
        If none is named and none can serve them.
    """
    if settings.engine != "auto":
        return EngineChoice(name=settings.engine, reason="named in the settings")
    return _fittest(engine_fitness(settings) if fitness is None else fitness)


def engine_options(name: str, settings: Settings) -> EngineOptions:
    """Return the options that ``settings`` give to an engine.

    Raises
    ------
    EngineUnavailableError
        If no engine of that name is installed.
    ConfigError
        If the engine does not accept a value.
    """
    return settings.options_of(name, _installed(name).options)


def engine_speed(name: str, settings: Settings) -> EngineSpeed | None:
    """Return how an engine's speed follows from the machine's; None if it does not tell.

    Raises
    ------
    EngineUnavailableError
        If no engine of that name is installed, or its plug-in is broken.
    ConfigError
        If the engine does not accept a value.
    """
    plugin: object = _plugin(_installed(name))
    if not isinstance(plugin, TellsSpeed):
        return None
    options = engine_options(name, settings)
    return call_plugin(lambda: plugin.speed(settings, options), or_else=lambda _: None)


def create_engine(settings: Settings, choice: EngineChoice | None = None) -> Engine:
    """Make the engine that ``settings`` name; nothing is loaded yet.

    Parameters
    ----------
    settings
        What the engine is to serve.
    choice
        The result of `engine_choice`, where it is known already.

    Raises
    ------
    EngineUnavailableError
        If no engine of that name is installed, or its plug-in is broken.
    ConfigError
        If the settings ask for what the engine cannot do.
    """
    choice = choice or engine_choice(settings)
    if choice.is_fallback and choice.is_certain:
        logger.info("engine = 'auto' uses %s: %s.", choice.name, choice.reason)
    options = engine_options(choice.name, settings)
    return _plugin(_installed(choice.name)).create(settings, options)


def _installed(name: str) -> InstalledEngine:
    engine = installed_engines().get(name)
    if engine is None:
        raise EngineUnavailableError(no_such_engine(name))
    if engine.problem:
        raise EngineUnavailableError(
            f"The {name} engine cannot be used: {engine.problem}.",
            hint="Update or remove the package that provides it.",
        )
    return engine


def _plugin(engine: InstalledEngine) -> EnginePlugin[Any]:
    return cast("EnginePlugin[Any]", engine.plugin)


def _fitness(engine: InstalledEngine, settings: Settings) -> Fitness:
    if engine.problem:
        return Fitness(problem=engine.problem)
    return call_plugin(
        lambda: _asked(engine, settings),
        or_else=lambda reason: Fitness(problem=f"its plug-in failed: {reason}"),
    )


def _asked(engine: InstalledEngine, settings: Settings) -> Fitness:
    """Return what a plug-in answers, if it is an answer."""
    try:
        options = settings.options_of(engine.name, engine.options)
    except ConfigError as error:
        return Fitness(problem=error.message.removesuffix("."))
    fitness: object = _plugin(engine).fitness(settings, options)
    if not isinstance(fitness, Fitness):
        raise TypeError(f"a Fitness was expected, not {fitness!r}")
    return fitness


def _fittest(engines: Mapping[str, Fitness]) -> EngineChoice:
    """Return the fit engine of the highest rank, or the unfit one that is asked for."""
    ranked = {name: f for name, f in engines.items() if f.rank > Rank.ONLY_BY_NAME}
    fit = [name for name, fitness in ranked.items() if not fitness.problem]
    # Of all, the unfit too: the user is to see why the best one was passed over.
    best = max(ranked.values(), key=lambda fitness: fitness.rank, default=Fitness())
    name = max(fit, key=lambda name: ranked[name].rank, default="")
    is_fallback = not name or best.rank > ranked[name].rank
    # An engine that is asked for is not replaced: its own error says what is missing.
    if not name or (is_fallback and best.rank >= Rank.ASKED_FOR):
        return _least_unfit(ranked)
    return EngineChoice(
        name=name,
        reason=best.problem if is_fallback else ranked[name].reason,
        is_fallback=is_fallback,
        is_certain=all(fitness.is_certain for fitness in ranked.values()),
    )


def _least_unfit(ranked: Mapping[str, Fitness]) -> EngineChoice:
    """Return the engine to take though it cannot serve.

    One that is asked for says best itself what is missing; and once a model's files are here,
    another may be able to read them.
    """
    is_certain = all(fitness.is_certain for fitness in ranked.values())
    name = max(ranked, key=lambda name: ranked[name].rank, default="")
    if not name or (is_certain and ranked[name].rank < Rank.ASKED_FOR):
        problems = "; ".join(f"{name}: {fitness.problem}" for name, fitness in ranked.items())
        raise EngineUnavailableError("No installed engine can serve these settings.", hint=problems)
    reason = ranked[name].problem
    return EngineChoice(name=name, reason=reason, is_certain=is_certain, can_serve=False)
