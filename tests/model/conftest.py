"""Tiny models of real architectures, randomly initialised, with a tokenizer trained here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    DeepseekV2Config,
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
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    Starcoder2Config,
)

CORPUS = [
    "import pandas as pd\ndf = pd.DataFrame({'x': [1, 2, 3]})\ndf.groupby('x').sum()\n",
    "def mean(values):\n    return sum(values) / len(values)\n",
    "Cells above in the notebook: answer with the code of the next cell.\n",
    "für élève 中文 👩 naïve\n",
]
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY = 400
WINDOW = 1_024
# Large enough that answers vary from token to token.
SPREAD = 0.6

# Tiny matrices gain nothing from a second thread, and lose much where cores are shared.
torch.set_num_threads(1)

MakeModel = Callable[..., Path]


def config_of(family: str) -> PreTrainedConfig:
    common = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0}
    llama_like = common | {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": WINDOW,
        "initializer_range": SPREAD,
    }
    gpt_like = common | {"initializer_range": SPREAD}
    gpt_neo_like = gpt_like | {
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 32,
        "max_position_embeddings": WINDOW,
    }
    # One layer in six sees the whole prompt, as in the published checkpoints.
    gemma_like = llama_like | {"num_hidden_layers": 6, "head_dim": 16, "sliding_window": 32}
    experts_like = llama_like | {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
    latent_like = experts_like | {
        "num_key_value_heads": 4,
        "q_lora_rank": None,
        "kv_lora_rank": 16,
        "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4,
        "v_head_dim": 8,
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "first_k_dense_replace": 1,
    }
    classes: dict[str, tuple[type[PreTrainedConfig], dict[str, Any]]] = {
        "qwen2": (Qwen2Config, llama_like),
        # Its heads are wider than the model's own width would give them.
        "qwen3": (Qwen3Config, llama_like | {"head_dim": 16}),
        "qwen3_moe": (Qwen3MoeConfig, experts_like | {"head_dim": 16, "num_experts": 4}),
        "deepseek_v2": (DeepseekV2Config, latent_like),
        "gpt_oss": (GptOssConfig, experts_like | {"head_dim": 16, "num_local_experts": 4}),
        "granite": (GraniteConfig, llama_like),
        "llama": (LlamaConfig, llama_like),
        "mistral": (MistralConfig, llama_like | {"sliding_window": 64}),
        "starcoder2": (Starcoder2Config, llama_like),
        "gemma3": (Gemma3TextConfig, gemma_like),
        "phi": (PhiConfig, llama_like),
        "phi3": (Phi3Config, llama_like | {"pad_token_id": 0}),
        "gpt_neo": (GPTNeoConfig, gpt_neo_like),
        "gpt_bigcode": (
            GPTBigCodeConfig,
            gpt_like | {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": WINDOW},
        ),
    }
    config_class, options = classes[family]
    return config_class(**options)


def train_tokenizer(
    *, chat_template: str | None = CHAT_TEMPLATE, more_tokens: tuple[str, ...] = ()
) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL_TOKENS, *more_tokens],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )
    fast.chat_template = chat_template
    return fast


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """Return what trains a tokenizer for a chat template, or None for a base model."""
    return train_tokenizer


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Return a function from a family, and a chat template or None, to a model's folder."""
    made: dict[tuple[object, ...], Path] = {}

    def make(
        family: str = "qwen2",
        *,
        chat_template: str | None = CHAT_TEMPLATE,
        more_tokens: tuple[str, ...] = (),
        shard_size: str = "5GB",
    ) -> Path:
        key = (family, chat_template, more_tokens, shard_size)
        if key not in made:
            folder = tmp_path_factory.mktemp(family)
            with torch.random.fork_rng():
                torch.manual_seed(0)
                model = AutoModelForCausalLM.from_config(config_of(family))
            model.save_pretrained(folder, max_shard_size=shard_size)
            tokenizer = train_tokenizer(chat_template=chat_template, more_tokens=more_tokens)
            tokenizer.save_pretrained(folder)
            made[key] = folder
        return made[key]

    return make
