"""How fast a model is expected to answer here: two short probes of the machine, and a rule.

A token of the answer reads every weight once, so memory bounds decoding; reading a prompt
multiplies every weight with every token, so arithmetic bounds that. What share of either an
engine reaches is fitted to measurements: see decision 15.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from codeface_jupyter.models.catalog import ModelEntry

__all__ = [
    "EngineSpeed",
    "MachineSpeed",
    "OtherWork",
    "Rates",
    "computes_bfloat16",
    "cpu_features",
    "cpu_name",
    "expected_rates",
    "multiplies_bytes",
    "probe_machine",
]

# What a follow-up cell typically adds to a prompt whose beginning is kept.
UNREAD_TOKENS = 200
# Of one that is read while it is typed, which takes so long: its last words at least, and
# what they bring to the front.
LAST_WORDS_TOKENS, TYPING_S = 70, 10.0
# Slower than this is not chosen.
LONGEST_FIRST_TOKEN_S = 1.5
LOWEST_TOKENS_PER_S = 15.0
# A prompt of which only what all begin with has been read, and an answer.
QUESTION_TOKENS, ANSWER_TOKENS = 500, 50
MEASURED_SLACK = 1.25
# Laying out the context and the first pass itself.
FIRST_TOKEN_OVERHEAD_S = 0.05

# Long enough for some runs that nothing else disturbs.
PROBE_S = 0.15
# 128 MB: more than the caches of nearly every processor hold.
ROWS, COLUMNS = 4_096, 8_192
SQUARE = 768
CPUINFO = Path("/proc/cpuinfo")
# Instructions that multiply and add bytes, as Linux names them on x86 and on Arm.
BYTE_PRODUCTS = frozenset({"amx_int8", "avx512_vnni", "avx_vnni", "asimddp", "i8mm"})
# What libraries compute bfloat16 with at the speed of float32 or better.
BFLOAT16 = frozenset({"amx_bf16", "avx512bw", "avx_ne_convert", "bf16"})
# Other work disturbs the probes where it leaves hardly a core idle.
LITTLE_IDLE, MUCH_OTHER = 0.1, 0.1
# What it took is added, but no more than this.
LARGEST_CORRECTION = 5.0


@dataclass(frozen=True, kw_only=True)
class MachineSpeed:
    """What the probes found.

    Attributes
    ----------
    cpu, cores
        The processor, and how many of its cores the system shows.
    measured_on
        The day, in ISO format.
    bytes_per_s
        How fast weights come from memory, by a matrix-vector product.
    flop_per_s
        How fast 32-bit floating point is computed with, by a matrix product.
    is_certain
        Whether nothing else kept the machine busy meanwhile.
    """

    cpu: str
    cores: int
    measured_on: str
    bytes_per_s: float
    flop_per_s: float
    is_certain: bool = True


@dataclass(frozen=True, kw_only=True)
class EngineSpeed:
    """How an engine's speed follows from the machine's.

    Attributes
    ----------
    weights
        What the weights are held as, as the engine's identity names it: ``int8``, ``bfloat16``.
    bits_per_weight
        What one takes in memory, scales included.
    device
        ``"cpu"``, or ``"cuda"``: its speed does not follow from these probes, and is known
        only once answers have been measured.
    bandwidth_share
        The part of the memory's speed that decoding reaches.
    compute_ratio
        The arithmetic that reading a prompt reaches, over that of 32-bit floating point.
    token_overhead_s
        What one token of the answer takes besides its weights.
    """

    weights: str
    bits_per_weight: float
    device: str = "cpu"
    bandwidth_share: float = 1.0
    compute_ratio: float = 1.0
    token_overhead_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How fast a model answers here.

    Attributes
    ----------
    decode_tokens_per_s, prefill_tokens_per_s
        Tokens of the answer, and of a prompt that is read.
    is_measured
        Whether answers were measured; otherwise it is expected by the rule.
    """

    decode_tokens_per_s: float
    prefill_tokens_per_s: float
    is_measured: bool = False

    def first_token_s(self, *, reads_ahead: bool = False) -> float:
        """Return the seconds to the first token of a follow-up, read ahead or not."""
        unread: float = UNREAD_TOKENS
        if reads_ahead:
            read = self.prefill_tokens_per_s * TYPING_S
            unread = max(LAST_WORDS_TOKENS, QUESTION_TOKENS - read)
        return unread / self.prefill_tokens_per_s + FIRST_TOKEN_OVERHEAD_S

    @property
    def answer_s(self) -> float:
        """Seconds to the end of an answer to a prompt of which only the start has been read."""
        reading_s = QUESTION_TOKENS / self.prefill_tokens_per_s + FIRST_TOKEN_OVERHEAD_S
        return reading_s + ANSWER_TOKENS / self.decode_tokens_per_s

    def is_fast(self, *, reads_ahead: bool = False) -> bool:
        """Whether a user need not wait for it, with questions read ahead or not."""
        # It is certain, and a model in use is not left for a little.
        slack = MEASURED_SLACK if self.is_measured else 1.0
        first_token_s = self.first_token_s(reads_ahead=reads_ahead)
        is_prompt = first_token_s <= slack * LONGEST_FIRST_TOKEN_S
        return is_prompt and slack * self.decode_tokens_per_s >= LOWEST_TOKENS_PER_S


