"""The options of the llamacpp engine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions

__all__ = ["LlamaCppOptions"]


class LlamaCppOptions(EngineOptions):
    """What llama.cpp puts where."""

    n_gpu_layers: int = Field(
        -1,
        ge=-1,
        le=10_000,
        description="How many layers go to the GPU; -1 leaves it to llama.cpp: as many as fit.",
    )
    context_tokens: Annotated[int | None, NOT_IN_RESPONSE_KEY] = Field(
        None,
        ge=512,
        le=10_000_000,
        description="The context in tokens, no more than the model's own; empty: 8,192 or more.",
    )
