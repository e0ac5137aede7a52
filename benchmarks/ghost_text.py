"""How right completions are while one types, how often they are silent, and how long they take.

Lines, and ends of lines, are taken out of the cells of notebooks that have been run up to
there. A completion is exact if the line is again what it was; of those that are shown and
complete a cell that is being written, the line is run in a copy of the process, which tells
whether all that it names exists.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gaps import CutGap, gaps_of, same_code
from reporting import describe_machine, wilson_interval
from session_shell import SessionShell
from session_tasks import SessionNotebook, read_notebooks
from session_trial import run_in_copy

from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.session import completion
from codeface_jupyter.session.completion_ask import CompletionAsk

SEED = 7
CPU_S = 5.0
MISSING = ("AttributeError", "KeyError", "NameError")


class Recorder:
    """Passes completions on to an engine, and remembers the last one."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.last: Infilled | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @property
    def can_infill(self) -> bool:
        """Whether the engine completes code."""
        return bool(self._engine.can_infill)

    def infill(self, request: InfillRequest, job: Job) -> Infilled:
        """Fill a gap, and remember what came."""
        self.last = self._engine.infill(request, job)
        return self.last


def measure(shell: SessionShell, notebook: SessionNotebook, *, per_cell: int) -> Iterator[dict]:
    """Yield a record of each gap of a notebook, which is run cell by cell."""
    generator = random.Random(SEED + len(notebook.name))
    sources = [cell.source for cell in notebook.cells]
    with shell.notebook(notebook.folder):
        for number, source in enumerate(sources):
            for cut in gaps_of(sources, number, count=per_cell, generator=generator):
                yield {"notebook": notebook.name, "cell": number, **record(shell, cut)}
            # What fails here, for want of a package, say, leaves less for the cells below.
            shell.run(source)


def record(shell: SessionShell, cut: CutGap) -> dict:
    """Complete one gap, and judge what comes."""
    recorder = shell.session._resources.engines.engine
    recorder.last = None
    namespace = shell.shell.user_ns
    ask = CompletionAsk(gap=cut.gap, namespace=namespace, max_lines=1, is_asked_for=True)
    begin = time.perf_counter()
    text = shell.session.completions.complete(ask, Job())
    seconds = time.perf_counter() - begin
    infilled = recorder.last
    return {
        "kind": cut.kind,
        "has_below": cut.has_below,
        "line": cut.gap.line,
        "truth": cut.truth,
        "text": text,
        "raw": infilled.text if infilled else "",
        "probabilities": [round(p, 4) for p in infilled.probabilities] if infilled else [],
        "metrics": dataclasses.asdict(infilled.metrics) if infilled else {},
        "seconds": seconds,
        "is_exact": bool(text) and same_code(cut.gap, text, cut.truth),
        "raises": raises(shell, cut, text) if text and not cut.has_below else None,
    }


def raises(shell: SessionShell, cut: CutGap, text: str) -> str:
    """Return the name of the error that the cell with its completed line raises."""

    def work() -> bytes:
        done = shell.run(cut.gap.prefix + text)
        error = done.error_in_exec or done.error_before_exec
        return type(error).__name__.encode() if error is not None else b""

    trial = run_in_copy(work, cpu_s=CPU_S, folder=Path.cwd())
    return trial.payload.decode() if trial.ending == "done" else trial.ending


def report(records: list[dict], *, threshold: float) -> str:
    """Return the figures of all records and of each kind."""
    lines = []
    kinds = {"all": records}
    for kind in ("line", "end"):
        for has_below in (False, True):
            chosen = [r for r in records if r["kind"] == kind and r["has_below"] == has_below]
            kinds[f"{kind}, {'with' if has_below else 'nothing'} below"] = chosen
    for name, chosen in kinds.items():
        shown = [r for r in chosen if r["text"] and mean_probability(r) >= threshold]
        exact = sum(r["is_exact"] for r in shown)
        low, high = wilson_interval(exact, len(shown))
        lines.append(
            f"{name}: {len(chosen)} gaps, {len(shown)} shown ({len(shown) / len(chosen):.0%}), "
            f"{exact} exact ({exact / max(1, len(shown)):.0%} of shown, {low:.0%} to {high:.0%})"
        )
    shown = [r for r in records if r["text"] and mean_probability(r) >= threshold]
    run = Counter(r["raises"] for r in shown if r["raises"] is not None)
    missing = sum(run[name] for name in MISSING)
    lines.append(f"run: {sum(run.values())}, of these {missing} name what is not there; {run}")
    seconds = sorted(r["seconds"] for r in records)
    lines.append(
        f"seconds: median {statistics.median(seconds):.2f}, p90 {seconds[len(seconds) * 9 // 10]:.2f}"
    )
    return "\n".join(lines)


def curve(records: list[dict]) -> str:
    """Return how exact and how frequent suggestions are, by the least probability shown."""
    lines = ["threshold  shown  exact"]
    for threshold in (0, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9):
        shown = [r for r in records if r["text"] and mean_probability(r) >= threshold]
        exact = sum(r["is_exact"] for r in shown)
        lines.append(
            f"{threshold:9.2f} {len(shown) / len(records):6.0%} {exact / max(1, len(shown)):6.0%}"
        )
    return "\n".join(lines)


def mean_probability(record: dict) -> float:
    """Return the geometric mean of a completion's probabilities."""
    return statistics.geometric_mean([max(p, 1e-9) for p in record["probabilities"]] or [1e-9])


def main() -> None:
    """Measure, print, and save the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the notebooks")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--per-cell", type=int, default=2)
    parser.add_argument("--notebooks", nargs="*", default=[])
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    print(describe_machine("openvino"))
    shell = SessionShell(model=arguments.model, tries="off")
    shell.session.load().read_to_end()
    engines = shell.session._resources.engines
    engines.engine = Recorder(engines.engine)
    records: list[dict] = []
    for notebook in read_notebooks(arguments.data, names=arguments.notebooks):
        records += measure(shell, notebook, per_cell=arguments.per_cell)
        print(notebook.name, len(records), flush=True)
    if arguments.save:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text(json.dumps(records, indent=1))
    print(report(records, threshold=completion.MIN_PROBABILITY))
    print(curve(records))


if __name__ == "__main__":
    main()
