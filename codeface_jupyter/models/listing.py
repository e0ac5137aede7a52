"""The list of known models: what they need, how fast and how often right they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codeface_jupyter.config import Settings
from codeface_jupyter.errors import ModelError
from codeface_jupyter.models.catalog import (
    ASSUMED_CONTEXT_TOKENS,
    CATALOG,
    LOOKED_UP,
    ModelEntry,
    RightAnswers,
)
from codeface_jupyter.models.fetch import is_here
from codeface_jupyter.models.gguf_files import gguf_parts, list_gguf, locate_gguf
from codeface_jupyter.models.gguf_header import read_gguf_header
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory, gguf_estimate
from codeface_jupyter.models.removal import size_bytes
from codeface_jupyter.models.speed import Rates
from codeface_jupyter.models.storage import format_bytes

__all__ = ["COLUMNS", "ListedModel", "explain_listing", "list_models"]

NOT_KNOWN = RightAnswers()
COLUMNS = ("name", "fetch", "memory", "tokens/s", "notebooks", "HumanEval", "licence")


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """One line of the list.

    Attributes
    ----------
    name, licence
        As they are shown, marks included.
    is_here
        Whether its files are on this machine.
    is_recommended
        Whether ``auto`` may take it.
    fetch_bytes
        What would be fetched.
    needed_bytes, short_bytes
        The memory that it takes, and how much of that is not free now; 0 if it fits.
    rates
        How fast it is here; None if nothing tells.
    right_answers
        How often it is right, as far as that is known.
    """

    name: str
    licence: str
    is_here: bool
    fetch_bytes: int
    needed_bytes: int
    short_bytes: int
    is_recommended: bool = False
    rates: Rates | None = None
    right_answers: RightAnswers = NOT_KNOWN

    @property
    def fits(self) -> bool:
        """Whether it fits into the memory that is free now."""
        return self.short_bytes == 0

    def cells(self) -> tuple[str, ...]:
        """Return the texts of `COLUMNS`."""
        fetch = "here" if self.is_here else format_bytes(self.fetch_bytes)
        right = self.right_answers
        shares = _percent(right.measured), _percent(right.published)
        return self.name, fetch, self._memory(), self._rate(), *shares, self.licence

    def lines(self) -> tuple[str, str]:
        """Return the same in two lines, for where a table has no room."""
        _, fetch, memory, rate, notebooks, human_eval, licence = self.cells()
        facts = (
            fetch if self.is_here else f"fetch {fetch}",
            f"memory {memory}",
            f"{rate} tokens/s" if rate else "",
            f"notebooks {notebooks}" if notebooks else "",
            f"HumanEval {human_eval}" if human_eval else "",
        )
        return f"{self.name}  {licence}", f"  {' · '.join(filter(None, facts))}"

    def _memory(self) -> str:
        short = "" if self.fits else f" (-{format_bytes(self.short_bytes)})"
        return format_bytes(self.needed_bytes) + short

    def _rate(self) -> str:
        if self.rates is None:
            return ""
        rate = self.rates.decode_tokens_per_s
        number = f"{rate:.0f}" if rate >= 1 else f"{rate:.1f}"
        return number if self.rates.is_measured else f"~{number}"


def list_models(
    settings: Settings, *, rates: Callable[[ModelEntry], Rates | None] = lambda _: None
) -> list[ListedModel]:
    """Return the catalog and what other programs have here, with what holds on this machine now.

    Parameters
    ----------
    settings
        Where files lie.
    rates
        Returns how fast a model of the catalog is here.
    """
    free_bytes = available_memory("auto")
    listed = [
        _listed(entry, settings, free_bytes=free_bytes, rates=rates(entry))
        for entry in CATALOG.values()
    ]
    found = (_listed_gguf(name, settings, free_bytes=free_bytes) for name in list_gguf())
    return [*listed, *filter(None, found)]


def explain_listing(settings: Settings, *, aliases: Mapping[str, str]) -> str:
    """Return what the columns of the list mean, and the user's aliases."""
    free = format_bytes(available_memory("auto"))
    named = ", ".join(f"{name} = {model}" for name, model in aliases.items())
    own = f" Your aliases: {named}." if named else ""
    return (
        f"memory: bfloat16 weights and a KV cache of {ASSUMED_CONTEXT_TOKENS:,} tokens; in "
        f"brackets, how much is missing. {free} are free here. "
        "tokens/s: how fast it writes here; ~ marks an estimate. "
        "notebooks: how many of our notebook tasks it gets right. HumanEval: its publisher's "
        f"figure, looked up on {LOOKED_UP}; the two cannot be compared. "
        "* needs a login on the hub, with its licence accepted there. "
        "† is a base model: it continues code and has not learned to answer. "
        "You can also use any hub id, folder or GGUF of a causal language model; names that begin "
        "with ollama: and lmstudio: are what those programs have on this machine. "
        f"Models are kept in {settings.cache_dir} and in the hub's cache.{own}"
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0f}%"


def _listed(
    entry: ModelEntry, settings: Settings, *, free_bytes: int, rates: Rates | None
) -> ListedModel:
    needed = entry.memory_bytes("bfloat16") + WORKING_BYTES
    return ListedModel(
        name=entry.name,
        licence=_marked(entry.licence, is_gated=entry.is_gated, is_chat=entry.is_chat),
        is_here=is_here(ModelRequest(entry.hub_id, settings.cache_dir)),
        fetch_bytes=entry.download_bytes,
        needed_bytes=needed,
        short_bytes=max(0, needed - free_bytes),
        is_recommended=entry.is_recommended,
        rates=rates,
        right_answers=entry.right_answers,
    )


def _marked(licence: str, *, is_chat: bool, is_gated: bool = False) -> str:
    marks = ("*" if is_gated else "") + ("" if is_chat else "†")
    return f"{licence} {marks}".strip()


def _listed_gguf(name: str, settings: Settings, *, free_bytes: int) -> ListedModel | None:
    """Return the line of a GGUF in another program's store; None if it cannot be loaded."""
    try:
        found = locate_gguf(ModelRequest(name, settings.cache_dir))
        if found is None:
            return None
        header = read_gguf_header(found.path)
        size = sum(size_bytes(part) for part in gguf_parts(found.path))
    except ModelError:
        return None
    needed = gguf_estimate(header, file_bytes=size).total_bytes
    licence = header.licence or "see its publisher"
    return ListedModel(
        name=name,
        licence=_marked(licence, is_chat=bool(header.chat_template)),
        is_here=True,
        fetch_bytes=size,
        needed_bytes=needed,
        short_bytes=max(0, needed - free_bytes),
    )
