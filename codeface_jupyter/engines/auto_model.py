"""What ``model = "auto"`` stands for: the best recommended model that runs well here."""

from __future__ import annotations

from dataclasses import replace

from codeface_jupyter.config import AUTO_MODEL, Settings
from codeface_jupyter.engines.registry import engine_choice, engine_speed
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.models.catalog import ASSUMED_CONTEXT_TOKENS, CATALOG, ModelEntry
from codeface_jupyter.models.fetch import is_here
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory
from codeface_jupyter.models.model_choice import Candidate, ModelChoice, choose
from codeface_jupyter.models.speed import EngineSpeed, Rates, expected_rates
from codeface_jupyter.models.speed_records import SpeedRecords, rates_key

__all__ = [
    "choose_model",
    "foreseen_rates",
    "leaves_room",
    "runs_catalog",
    "settled",
    "with_model",
]

# Of an engine that was chosen for a model but does not tell its speed.
UNTOLD = EngineSpeed(weights="", bits_per_weight=16)


def choose_model(
    settings: Settings,
    *,
    may_probe: bool = True,
    held_bytes: int = 0,
    reads_ahead: bool = False,
) -> ModelChoice | None:
    """Return what ``model = "auto"`` comes to with ``settings``.

    Parameters
    ----------
    settings
        Which engine is to answer, and where files lie.
    may_probe
        Whether the machine may be measured, if it has not been.
    held_bytes
        Memory that a model of this process holds and would give back.
    reads_ahead
        Whether questions are read while they are typed.

    Returns
    -------
    ModelChoice | None
        None if the engine that is named runs no model of the catalog on this machine.
    """
    found = [
        _candidate(entry, settings, may_probe=may_probe, held_bytes=held_bytes)
        for entry in CATALOG.values()
        if entry.is_recommended
    ]
    candidates = [candidate for candidate in found if candidate is not None]
    if not candidates:
        return None
    ahead = choose([replace(candidate, reads_ahead=True) for candidate in candidates])
    if reads_ahead:
        return ahead
    choice = choose(candidates)
    is_other = settings.read_ahead and ahead.wanted.entry != choice.wanted.entry
    return replace(choice, ahead=ahead.wanted) if is_other else choice


def runs_catalog(settings: Settings) -> bool:
    """Whether the engine runs models of the catalog here; a server has models of its own."""
    recommended = (entry for entry in CATALOG.values() if entry.is_recommended)
    return any(_engine_for(entry, settings) is not None for entry in recommended)


def settled(settings: Settings, *, will_fetch: bool = False, may_probe: bool = True) -> Settings:
    """Return ``settings`` with a model by name, for a command about the model that is set.

    Parameters
    ----------
    settings
        As they are set.
    will_fetch
        Whether the best is meant, though another may answer until it is here.
    may_probe
        Whether the machine may be measured, if it has not been.
    """
    is_auto = settings.model == AUTO_MODEL
    choice = choose_model(settings, may_probe=may_probe) if is_auto else None
    if choice is None:
        return settings
    return with_model(settings, choice.wanted.entry.name if will_fetch else choice.name)


def with_model(settings: Settings, name: str) -> Settings:
    """Return ``settings`` for a model that auto has chosen, at the catalog's own revision."""
    return settings.model_copy(update={"model": name, "revision": None})


def leaves_room(name: str, settings: Settings) -> bool:
    """Whether a recommended model, loaded now, would leave the user half of what is free."""
    entry = CATALOG.get(name)
    found = None if entry is None else _candidate(entry, settings, may_probe=False, held_bytes=0)
    return found is None or found.fits


def foreseen_rates(
    entry: ModelEntry, settings: Settings, *, may_probe: bool = True
) -> Rates | None:
    """Return how fast a model is here, measured or else expected; None if nothing tells."""
    found = _engine_for(entry, settings)
    return None if found is None else _rates(entry, found, settings, may_probe=may_probe)


def _candidate(
    entry: ModelEntry, settings: Settings, *, may_probe: bool, held_bytes: int
) -> Candidate | None:
    found = _engine_for(entry, settings)
    if found is None:
        return None
    speed = found[1]
    weights = round(entry.parameters * speed.bits_per_weight / 8)
    kv_cache = entry.kv_cache_bytes("bfloat16", tokens=ASSUMED_CONTEXT_TOKENS)
    return Candidate(
        entry=entry,
        is_here=is_here(ModelRequest(entry.name, settings.cache_dir)),
        needed_bytes=weights + kv_cache + WORKING_BYTES,
        free_bytes=available_memory(speed.device) + held_bytes,
        rates=_rates(entry, found, settings, may_probe=may_probe),
        may_be_slow=speed.device != "cuda",
    )


def _engine_for(entry: ModelEntry, settings: Settings) -> tuple[str, EngineSpeed] | None:
    """Return the engine that would run a model, and how its speed follows from the machine's."""
    asked = with_model(settings, entry.name)
    try:
        name = engine_choice(asked).name
        speed = engine_speed(name, asked)
    except CodeFaceError:
        return None
    if speed is None and settings.engine == "auto":
        speed = UNTOLD
    return None if speed is None else (name, speed)


def _rates(
    entry: ModelEntry, found: tuple[str, EngineSpeed], settings: Settings, *, may_probe: bool
) -> Rates | None:
    engine, speed = found
    records = SpeedRecords(settings.cache_dir)
    measured = records.rates(rates_key(entry.name, engine, speed.weights))
    if measured is not None or speed.device != "cpu" or speed is UNTOLD:
        return measured
    machine = records.machine(may_probe=may_probe)
    return None if machine is None else expected_rates(entry, speed, machine)
