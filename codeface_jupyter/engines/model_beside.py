"""Which model completes code beside the one that answers: a smaller one, where that is slow."""

from __future__ import annotations

from codeface_jupyter.config import AUTO_MODEL, SAME_MODEL, Settings
from codeface_jupyter.engines.auto_model import foreseen_rates, with_model
from codeface_jupyter.engines.base import Engine, InfillEngine
from codeface_jupyter.engines.registry import engine_choice, engine_speed
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.models.catalog import CATALOG, ModelEntry, close_names, find
from codeface_jupyter.models.fetch import is_here, locate
from codeface_jupyter.models.local_model import ModelRequest

__all__ = ["problem_beside", "settings_beside", "smaller_to_fetch"]

# A second model is worth its memory if it is so many times smaller, and so as many times as fast.
TIMES_SMALLER = 2
# A completion takes some four passes: with that many tokens a second it comes within 0.2 s.
FAST_TOKENS_PER_S = 40


def settings_beside(settings: Settings, answering: Engine) -> Settings | None:
    """Return the settings of the model that is to complete code beside ``answering``.

    It is the one that ``settings`` name; of itself, where ``answering`` is slow or cannot, as
    a server cannot, the smallest of the catalog that is here and can. Nothing is fetched and
    nothing measured.

    Returns
    -------
    Settings | None
        None if the model that answers is to complete code, too.
    """
    name = settings.completion_model
    if name == AUTO_MODEL:
        name = _smaller_one(settings, answering) or SAME_MODEL
    if name in {SAME_MODEL, answering.identity.model}:
        return None
    # An engine that completes nothing would complete nothing with another model either.
    engine = settings.engine if isinstance(answering, InfillEngine) else "auto"
    return with_model(settings, name).model_copy(update={"engine": engine, "auto_pull": False})


def problem_beside(settings: Settings, answering: Engine) -> str:
    """Return why the model that ``settings`` name cannot complete code beside ``answering``.

    Its files are looked for and nothing is loaded. Empty if nothing speaks against it, or
    only its engine can tell.
    """
    name = settings.completion_model
    wanted = None if name == AUTO_MODEL else settings_beside(settings, answering)
    if wanted is None:
        return ""
    try:
        if engine_speed(engine_choice(wanted).name, wanted) is None:
            return ""
        found = locate(ModelRequest.of(wanted))
    except CodeFaceError as error:
        return str(error)
    if found is None:
        return (
            f"{name} is not on this machine, and none is fetched to complete code.{_way_out(name)}"
        )
    entry = find(name)
    is_unsuited = entry is not None and entry.fim_tokens is None
    return f"{name} was not made to fill gaps in code." if is_unsuited else ""


def _way_out(name: str) -> str:
    near = close_names(name) if find(name) is None else []
    return f"\nDid you mean {near[0]}?" if near else f"\nFetch it first: codeface pull {name}"


def smaller_to_fetch(settings: Settings, answering: ModelEntry) -> ModelEntry | None:
    """Return a model that would complete code much faster than ``answering``, if none is here."""
    if _is_fast(answering, settings):
        return None
    smaller = _smaller_ones(answering.parameters // TIMES_SMALLER)
    if not smaller or any(_is_here(one, settings) for one in smaller):
        return None
    return smaller[0]


def _smaller_one(settings: Settings, answering: Engine) -> str | None:
    """Return the name of the smallest model that is here, if it is much faster."""
    most = None
    if isinstance(answering, InfillEngine) and answering.can_infill:
        entry = find(answering.identity.model)
        if entry is None or _is_fast(entry, settings):
            return None
        most = entry.parameters // TIMES_SMALLER
    return next((one.name for one in _smaller_ones(most) if _is_here(one, settings)), None)


def _smaller_ones(most_parameters: int | None) -> list[ModelEntry]:
    """Return the recommended models that complete code, the smallest first."""
    found = (one for one in CATALOG.values() if one.is_recommended and one.fim_tokens is not None)
    chosen = [o for o in found if most_parameters is None or o.parameters <= most_parameters]
    return sorted(chosen, key=lambda one: one.parameters)


def _is_here(entry: ModelEntry, settings: Settings) -> bool:
    return is_here(ModelRequest(entry.name, settings.cache_dir))


def _is_fast(entry: ModelEntry, settings: Settings) -> bool:
    rates = foreseen_rates(entry, settings, may_probe=False)
    return rates is not None and rates.decode_tokens_per_s >= FAST_TOKENS_PER_S
