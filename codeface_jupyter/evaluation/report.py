"""What an evaluation has come to: a table of models, what was left out, and a record of it all."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from rich.markup import escape
from rich.table import Table

from codeface_jupyter.evaluation.events import (
    BrokenOff,
    CellFailed,
    Event,
    LeftOut,
    Measured,
)
from codeface_jupyter.evaluation.proportion import wilson_interval
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.version import __version__
from codeface_jupyter.wording import counted

__all__ = ["COLUMNS", "Evaluation"]

COLUMNS = (
    "model", "tasks", "right", "95 % interval", "raises", "no code", "median s", "p90 s", "tokens",
)  # fmt: skip
MAX_LINE_CHARS = 160


@dataclass
class Evaluation:
    """Everything that was measured so far; what is the same for several models is kept once.

    Attributes
    ----------
    models
        The models in the order in which they are asked.
    """

    models: Sequence[str]
    measured: list[Measured] = field(default_factory=list)
    left_out: dict[tuple[str, int], LeftOut] = field(default_factory=dict)
    failed: dict[tuple[str, int], CellFailed] = field(default_factory=dict)
    broken_off: list[BrokenOff] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Measured():
                self.measured.append(event)
            case LeftOut(notebook=notebook, cell=cell):
                self.left_out.setdefault((notebook, cell), event)
            case CellFailed(notebook=notebook, cell=cell):
                self.failed.setdefault((notebook, cell), event)
            case BrokenOff():
                self.broken_off.append(event)

    def table(self) -> Table:
        """Return a line for each model."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in COLUMNS:
            table.add_column(column, justify="left" if column == "model" else "right")
        for model in self.models:
            own = self._of(model)
            if own:
                table.add_row(escape(model), *_figures(own))
        return table

    def remarks(self) -> Iterator[str]:
        """Yield what is to be known beside the table, one line each."""
        reasons = Counter(task.reason for task in self.left_out.values())
        if reasons:
            told = "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common())
            yield f"Left out: {counted(reasons.total(), 'cell')} ({told})."
        for cell in list(self.failed.values()):
            yield _line(f"{cell.notebook}, cell {cell.cell} raised when it was run: {cell.error}")
        for broken in self.broken_off:
            yield _line(f"{broken.model} with {broken.notebook}: {broken.error.message}")
        if len({len(self._of(model)) for model in self.models}) > 1:
            yield "The models were not asked for the same number of tasks: compare with care."

    def wrong_answers(self) -> list[Measured]:
        """Return what was not right."""
        return [answer for answer in self.measured if answer.kind != "right"]

    def record(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "codeface": __version__,
            "models": {
                model: dict(zip(COLUMNS[1:], _figures(self._of(model)), strict=True))
                for model in self.models
                if self._of(model)
            },
            "answers": [asdict(answer) for answer in self.measured],
            "left_out": [asdict(task) for task in self.left_out.values()],
            "failed_cells": [asdict(cell) for cell in self.failed.values()],
            "broken_off": [
                {"model": it.model, "notebook": it.notebook, "error": it.error.message}
                for it in self.broken_off
            ],
        }

    def _of(self, model: str) -> list[Measured]:
        return [answer for answer in self.measured if answer.model == model]


def _figures(answers: Sequence[Measured]) -> tuple[str, ...]:
    """Return the texts of `COLUMNS` beside the model's name; tokens are the median's."""
    kinds = Counter(answer.kind for answer in answers)
    n, right = len(answers), kinds["right"]
    low, high = wilson_interval(right, n)
    seconds = sorted(answer.seconds for answer in answers)
    return (
        str(n),
        f"{right} ({right / n:.0%})",
        f"{low:.0%} to {high:.0%}",
        str(kinds["raises"]),
        str(kinds["no code"]),
        f"{statistics.median(seconds):.1f}",
        f"{_percentile_90(seconds):.1f}",
        f"{statistics.median(answer.tokens for answer in answers):.0f}",
    )


def _percentile_90(ordered: Sequence[float]) -> float:
    """Return what nine of ten are not above: one of the values, the nearest rank."""
    return ordered[-(-9 * len(ordered) // 10) - 1]


def _line(text: str) -> str:
    return in_one_line(text, max_chars=MAX_LINE_CHARS)
