"""Two plug-ins of one name."""

from __future__ import annotations

from codeface_jupyter.config import EngineOptions, Settings
from codeface_jupyter.engines.base import Engine, Fitness
from codeface_jupyter.engines.scripted import ScriptedEngine


class Twin:
    name = "twin"
    options = EngineOptions

    def __init__(self, says: str) -> None:
        self.says = says

    def fitness(self, settings: Settings, options: EngineOptions) -> Fitness:
        return Fitness(reason=self.says)

    def create(self, settings: Settings, options: EngineOptions) -> Engine:
        return ScriptedEngine([self.says])


early, late = Twin("early"), Twin("late")
