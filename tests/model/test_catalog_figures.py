"""The catalog's figures, against the published configurations laid out without memory."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DeepseekV2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GPTBigCodeConfig,
    GPTNeoConfig,
    GptOssConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    SiglipVisionConfig,
    Starcoder2Config,
)

from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.memory import estimate

QWEN = {"vocab_size": 151_936, "tie_word_embeddings": True}
QWEN3 = {"vocab_size": 151_936, "head_dim": 128}
GRANITE = {"vocab_size": 49_159, "tie_word_embeddings": True}
GRANITE_CODE = {"vocab_size": 49_152, "attention_bias": True, "mlp_bias": True}
GRANITE_CODE |= {"tie_word_embeddings": True}
STARCODER = {"vocab_size": 49_152, "n_positions": 8_192, "bos_token_id": 0, "eos_token_id": 0}
STARCODER2 = {"vocab_size": 49_152, "use_bias": True, "bos_token_id": 0, "eos_token_id": 0}
STARCODER2 |= {"max_position_embeddings": 16_384}
GEMMA = {"vocab_size": 262_144, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256}


def shape(hidden: int, intermediate: int, layers: int, heads: int, kv_heads: int) -> dict[str, int]:
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
    }


def llama(vocabulary: int, *sizes: int) -> LlamaConfig:
    return LlamaConfig(vocab_size=vocabulary, **shape(*sizes), max_position_embeddings=16_384)


def gemma_that_sees(*sizes: int, head_dim: int) -> Gemma3Config:
    text = Gemma3TextConfig(vocab_size=262_208, head_dim=head_dim, **shape(*sizes))
    vision = SiglipVisionConfig(
        hidden_size=1_152,
        intermediate_size=4_304,
        num_hidden_layers=27,
        num_attention_heads=16,
        image_size=896,
        patch_size=14,
        vision_use_head=False,
    )
    return Gemma3Config(text_config=text, vision_config=vision)


def gpt_neo(hidden: int, layers: int, heads: int) -> GPTNeoConfig:
    attention = [[["global", "local"], layers // 2]]
    return GPTNeoConfig(
        hidden_size=hidden, num_layers=layers, num_heads=heads, attention_types=attention
    )


CONFIGS: dict[str, PreTrainedConfig] = {
    "qwen2.5-coder-0.5b": Qwen2Config(**QWEN, **shape(896, 4_864, 24, 14, 2)),
    "qwen2.5-coder-1.5b": Qwen2Config(**QWEN, **shape(1_536, 8_960, 28, 12, 2)),
    "qwen2.5-coder-3b": Qwen2Config(**QWEN, **shape(2_048, 11_008, 36, 16, 2)),
    "qwen2.5-coder-7b": Qwen2Config(vocab_size=152_064, **shape(3_584, 18_944, 28, 28, 4)),
    "qwen2.5-coder-14b": Qwen2Config(vocab_size=152_064, **shape(5_120, 13_824, 48, 40, 8)),
    "qwen2.5-coder-32b": Qwen2Config(vocab_size=152_064, **shape(5_120, 27_648, 64, 40, 8)),
    "qwen3-0.6b": Qwen3Config(**QWEN3, **shape(1_024, 3_072, 28, 16, 8), tie_word_embeddings=True),
    "qwen3-1.7b": Qwen3Config(**QWEN3, **shape(2_048, 6_144, 28, 16, 8), tie_word_embeddings=True),
    "qwen3-4b": Qwen3Config(**QWEN3, **shape(2_560, 9_728, 36, 32, 8), tie_word_embeddings=True),
    "qwen3-8b": Qwen3Config(**QWEN3, **shape(4_096, 12_288, 36, 32, 8)),
    "qwen3-coder-30b-a3b": Qwen3MoeConfig(
        **QWEN3, **shape(2_048, 5_472, 48, 32, 4), moe_intermediate_size=768, num_experts=128
    ),
    "deepseek-coder-v2-lite": DeepseekV2Config(
        vocab_size=102_400,
        **shape(2_048, 10_944, 27, 16, 16),
        q_lora_rank=None,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        n_routed_experts=64,
        n_shared_experts=2,
        num_experts_per_tok=6,
        moe_intermediate_size=1_408,
        first_k_dense_replace=1,
        max_position_embeddings=163_840,
    ),
    "codestral-22b": MistralConfig(vocab_size=32_768, **shape(6_144, 16_384, 56, 48, 8)),
    "devstral-small": MistralConfig(
        vocab_size=131_072, head_dim=128, **shape(5_120, 32_768, 40, 32, 8)
    ),
    "seed-coder-8b": LlamaConfig(vocab_size=155_136, **shape(4_096, 14_336, 32, 32, 8)),
    "gpt-oss-20b": GptOssConfig(num_hidden_layers=24, num_local_experts=32),
    "granite-3.3-2b": GraniteConfig(
        **GRANITE, **shape(2_048, 8_192, 40, 32, 8), max_position_embeddings=131_072
    ),
    "granite-3.3-8b": GraniteConfig(
        **GRANITE, **shape(4_096, 12_800, 40, 32, 8), max_position_embeddings=131_072
    ),
    "granite-code-3b": LlamaConfig(**GRANITE_CODE, **shape(2_560, 10_240, 32, 32, 32)),
    "granite-code-8b": LlamaConfig(**GRANITE_CODE, **shape(4_096, 14_336, 36, 32, 8)),
    "gemma-3-4b": gemma_that_sees(2_560, 10_240, 34, 8, 4, head_dim=256),
    "gemma-3-12b": gemma_that_sees(3_840, 15_360, 48, 16, 8, head_dim=256),
    "gemma-3-27b": gemma_that_sees(5_376, 21_504, 62, 32, 16, head_dim=128),
    "phi-4": Phi3Config(vocab_size=100_352, **shape(5_120, 17_920, 40, 40, 10)),
    "smollm2-135m": LlamaConfig(
        vocab_size=49_152, tie_word_embeddings=True, **shape(576, 1_536, 30, 9, 3)
    ),
    "codellama-7b": llama(32_016, 4_096, 11_008, 32, 32, 32),
    "codellama-13b": llama(32_016, 5_120, 13_824, 40, 40, 40),
    "codellama-34b": llama(32_000, 8_192, 22_016, 48, 64, 8),
    "starcoderbase-1b": GPTBigCodeConfig(**STARCODER, n_embd=2_048, n_layer=24, n_head=16),
    "starcoder": GPTBigCodeConfig(**STARCODER, n_embd=6_144, n_layer=40, n_head=48),
    "starcoder2-3b": Starcoder2Config(**STARCODER2, **shape(3_072, 12_288, 30, 24, 2)),
    "starcoder2-7b": Starcoder2Config(**STARCODER2, **shape(4_608, 18_432, 32, 36, 4)),
    "starcoder2-15b": Starcoder2Config(
        **STARCODER2, **shape(6_144, 24_576, 40, 48, 4), tie_word_embeddings=False
    ),
    "gpt-neo-125m": gpt_neo(768, 12, 12),
    "gpt-neo-1.3b": gpt_neo(2_048, 24, 16),
    "gpt-neo-2.7b": gpt_neo(2_560, 32, 20),
    "gemma-3-270m": Gemma3TextConfig(
        **GEMMA, hidden_size=640, intermediate_size=2_048, num_hidden_layers=18
    ),
    "gemma-3-1b": Gemma3TextConfig(
        **GEMMA, hidden_size=1_152, intermediate_size=6_912, num_hidden_layers=26
    ),
    "phi-2": PhiConfig(vocab_size=51_200, **shape(2_560, 10_240, 32, 32, 32)),
    "phi-3.5-mini": Phi3Config(vocab_size=32_064, **shape(3_072, 8_192, 32, 32, 32)),
    "phi-4-mini": Phi3Config(
        vocab_size=200_064, tie_word_embeddings=True, **shape(3_072, 8_192, 32, 24, 8)
    ),
}


def test_every_entry_is_checked_here() -> None:
    assert set(CONFIGS) == set(CATALOG)


@pytest.mark.parametrize("name", CATALOG)
def test_parameters_and_kv_cache_follow_from_the_configuration(name: str) -> None:
    entry, config = CATALOG[name], CONFIGS[name]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert model.num_parameters() == entry.parameters
    needed = estimate(config, dtype="bfloat16", context_tokens=1_000)
    assert needed.kv_cache_bytes == entry.kv_cache_bytes("bfloat16", tokens=1_000)
    # Masks and rotary tables come on top of the parameters.
    assert needed.weights_bytes == pytest.approx(entry.weights_bytes("bfloat16"), rel=0.1)
