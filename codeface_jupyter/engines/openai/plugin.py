"""The openai engine before its client is imported."""

from __future__ import annotations

from importlib.util import find_spec

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness
from codeface_jupyter.engines.openai.options import OpenAIOptions
from codeface_jupyter.errors import install_hint

__all__ = ["plugin"]


class OpenAIPlugin:
    """A server instead of this machine: used only when named, since prompts leave the machine."""

    name = "openai"
    options = OpenAIOptions

    def fitness(self, settings: Settings, options: OpenAIOptions) -> Fitness:  # noqa: ARG002 - a plug-in's signature
        """Say what is missing, or that the engine has to be named."""
        if find_spec("openai") is None:
            hint = install_hint("remote")
            return Fitness(problem=f"the package openai is not installed ({hint})")
        if options.base_url is None:
            return Fitness(problem="base_url is not set")
        return Fitness(reason="sends prompts to a server; used only if the settings name it")

    def create(self, settings: Settings, options: OpenAIOptions) -> Engine:
        """Make the engine; nothing is sent yet."""
        from codeface_jupyter.engines.openai.engine import OpenAIEngine

        return OpenAIEngine(settings, options)


plugin: EnginePlugin[OpenAIOptions] = OpenAIPlugin()
