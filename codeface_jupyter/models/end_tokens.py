"""The tokens that end an answer: the usual ones, and those that a model's folder names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.architecture import text_part
from codeface_jupyter.models.folder_check import read_json

__all__ = ["END_TOKENS", "EosIds", "configured_eos_ids", "end_token_ids", "token_ids"]

EosIds = int | Sequence[int] | None

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


def configured_eos_ids(folder: Path) -> EosIds:
    """Return the ids that end an answer, as the configuration in a model's folder gives them."""
    for name in ("generation_config.json", "config.json"):
        config = _read_if_possible(folder / name)
        for part in (config, text_part(config)):
            ids = part.get("eos_token_id")
            if ids is not None:
                return ids if type(ids) is int else token_ids(ids)
    return None


def token_ids(value: object) -> list[int]:
    """Return the ids in ``value``: one, several, or what a configuration has in their place."""
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if type(each) is int and each >= 0]


def _read_if_possible(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except ModelFilesError:
        return {}
