"""What a model's configuration says of its dimensions, and what follows from them.

The configuration is read as it is, so that neither torch nor transformers has to be imported
for it, and a model that they do not know can be described as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = ["DTYPE_BYTES", "Architecture", "text_part"]

# The bytes of one number in each type that weights, keys and values are computed with.
DTYPE_BYTES: Final = {"float32": 4, "bfloat16": 2, "float16": 2}

# What the configurations of older families call these settings.
OTHER_NAMES = {
    "num_attention_heads": ("n_head", "num_heads"),
    "num_hidden_layers": ("n_layer", "num_layers"),
    "hidden_size": ("n_embd", "d_model"),
    "max_position_embeddings": ("n_positions", "n_ctx", "max_seq_len"),
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The dimensions of a causal language model.

    Attributes
    ----------
    num_layers, num_heads, num_kv_heads, head_dim, value_head_dim
        Layers, attention heads, the heads that keys and values have, and the numbers in one
        head of keys and of values; all 0 if the configuration does not give them.
    context_window
        The tokens that the model was trained to see at once; None if it is not given.
    """

    num_layers: int = 0
    num_heads: int = 0
    num_kv_heads: int = 0
    head_dim: int = 0
    value_head_dim: int = 0
    context_window: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any] | PretrainedConfig) -> Architecture:
        """Read ``config``, a ``config.json`` or a configuration of transformers."""
        if not isinstance(config, Mapping):
            config = config.get_text_config(decoder=True).to_dict()
        config = text_part(config)
        window = _number(config, "max_position_embeddings") or None
        layers = _number(config, "num_hidden_layers")
        heads = _number(config, "num_attention_heads")
        # Most families leave it to hidden size and heads; in some it is another number.
        head_dim = _number(config, "head_dim")
        if not head_dim and heads:
            head_dim = _number(config, "hidden_size") // heads
        if not (layers and heads and head_dim):
            return cls(context_window=window)
        # In multi-head latent attention keys have a part with a position and one without.
        without_position = _number(config, "qk_nope_head_dim")
        if without_position:
            head_dim = without_position + _number(config, "qk_rope_head_dim")
        # In multi-query attention all heads share one; by default each has its own.
        kv_heads = 1 if config.get("multi_query") else _number(config, "num_key_value_heads")
        return cls(
            num_layers=layers,
            num_heads=heads,
            num_kv_heads=kv_heads or heads,
            head_dim=head_dim,
            value_head_dim=_number(config, "v_head_dim") or head_dim,
            context_window=window,
        )

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that one token adds to the KV cache.

        Layers · key-value heads · the numbers in a head's key and value. The cache of a layer
        with a sliding window stops growing, and an engine may keep latent keys and values
        compressed, so this is an upper bound.
        """
        return self.num_layers * self.num_kv_heads * (self.head_dim + self.value_head_dim)


def text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a ``config.json`` says about text: all of it, or a part of its own.

    A model that takes more than text has such a part.
    """
    text = config.get("text_config")
    return text if isinstance(text, Mapping) else config


def _number(config: Mapping[str, Any], name: str) -> int:
    """Return a setting under its own name or an older one; 0 if it is no figure or not there."""
    names = (name, *OTHER_NAMES.get(name, ()))
    value = next((config[known] for known in names if config.get(known) is not None), 0)
    try:
        return max(int(value), 0)
    except (OverflowError, TypeError, ValueError):
        return 0
