"""The llamacpp engine before anything of llama.cpp is imported."""

from __future__ import annotations

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank
from codeface_jupyter.engines.llamacpp.options import LlamaCppOptions
from codeface_jupyter.models.catalog import find
from codeface_jupyter.models.speed import EngineSpeed

__all__ = ["plugin"]

# Before transformers on a CPU, which has to dequantize the weights; after OpenVINO.
FASTER_THAN_MOST = (Rank.GENERAL + Rank.FASTEST) // 2
# Of large files, where the catalog does not know the size of a model's own.
BITS_PER_WEIGHT = {"Q4_0": 4.6, "Q4_K_M": 4.9}
MOST_BITS = 8.6


class LlamaCppPlugin:
    """The engine for GGUF files, of all families that llama.cpp knows."""

    name = "llamacpp"
    options = LlamaCppOptions

    def fitness(self, settings: Settings, options: LlamaCppOptions) -> Fitness:  # noqa: ARG002 - a plug-in's signature
        """Look at the settings and at the model's files."""
        from codeface_jupyter.engines.llamacpp.support import model_kind, setting_problem

        kind = model_kind(settings)
        problem = kind.problem or setting_problem(settings)
        rank = Rank.ONLY_READER if kind.is_only_gguf else FASTER_THAN_MOST
        reason = "the model is a GGUF file" if kind.is_only_gguf else "runs the GGUF as it is"
        return Fitness(rank=rank, reason=reason, problem=problem)

    def speed(self, settings: Settings, options: LlamaCppOptions) -> EngineSpeed | None:  # noqa: ARG002 - a plug-in's signature
        """Say what measurements of the GGUF files of the catalog came to: see decision 15."""
        from codeface_jupyter.engines.llamacpp.support import published_gguf

        entry, gguf = find(settings.model), published_gguf(settings)
        if entry is None or gguf is None:
            return None
        usual_bits = BITS_PER_WEIGHT.get(gguf.quantization, MOST_BITS)
        return EngineSpeed(
            weights=gguf.quantization,
            bits_per_weight=8 * gguf.size_bytes / entry.parameters
            if gguf.size_bytes
            else usual_bits,
            bandwidth_share=0.9,
            compute_ratio=1.0,
            token_overhead_s=0.008,
        )

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
