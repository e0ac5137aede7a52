"""Figures of a run over the session notebooks, its file, and the comparison of two runs."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from session_run import LeftOut, Outcome, Run

from codeface_jupyter.evaluation.proportion import wilson_interval

__all__ = ["compare", "load_run", "mcnemar_p", "report", "save_run"]

Key = tuple[str, int]


def report(run: Run) -> Iterator[str]:
    """Yield the lines of a run's report, in Markdown."""
    passed, n = sum(outcome.is_right for outcome in run.outcomes), len(run.outcomes)
    if n:
        low, high = wilson_interval(passed, n)
        yield f"right: {passed}/{n}, {passed / n:.1%} (95 % interval {low:.1%} to {high:.1%})"
        yield ""
        yield from _kinds(run.outcomes)
        yield ""
        yield from _costs(run.outcomes)
        yield ""
        yield from _notebooks(run.outcomes)
    for left_out in run.left_out:
        yield left_out.line


def _kinds(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| | how | tasks | share |"
    yield "| --- | --- | --- | --- |"
    counts = Counter((not outcome.is_right, outcome.kind) for outcome in outcomes)
    for (is_wrong, kind), count in sorted(
        counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
    ):
        side = "wrong" if is_wrong else "right"
        yield f"| {side} | {kind} | {count} | {count / len(outcomes):.1%} |"


def _costs(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| per answer | mean | median | most |"
    yield "| --- | --- | --- | --- |"
    for name, values, digits in (
        ("tokens", [outcome.tokens for outcome in outcomes], 0),
        ("seconds", [outcome.seconds for outcome in outcomes], 2),
        ("prompt tokens", [outcome.prompt_tokens for outcome in outcomes], 0),
    ):
        figures = statistics.mean(values), statistics.median(values), max(values)
        yield f"| {name} | {' | '.join(f'{figure:.{digits}f}' for figure in figures)} |"


def _notebooks(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| notebook | right | of |"
    yield "| --- | --- | --- |"
    for name in dict.fromkeys(outcome.notebook for outcome in outcomes):
        verdicts = [outcome.is_right for outcome in outcomes if outcome.notebook == name]
        yield f"| {name} | {sum(verdicts)} | {len(verdicts)} |"


def save_run(run: Run, file: Path, *, about: Mapping[str, Any]) -> None:
    """Write a run with prompts and answers, and what it was made with, as JSON."""
    content = {
        "about": dict(about),
        "tasks": [asdict(outcome) for outcome in run.outcomes],
        "left_out": [asdict(left_out) for left_out in run.left_out],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def load_run(file: Path) -> Run:
    """Read a run that `save_run` wrote."""
    content = json.loads(file.read_text(encoding="utf-8"))
    return Run(
        outcomes=[Outcome(**task) for task in content["tasks"]],
        left_out=[LeftOut(**task) for task in content["left_out"]],
    )


def mcnemar_p(only_here: int, only_there: int) -> float:
    """Return the exact two-sided p-value of McNemar's test for paired outcomes.

    Without a difference, each task that only one run has right is as likely to be the
    one's as the other's (McNemar, 1947).
    """
    n, fewer = only_here + only_there, min(only_here, only_there)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2.0**n)


def compare(here: Run, there: Run) -> Iterator[str]:
    """Yield the lines of a comparison, task by task, over the tasks that both runs asked."""
    ours, theirs = _by_task(here), _by_task(there)
    both = [key for key in ours if key in theirs]
    only_here = [key for key in both if ours[key].is_right and not theirs[key].is_right]
    only_there = [key for key in both if theirs[key].is_right and not ours[key].is_right]
    passed = [sum(run[key].is_right for key in both) for run in (ours, theirs)]
    yield (
        f"of {len(both)} tasks that both asked, right: {passed[0]} here, {passed[1]} there; "
        f"only here {len(only_here)}, only there {len(only_there)}, "
        f"McNemar's exact p = {mcnemar_p(len(only_here), len(only_there)):.3g}"
    )
    for name, keys in (("here", only_here), ("there", only_there)):
        for key in keys:
            yield f"only {name}: {key[0]} {key[1]} ({ours[key].kind} / {theirs[key].kind})"


def _by_task(run: Run) -> dict[Key, Outcome]:
    return {(outcome.notebook, outcome.index): outcome for outcome in run.outcomes}
