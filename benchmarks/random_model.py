"""Models of published shapes with random weights: no hub, and made where they are used."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.text.prompt_codec import PromptCodec
from codeface_jupyter.engines.transformers.checkpoint import place
from codeface_jupyter.engines.transformers.engine import Loaded, Prepared, TransformersEngine
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.prompts import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["SHAPES", "RandomEngine", "words"]

# No end tokens, so that every answer is as long as it may be.
ENDLESS: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


@dataclass(frozen=True)
class Shape:
    """The sizes of a published configuration.

    Attributes
    ----------
    config_class
        Its class in transformers.
    sizes
        What differs from the class's defaults.
    """

    config_class: str
    sizes: dict[str, Any]

    def config(self) -> PreTrainedConfig:
        """Return the configuration."""
        import transformers

        config: PreTrainedConfig = getattr(transformers, self.config_class)(**self.sizes, **ENDLESS)
        return config


def _llama_like(
    config_class: str, sizes: tuple[int, int, int, int, int, int], **more: Any
) -> Shape:
    hidden, intermediate, layers, heads, kv_heads, vocabulary = sizes
    return Shape(
        config_class,
        {
            "hidden_size": hidden,
            "intermediate_size": intermediate,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "vocab_size": vocabulary,
            "max_position_embeddings": 16_384,
            **more,
        },
    )


SHAPES = {
    "codellama-34b": _llama_like("LlamaConfig", (8_192, 22_016, 48, 64, 8, 32_000)),
    "codellama-7b": _llama_like("LlamaConfig", (4_096, 11_008, 32, 32, 32, 32_016)),
    "starcoder-15b": Shape(
        "GPTBigCodeConfig",
        {
            "n_embd": 6_144,
            "n_inner": 24_576,
            "n_layer": 40,
            "n_head": 48,
            "n_positions": 8_192,
            "vocab_size": 49_152,
        },
    ),
    "qwen2.5-coder-1.5b": _llama_like(
        "Qwen2Config", (1_536, 8_960, 28, 12, 2, 151_936), tie_word_embeddings=True
    ),
    "tiny": _llama_like("LlamaConfig", (64, 128, 2, 4, 2, 2_000)),
}


def words(count: int, *, salt: int, vocabulary: int) -> str:
    """Return a text of ``count`` tokens that differs with ``salt`` from the first token on."""
    return " ".join(f"t{(salt * 7_919 + n * 31 + 1) % vocabulary}" for n in range(count))


def _tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer whose words are numbers of tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = {f"t{n}": n for n in range(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


class _PlainCodec(PromptCodec):
    """Takes prompts as they are: they are laid out already."""

    def format_prompt(self, prompt: Prompt) -> str:
        """Return the request."""
        return prompt.request


class RandomEngine(TransformersEngine):
    """The transformers engine with random weights, which are made on the device itself.

    Parameters
    ----------
    shape
        One of `SHAPES`.
    device, dtype
        Where and as what the weights are made.
    """

    def __init__(self, shape: str, *, device: str, dtype: str) -> None:
        super().__init__(Settings(model=shape, device_map=device, dtype=dtype))
        self._shape = shape

    @property
    def model(self) -> PreTrainedModel:
        """The weights, in memory."""
        return self._load(Job()).model

    def _read_files(self, job: Job) -> Prepared:  # noqa: ARG002 - there is no progress to report
        config = SHAPES[self._shape].config()
        codec = _PlainCodec(
            _tokenizer(config.vocab_size),
            model_name=self._shape,
            context_window=config.max_position_embeddings,
        )
        files = LocalModel(name=self._shape, path=Path(), source="folder")
        placement = place(self._settings, self._options)
        return Prepared(files=files, placement=placement, config=config, codec=codec)

    def _read_weights(self, prepared: Prepared, job: Job) -> Loaded:  # noqa: ARG002 - as above
        """Make the weights."""
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        self._check_memory(prepared)
        # Made on the device itself, since large shapes do not fit into main memory.
        with torch.device(self._options.device_map), torch.random.fork_rng():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(
                prepared.config, dtype=getattr(torch, prepared.placement.dtype)
            )
        model.generation_config = GenerationConfig()
        return Loaded(prepared=prepared, model=model.eval(), offload=ExitStack())
