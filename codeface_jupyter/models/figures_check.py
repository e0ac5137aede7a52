"""The check that a ``config.json`` describes a model that can be, and whose weights are there.

Libraries build what a configuration describes before they look at the weights: a thousand million
layers would fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from codeface_jupyter.models.architecture import Architecture, text_part
from codeface_jupyter.models.safetensors_header import read_safetensors_header

__all__ = ["TensorShapes", "disagreement", "impossible_figure"]

# Several times what the largest models have, by what a name is about; the first that fits counts.
BOUNDS = (
    (re.compile(r"(n|num|max)_\w*layers?|num_\w*blocks"), 2_000),
    (re.compile(r"(n|num)_\w+|\w+_(heads|experts|layers)"), 100_000),
    (re.compile(r"(n|d|dim)_(embd|model|ff|inner|kv)|\w+_(size|dim|rank|width)"), 10_000_000),
    (re.compile(r"\w*"), 1_000_000_000),
)
# A context window takes no memory by itself.
POSITIONS = re.compile(r"(n_(positions|ctx)|\w*(position|seq_len|sequence|window|context)\w*)")
LONGEST_LIST = 10_000
LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
# Their layers share weights.
SHARING_FAMILIES = frozenset({"albert", "zamba", "zamba2"})


def impossible_figure(config: Mapping[str, Any]) -> str:
    """Return which figure of a configuration no model has, and its bound; empty if none."""
    for name, value in _figures(config):
        if isinstance(value, list) and len(value) > LONGEST_LIST:
            return f"{name} has {len(value):,} values; at most {LONGEST_LIST:,} were expected"
        if isinstance(value, int) and value > (bound := _bound(name)):
            return f"{name} is {value:,}; at most {bound:,} was expected"
    return ""


def _figures(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield everything in a configuration with the name under which it stands."""
    yield name, value
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _figures(part, str(key))
    elif isinstance(value, list):
        for part in value[:LONGEST_LIST]:
            yield from _figures(part, name)


def _bound(name: str) -> int:
    if POSITIONS.fullmatch(name):
        return BOUNDS[-1][1]
    return next((bound for pattern, bound in BOUNDS if pattern.fullmatch(name)), BOUNDS[-1][1])


@dataclass
class TensorShapes:
    """What the headers of a model's safetensors files say of its dimensions.

    Attributes
    ----------
    layers
        One more than the highest number of a layer; 0 if no name has one.
    dimensions
        Every length that a tensor has in any direction.
    """

    layers: int = 0
    dimensions: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, files: Iterable[Path]) -> Self:
        """Read the headers of ``files``, which have been checked."""
        shapes = cls()
        for file in files:
            for name, tensor in read_safetensors_header(file).tensors.items():
                if match := LAYER.search(name):
                    shapes.layers = max(shapes.layers, int(match[1]) + 1)
                shapes.dimensions.update(tensor.get("shape", ()))
        return shapes


def disagreement(config: Mapping[str, Any], shapes: TensorShapes) -> str:
    """Return in what weights are not those that a configuration describes; empty if in nothing."""
    text = text_part(config)
    layers = Architecture.of(config).num_layers
    is_sharing = text.get("model_type") in SHARING_FAMILIES
    if shapes.layers and layers > shapes.layers and not is_sharing:
        return f"{layers:,} layers are described, but the weights hold {shapes.layers:,}"
    # Packed weights have other shapes.
    if "quantization_config" in config or not shapes.layers:
        return ""
    hidden, vocabulary = (text.get(name) for name in ("hidden_size", "vocab_size"))
    if isinstance(hidden, int) and hidden not in shapes.dimensions:
        return f"a hidden size of {hidden:,} is described, but no tensor has it"
    largest = max(shapes.dimensions, default=0)
    if isinstance(vocabulary, int) and vocabulary > largest:
        return (
            f"a vocabulary of {vocabulary:,} is described, but no tensor is longer than {largest:,}"
        )
    return ""
