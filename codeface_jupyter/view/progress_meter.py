"""One line that says how far a piece of work is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from codeface_jupyter.jobs import Progress, Step

__all__ = ["ProgressMeter"]

# Work often begins slowly: what is left is told once so much is done.
FORESEEN_FROM = 0.05
# What is there at once was done before, and tells nothing of the speed.
AT_ONCE_S = 0.3


@dataclass
class ProgressMeter:
    """Turns progress reports into one line with step, size, speed and time left."""

    clock: Callable[[], float] = time.monotonic
    _stage: str = ""
    _begin_s: float = 0.0
    _begin_completed: float = 0.0
    _changed_s: float = 0.0
    _completed: float = 0.0
    _is_numbered: bool = False

    def describe(self, progress: Progress) -> str:
        """Return the line for ``progress``."""
        return self._number(progress.step) + self._measure(progress)

    def _number(self, step: Step | None) -> str:
        """Return which step it is; empty where the only one is the last, as in most answers."""
        self._is_numbered |= step is not None and step != max(Step)
        return f"Step {step:d} of {len(Step)}: " if step and self._is_numbered else ""

    def _measure(self, progress: Progress) -> str:
        if progress.stage != self._stage:
            self._stage = progress.stage
            self._begin_s, self._begin_completed = self.clock(), progress.completed
            self._completed = progress.completed
        # What has to be done once more counts as done: the line would go back.
        if progress.completed < self._completed <= (progress.total or 0):
            progress = replace(progress, completed=self._completed)
        if self.clock() - self._begin_s < AT_ONCE_S:
            self._begin_completed = progress.completed
        if progress.completed != self._completed or self._changed_s < self._begin_s:
            self._changed_s, self._completed = self.clock(), progress.completed
        elapsed_s = self.clock() - self._begin_s
        if not progress.total:
            return f"{progress.stage} … {elapsed_s:.0f} s"
        done = progress.completed - self._begin_completed
        speed = self._speed(done)
        time_s = f"{elapsed_s:.0f} s"
        if speed > 0 and done >= FORESEEN_FROM * (progress.total - self._begin_completed):
            waiting_s = self.clock() - self._changed_s
            left_s = (progress.total - progress.completed) / speed - waiting_s
            # It takes longer than foreseen: nothing is known of its speed.
            speed = speed if left_s >= 0 else 0.0
            time_s = f"{left_s:.0f} s left" if left_s >= 0 else time_s
        if not progress.unit:
            return f"{progress.stage}: {progress.completed / progress.total:.0%}, {time_s}"
        quantity, rate = QUANTITIES[progress.unit]
        line = f"{progress.stage}: {quantity(progress.completed)} of {quantity(progress.total)}"
        if rate is None:
            return f"{line}, {elapsed_s:.0f} s"
        return ", ".join(filter(None, (line, rate(speed) if speed > 0 else "", time_s)))

    def _speed(self, done: float) -> float:
        """Return how fast it went until something was last heard."""
        seconds = self._changed_s - self._begin_s
        return done / seconds if seconds > 0 else 0.0


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def _count(number: float) -> str:
    return f"{number:.0f}"


def _answers_rate(per_s: float) -> str:
    return f"{per_s:.1f}/s" if per_s >= 1 else f"{per_s * 60:.0f}/min"


# By a progress report's unit: how a quantity and a rate are written; None where it says nothing.
QUANTITIES: dict[str, tuple[Callable[[float], str], Callable[[float], str] | None]] = {
    "B": (_megabytes, lambda per_s: f"{_megabytes(per_s)}/s"),
    "answers": (_count, _answers_rate),
    "samples": (_count, None),
}
