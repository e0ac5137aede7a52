"""Tiny models of real architectures, randomly initialised, with a tokenizer trained here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPTBigCodeConfig,
    GPTNeoConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
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
    match family:
        case "qwen2":
            return Qwen2Config(**llama_like)
        case "llama":
            return LlamaConfig(**llama_like)
        case "mistral":
            return MistralConfig(**llama_like, sliding_window=64)
        case "gpt_neo":
            return GPTNeoConfig(
                **gpt_like,
                hidden_size=32,
                num_layers=2,
                num_heads=4,
                attention_types=[[["global", "local"], 1]],
                window_size=32,
                max_position_embeddings=WINDOW,
            )
        case "gpt_bigcode":
            return GPTBigCodeConfig(**gpt_like, n_embd=32, n_layer=3, n_head=4, n_positions=WINDOW)
    raise ValueError(family)


def train_tokenizer(*, chat_template: str | None = CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
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
    made: dict[tuple[str, str | None], Path] = {}

    def make(family: str = "qwen2", *, chat_template: str | None = CHAT_TEMPLATE) -> Path:
        key = (family, chat_template)
        if key not in made:
            folder = tmp_path_factory.mktemp(family)
            with torch.random.fork_rng():
                torch.manual_seed(0)
                model = AutoModelForCausalLM.from_config(config_of(family))
            model.save_pretrained(folder)
            train_tokenizer(chat_template=chat_template).save_pretrained(folder)
            made[key] = folder
        return made[key]

    return make
