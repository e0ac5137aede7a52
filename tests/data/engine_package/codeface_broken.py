"""Plug-ins as they should not be, each broken in a way of its own."""

from __future__ import annotations

from codeface_jupyter.config import EngineOptions, Settings
from codeface_jupyter.engines.base import Engine, Fitness
from codeface_jupyter.engines.scripted import ScriptedEngine


class Nameless:
    options = EngineOptions

    def fitness(self, settings: Settings, options: EngineOptions) -> Fitness:
        return Fitness(rank=99, reason="the best of all")

    def create(self, settings: Settings, options: EngineOptions) -> Engine:
        return ScriptedEngine([])


class Named(Nameless):
    name = "broken"


class Unasked(Named):
    fitness = None  # type: ignore[assignment]


class Uncreated(Named):
    create = "an engine"  # type: ignore[assignment]


class Hostile(Nameless):
    @property
    def name(self) -> str:
        raise RuntimeError("no name for you")


class Failing(Named):
    def fitness(self, settings: Settings, options: EngineOptions) -> Fitness:
        raise RuntimeError("no disk")


class Silent(Named):
    def fitness(self, settings: Settings, options: EngineOptions) -> Fitness:
        return None  # type: ignore[return-value]


nameless = Nameless()
unasked = Unasked()
uncreated = Uncreated()
hostile = Hostile()
failing = Failing()
silent = Silent()
unbuilt = Named  # the class, where an object was expected
