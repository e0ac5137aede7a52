"""The openvino engine before OpenVINO is imported."""

from __future__ import annotations

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank
from codeface_jupyter.engines.openvino.options import OpenVINOOptions

__all__ = ["plugin"]


class OpenVINOPlugin:
    """The fast engine on CPUs, for the families of models that it can read."""

    name = "openvino"
    options = OpenVINOOptions

    def fitness(self, settings: Settings, options: OpenVINOOptions) -> Fitness:
        """Look at the settings and, once, at the model's files."""
        from codeface_jupyter.engines.openvino.support import device, model_kind, setting_problem

        kind = model_kind(settings)
        rank = Rank.ONLY_READER if kind.is_only_ir else Rank.FASTEST
        problem = setting_problem(settings, options) or kind.problem
        if problem is not None:
            return Fitness(rank=rank, problem=problem, is_certain=kind.is_certain)
        reason = f"the fastest for this model on the {device(options)}"
        if kind.is_only_ir:
            reason = "the model comes as OpenVINO IR"
        return Fitness(rank=rank, reason=reason, is_certain=kind.is_certain)

    def create(self, settings: Settings, options: OpenVINOOptions) -> Engine:
        """Make the engine.

        Raises
        ------
        ConfigError
            If the settings ask for what it would have to ignore.
        """
        from codeface_jupyter.engines.openvino.engine import OpenVINOEngine

        return OpenVINOEngine(settings, options)


plugin: EnginePlugin[OpenVINOOptions] = OpenVINOPlugin()
