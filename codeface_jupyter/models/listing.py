"""The list of known models: what they need, how fast and how often right they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeface_jupyter.config import Settings
from codeface_jupyter.models.catalog import CATALOG, LOOKED_UP, ModelEntry
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory
from codeface_jupyter.models.model_choice import ModelChoice
from codeface_jupyter.models.speed import Rates
from codeface_jupyter.models.storage import format_bytes

__all__ = ["COLUMNS", "ListedModel", "explain_listing", "list_models"]

COLUMNS = ("name", "fetch", "memory", "tokens/s", "right", "licence")


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """One line of the list.

    Attributes
    ----------
    entry
        The model.
    is_here
        Whether its files are on this machine.
    needed_bytes, short_bytes
        The memory that it takes, and how much of that is not free now; 0 if it fits.
    rates
        How fast it is here; None if nothing tells.
    """

    entry: ModelEntry
    is_here: bool
    needed_bytes: int
    short_bytes: int
    rates: Rates | None

    @property
    def fits(self) -> bool:
        """Whether it fits into the memory that is free now."""
        return self.short_bytes == 0

    def cells(self) -> tuple[str, ...]:
        """Return the texts of `COLUMNS`."""
        fetch = "here" if self.is_here else format_bytes(self.entry.download_bytes)
        return self.entry.name, fetch, self._memory(), self._rate(), self._right(), self._licence()

    def lines(self) -> tuple[str, str]:
        """Return the same in two lines, for where a table has no room."""
        _, fetch, memory, rate, right, licence = self.cells()
        facts = (
            fetch if self.is_here else f"fetch {fetch}",
            f"memory {memory}",
            f"{rate} tokens/s" if rate else "",
            f"right {right}" if right else "",
        )
        return f"{self.entry.name}  {licence}", f"  {' · '.join(filter(None, facts))}"

    def _memory(self) -> str:
        short = "" if self.fits else f" (-{format_bytes(self.short_bytes)})"
        return format_bytes(self.needed_bytes) + short

    def _rate(self) -> str:
        if self.rates is None:
            return ""
        rate = self.rates.decode_tokens_per_s
        number = f"{rate:.0f}" if rate >= 1 else f"{rate:.1f}"
        return number if self.rates.is_measured else f"~{number}"

    def _right(self) -> str:
        known = self.entry.right_answers
        if known.measured is not None:
            return f"{known.measured} %"
        return "" if known.published is None else f"({known.published:.0f} %)"

    def _licence(self) -> str:
        marks = ("*" if self.entry.is_gated else "") + ("" if self.entry.is_chat else "†")
        return f"{self.entry.licence} {marks}".strip()


def list_models(
    settings: Settings, *, rates: Callable[[ModelEntry], Rates | None] = lambda _: None
) -> list[ListedModel]:
    """Return every model of the catalog, with what holds on this machine now.

    Parameters
    ----------
    settings
        Where files lie.
    rates
        Returns how fast a model is here.
    """
    free_bytes = available_memory("auto")
    return [
        _listed(entry, settings, free_bytes=free_bytes, rates=rates(entry))
        for entry in CATALOG.values()
    ]


def explain_listing(
    settings: Settings,
    *,
    aliases: Mapping[str, str] = MappingProxyType({}),
    choice: ModelChoice | None = None,
) -> str:
    """Return what auto takes, what the columns of the list mean, and the user's aliases."""
    free = format_bytes(available_memory("auto"))
    named = ", ".join(f"{name} = {model}" for name, model in aliases.items())
    own = f" Your aliases: {named}." if named else ""
    auto = f"{choice.describe()}\n" if choice is not None else ""
    return (
        f"{auto}"
        f"memory is bfloat16 weights and 4,096 tokens of KV cache, after - what "
        f"is not free of it; {free} are free here. "
        "tokens/s are those of an answer here, measured, or expected where ~ stands before them. "
        "right is percent of our notebook tasks, in brackets the publisher's HumanEval figure: the "
        f"two cannot be compared. Publishers' figures are of {LOOKED_UP:%d %B %Y}. "
        f"Files are in {settings.cache_dir} and in the hub's cache. Any hub id or folder of a "
        "causal language model works too. "
        "* needs a login on the hub and its licence accepted there. "
        f"† a base model: it continues code.{own}"
    )


def _listed(
    entry: ModelEntry, settings: Settings, *, free_bytes: int, rates: Rates | None
) -> ListedModel:
    needed = entry.memory_bytes("bfloat16") + WORKING_BYTES
    return ListedModel(
        entry=entry,
        is_here=locate(ModelRequest(entry.hub_id, settings.cache_dir)) is not None,
        needed_bytes=needed,
        short_bytes=max(0, needed - free_bytes),
        rates=rates,
    )
