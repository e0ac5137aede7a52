"""What is remembered of speed in the cache folder: probes, measured answers, the choice told.

One JSON file for each kind of machine, since several may share a cache folder.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from codeface_jupyter.generation import EngineIdentity, GenerationMetrics
from codeface_jupyter.models.speed import MachineSpeed, Rates, cpu_name, probe_machine
from codeface_jupyter.models.storage import safe_name
from codeface_jupyter.small_files import read_json, write_whole

__all__ = ["SpeedRecords", "rates_key"]

logger = logging.getLogger(__name__)

# A machine that was busy, or has been changed, gets another chance.
VALID_DAYS = 30
# All models of a list are told by one measurement; at the next occasion there is another.
BUSY_FOR_S = 10.0
# What this process has found, and when: the file may be one that cannot be written.
_PROBED: dict[Path, tuple[float, MachineSpeed]] = {}
# The median of so many last answers counts, once there are at least so many.
KEPT, ENOUGH = 20, 3
# Shorter ones say little of a rate.
SHORTEST_ANSWER, SHORTEST_PROMPT = 16, 64


def rates_key(model: str, engine: str, weights: str) -> str:
    """Return under what a model's rates are kept: another engine has others."""
    return f"{model} {engine} {weights}"


class SpeedRecords:
    """The records of this machine; without a folder to write to, nothing is remembered.

    Parameters
    ----------
    cache_dir
        The user's cache folder.
    """

    def __init__(self, cache_dir: Path) -> None:
        name = f"{safe_name(cpu_name())}-{os.cpu_count() or 1}.json"
        self.file = cache_dir / "speed" / name

    def machine(self, *, may_probe: bool = True) -> MachineSpeed | None:
        """Return what the probes found, now or in the last weeks; None if none may be made."""
        records = self._read()
        found = _machine(records.get("machine")) or self._probed()
        if found is None and may_probe:
            found = probe_machine()
            _PROBED[self.file] = time.monotonic(), found
            if found.is_certain:
                self._write(records | {"machine": asdict(found)})
        return found

    def _probed(self) -> MachineSpeed | None:
        """Return what this process found; while other work went on, only if that was just now."""
        at, found = _PROBED.get(self.file, (0.0, None))
        is_over = found is None or not (found.is_certain or time.monotonic() - at < BUSY_FOR_S)
        return None if is_over else found

    def rates(self, key: str) -> Rates | None:
        """Return the median rates of the last answers; None before there are enough."""
        measured = self._read().get("rates", {}).get(key, {})
        decode, prefill = measured.get("decode", []), measured.get("prefill", [])
        if min(len(decode), len(prefill)) < ENOUGH:
            return None
        return Rates(
            decode_tokens_per_s=statistics.median(decode),
            prefill_tokens_per_s=statistics.median(prefill),
            is_measured=True,
        )

    def add(
        self, identity: EngineIdentity, metrics: GenerationMetrics, *, was_read_ahead: bool = False
    ) -> None:
        """Remember how fast an answer came, unless its whole prompt had been answered before.

        Parameters
        ----------
        was_read_ahead
            Whether its prompt has only been read before, and not answered.
        """
        weights = identity.quantization or identity.dtype
        key = rates_key(identity.model, identity.engine, weights)
        read = metrics.prompt_tokens - metrics.reused_prompt_tokens
        if read <= 1 and not was_read_ahead:
            # The earlier answer may have been copied from, at many times the usual rate.
            return
        records = self._read()
        rates = records.setdefault("rates", {}).setdefault(key, {})
        if metrics.generated_tokens >= SHORTEST_ANSWER and metrics.decode_s > 0:
            _append(rates, "decode", metrics.decode_tokens_per_s)
        if read >= SHORTEST_PROMPT and metrics.time_to_first_token_s > 0:
            _append(rates, "prefill", read / metrics.time_to_first_token_s)
        self._write(records)

    def has_told(self, names: Sequence[str]) -> bool:
        """Whether a choice among models was the last one told here, by the models' names."""
        return self._read().get("told") == list(names)

    def remember_told(self, names: Sequence[str]) -> None:
        """Remember that a choice has been told."""
        self._write(self._read() | {"told": list(names)})

    def _read(self) -> dict[str, Any]:
        try:
            records: Any = read_json(self.file)
        except (OSError, ValueError, RecursionError):
            return {}
        # Somebody may have edited it, or another release have written something else.
        if not isinstance(records, dict) or not _are_rates(records.get("rates", {})):
            return {}
        return records

    def _write(self, records: dict[str, Any]) -> None:
        """Write the file whole, or not at all: it only spares a measurement."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # Those who share the cache folder read this, too.
            mode = self.file.parent.stat().st_mode & 0o666
            write_whole(self.file, json.dumps(records, indent=1).encode(), mode=mode)
        except OSError as error:
            logger.debug("Speed is not remembered: %s", error)


def _are_rates(rates: object) -> bool:
    """Whether these are lists of rates by kind, by what `rates_key` returns."""
    return isinstance(rates, dict) and all(
        isinstance(kinds, dict) and all(map(_are_numbers, kinds.values()))
        for kinds in rates.values()
    )


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(n, int | float) and n > 0 for n in values)


def _append(rates: dict[str, list[float]], name: str, rate: float) -> None:
    rates[name] = [*rates.get(name, []), round(rate, 1)][-KEPT:]


def _machine(record: object) -> MachineSpeed | None:
    """Return the machine's speed as it was written, unless it is old or not readable."""
    if not isinstance(record, dict):
        return None
    try:
        found = MachineSpeed(**record)
        age = date.today() - date.fromisoformat(found.measured_on)
        is_usable = found.bytes_per_s > 0 and found.flop_per_s > 0
    except (TypeError, ValueError):
        return None
    return found if is_usable and 0 <= age.days <= VALID_DAYS else None
