"""Plug-ins as they should not be, each broken in a way of its own."""

from __future__ import annotations

from itertools import count

from pydantic import Field, field_validator

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


class Exiting(Named):
    def fitness(self, settings: Settings, options: EngineOptions) -> Fitness:
        raise SystemExit("no licence")


class Device:
    """A type that pydantic knows nothing of."""


class ArbitraryOptions(EngineOptions):
    device: Device = Field(Device(), description="Where to run.")


class Arbitrary(Named):
    options = ArbitraryOptions


class ForwardOptions(EngineOptions):
    device: Missing = Field(None, description="Where to run.")  # type: ignore[name-defined]  # noqa: F821


class Forward(Named):
    options = ForwardOptions


def find_device() -> str:
    raise RuntimeError("no device")


class WithoutDefaultOptions(EngineOptions):
    device: str = Field(default_factory=find_device, description="Where to run.")


class WithoutDefault(Named):
    options = WithoutDefaultOptions


_asked = count()


def find_mood() -> str:
    if next(_asked):
        raise RuntimeError("in no mood")
    return "good"


class MoodyOptions(EngineOptions):
    mood: str = Field(default_factory=find_mood, description="It is good once.")


class Moody(Named):
    options = MoodyOptions


class StrictOptions(EngineOptions):
    dtype: str = Field("auto", description="Of the weights.")
    size: str = Field("small", description="Of the model.")

    @field_validator("dtype", "size")
    @classmethod
    def known(cls, value: str) -> str:
        return {"auto": "float16", "small": "small"}[value]


class Strict(Named):
    options = StrictOptions


nameless = Nameless()
unasked = Unasked()
uncreated = Uncreated()
hostile = Hostile()
failing = Failing()
silent = Silent()
exiting = Exiting()
arbitrary = Arbitrary()
forward = Forward()
without_default = WithoutDefault()
moody = Moody()
strict = Strict()
unbuilt = Named  # the class, where an object was expected