def expected_rates(entry: ModelEntry, engine: EngineSpeed, machine: MachineSpeed) -> Rates:
    """Return the rates that follow from the model's size, the engine and the machine."""
    weights = entry.active_parameters or entry.parameters
    reading_s = weights * engine.bits_per_weight / 8 / machine.bytes_per_s / engine.bandwidth_share
    return Rates(
        decode_tokens_per_s=1 / (reading_s + engine.token_overhead_s),
        prefill_tokens_per_s=machine.flop_per_s * engine.compute_ratio / (2 * weights),
    )


def probe_machine() -> MachineSpeed:
    """Measure memory and arithmetic on the cores that numpy uses, in under half a second."""
    import numpy as np

    # numpy computes with them in the library that is made for such products, on all cores.
    matrix, vector = np.ones((ROWS, COLUMNS), np.float32), np.ones(COLUMNS, np.float32)
    square = np.ones((SQUARE, SQUARE), np.float32)
    others = OtherWork()
    reading, computing = _seconds(lambda: matrix @ vector), _seconds(lambda: square @ square)
    share = others.share()
    reading_s, computing_s = _undisturbed_s(reading, share), _undisturbed_s(computing, share)
    return MachineSpeed(
        cpu=cpu_name(),
        cores=os.cpu_count() or 1,
        measured_on=date.today().isoformat(),
        bytes_per_s=matrix.nbytes / reading_s,
        flop_per_s=2 * SQUARE**3 / computing_s,
        is_certain=share == 0,
    )


def _seconds(work: Callable[[], object]) -> list[float]:
    """Return the seconds of each of several runs."""
    runs: list[float] = []
    end = time.perf_counter() + PROBE_S
    while (begin := time.perf_counter()) < end:
        work()
        runs.append(time.perf_counter() - begin)
    return runs


def _undisturbed_s(runs: Sequence[float], others_share: float) -> float:
    """Return the seconds of a run that has the machine to itself.

    The quickest is nearest to that, unless other work left none of them alone: then it is the
    average without the share that the others had.
    """
    correction = min(1 / (1 - others_share), LARGEST_CORRECTION) if others_share < 1 else 1.0
    return min(*runs, fmean(runs) / correction)


class OtherWork:
    """What other processes take of the cores, from when this is made."""

    def __init__(self) -> None:
        self._times, self._own_s = psutil.cpu_times(), time.process_time()

    def share(self) -> float:
        """Return their share of what was computed; 0 as long as they left room."""
        times = psutil.cpu_times()
        own_s = time.process_time() - self._own_s
        idle_s = times.idle - self._times.idle
        all_s = sum(times[:4]) - sum(self._times[:4])
        others_s = max(0.0, all_s - idle_s - own_s)
        is_full = idle_s <= LITTLE_IDLE * all_s and others_s >= MUCH_OTHER * all_s
        return others_s / (others_s + own_s) if is_full else 0.0


def cpu_name() -> str:
    """Return the processor's name, as far as the system tells it."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def cpu_features() -> frozenset[str]:
    """Return the names of the processor's instruction sets; empty if the system tells none."""
    return frozenset((_cpu_line("flags") or _cpu_line("Features")).split())


def multiplies_bytes() -> bool:
    """Whether the processor has instructions for products of bytes, if the system tells."""
    features = cpu_features()
    return not features or bool(features & BYTE_PRODUCTS)


def computes_bfloat16() -> bool:
    """Whether the processor computes with bfloat16 well, if the system tells."""
    features = cpu_features()
    return not features or bool(features & BFLOAT16)


def _cpu_line(name: str) -> str:
    """Return what the system says of the first core under a name; empty if nothing."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(named, "")
