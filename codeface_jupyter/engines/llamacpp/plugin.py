"""The llamacpp engine before anything of llama.cpp is imported."""

from __future__ import annotations

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank
from codeface_jupyter.engines.llamacpp.options import LlamaCppOptions

__all__ = ["plugin"]

# Before transformers on a CPU, which has to dequantize the weights; after OpenVINO.
FASTER_THAN_MOST = (Rank.GENERAL + Rank.FASTEST) // 2


class LlamaCppPlugin:
    """The engine for GGUF files, of all families that llama.cpp knows."""

    name = "llamacpp"
    options = LlamaCppOptions

    def fitness(self, settings: Settings, options: LlamaCppOptions) -> Fitness:  # noqa: ARG002 - a plug-in's signature
        """Look at the settings and, once, at the model's files."""
        from codeface_jupyter.engines.llamacpp.support import model_kind, setting_problem

        kind = model_kind(settings)
        problem = kind.problem or setting_problem(settings)
        rank = Rank.ONLY_READER if kind.is_only_gguf else FASTER_THAN_MOST
        reason = "the model is a GGUF file" if kind.is_only_gguf else "runs the GGUF as it is"
        return Fitness(rank=rank, reason=reason, problem=problem)

    def create(self, settings: Settings, options: LlamaCppOptions) -> Engine:
        """Make the engine; nothing is started yet.

        Raises
        ------
        ConfigError
            If the settings ask for what it would have to ignore.
        """
        from codeface_jupyter.engines.llamacpp.engine import LlamaCppEngine

        return LlamaCppEngine(settings, options)


plugin: EnginePlugin[LlamaCppOptions] = LlamaCppPlugin()
