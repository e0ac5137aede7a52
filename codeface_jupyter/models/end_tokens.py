"""The tokens that end an answer in the usual chat formats."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["END_TOKENS", "end_token_ids"]

# Some checkpoints name only one of the tokens that end their answers.
END_TOKENS = (
    "<|endoftext|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
)


def end_token_ids(vocabulary: Mapping[str, int]) -> list[int]:
    """Return the ids of those that ``vocabulary`` holds."""
    return [vocabulary[token] for token in END_TOKENS if token in vocabulary]
