"""The openvino engine before OpenVINO is imported."""

from __future__ import annotations

from dataclasses import replace

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import Engine, EnginePlugin, Fitness, Rank
from codeface_jupyter.engines.openvino.options import OpenVINOOptions
from codeface_jupyter.models.speed import EngineSpeed, multiplies_bytes

__all__ = ["plugin"]


# Of whole models as they were converted, embeddings and scales included.
BITS_PER_WEIGHT = {"int8": 8.0, "int4": 6.6, "q8_0": 8.6, "q4_0": 5.7}
# Fitted to measurements: see decision 15.
WITH_BYTE_PRODUCTS = EngineSpeed(
    weights="int8",
    bits_per_weight=BITS_PER_WEIGHT["int8"],
    bandwidth_share=0.8,
    compute_ratio=3.0,
    token_overhead_s=0.005,
)
# Weights are made into floats first.
WITHOUT_BYTE_PRODUCTS = replace(
    WITH_BYTE_PRODUCTS, bandwidth_share=0.9, compute_ratio=0.8, token_overhead_s=0.018
)


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

    def speed(self, settings: Settings, options: OpenVINOOptions) -> EngineSpeed:  # noqa: ARG002 - a plug-in's signature
        """Say what measurements came to on a processor such as this one."""
        from codeface_jupyter.engines.openvino.support import quantization

        weights = quantization(options)
        fitted = WITH_BYTE_PRODUCTS if multiplies_bytes() else WITHOUT_BYTE_PRODUCTS
        return replace(fitted, weights=weights, bits_per_weight=BITS_PER_WEIGHT[weights])

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
