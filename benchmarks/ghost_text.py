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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gaps import CutGap, argument_gaps_of, gaps_of, same_code
from reporting import describe_machine
from session_shell import SessionShell
from session_tasks import SessionNotebook, read_notebooks
from session_trial import run_in_copy

from codeface_jupyter.evaluation.proportion import wilson_interval
from codeface_jupyter.infilling import Infilled, InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.session import completion
from codeface_jupyter.session.completion_ask import CompletionAsk

Record = dict[str, Any]
Gaps = Callable[..., Iterator[CutGap]]
SEED = 7
CPU_S = 5.0
THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
PACKAGES = {"openvino": "openvino", "llamacpp": "xllamacpp", "transformers": "transformers"}
MISSING = ("AttributeError", "KeyError", "NameError")


class Recorder:
    """Passes completions on to an engine, and remembers the last one."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.last: Infilled | None = None
        self.gaps = 0

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


def measure(
    shell: SessionShell,
    recorder: Recorder,
    notebook: SessionNotebook,
    *,
    per_cell: int,
    gaps: Gaps = gaps_of,
) -> Iterator[Record]:
    """Yield a record of each gap of a notebook, which is run cell by cell."""
    generator = random.Random(SEED + len(notebook.name))
    sources = [cell.source for cell in notebook.cells]
    with shell.notebook(notebook.folder):
        for number, source in enumerate(sources):
            for cut in gaps(sources, number, count=per_cell, generator=generator):
                yield {"notebook": notebook.name, "cell": number, **record(shell, recorder, cut)}
            # What fails here, for want of a package, say, leaves less for the cells below.
            shell.run(source)


def record(shell: SessionShell, recorder: Recorder, cut: CutGap) -> Record:
    """Complete one gap, and judge what comes."""
    recorder.last = None
    recorder.gaps += 1
    ask = CompletionAsk(
        gap=cut.gap,
        namespace=shell.shell.user_ns,
        # None is gone on with that another gap of the line has come to.
        cells_run=recorder.gaps,
        max_lines=1,
        is_asked_for=True,
    )
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
        "likelihood": infilled.likelihood if infilled else 0.0,
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


def report(records: list[Record]) -> str:
    """Return the figures of all records and of each kind."""
    kinds = {"all": records}
    for kind in ("line", "end", "argument"):
        for has_below in (False, True):
            chosen = [r for r in records if r["kind"] == kind and r["has_below"] == has_below]
            kinds[f"{kind}, {'rest of the cell' if has_below else 'nothing'} below"] = chosen
    lines = [f"{name}: {_figures(chosen)}" for name, chosen in kinds.items() if chosen]
    run = Counter(r["raises"] for r in shown_of(records) if r["raises"] is not None)
    missing = sum(run[name] for name in MISSING)
    lines.append(f"run: {sum(run.values())}, of which {missing} raise that a name is missing")
    seconds = sorted(r["seconds"] for r in records)
    p90 = seconds[len(seconds) * 9 // 10]
    lines.append(f"seconds: median {statistics.median(seconds):.2f}, p90 {p90:.2f}")
    return "\n".join(lines)


def _figures(records: list[Record]) -> str:
    shown = shown_of(records)
    exact = sum(r["is_exact"] for r in shown)
    low, high = wilson_interval(exact, len(shown))
    return (
        f"{len(records)} gaps, {len(shown)} shown ({len(shown) / len(records):.0%}), {exact} exact "
        f"({exact / max(1, len(shown)):.0%} of what is shown, {low:.0%} to {high:.0%})"
    )


def shown_of(records: list[Record]) -> list[Record]:
    """Return those whose completion the product shows."""
    least = {"end": completion.MIN_LIKELIHOOD, "line": completion.MIN_LIKELIHOOD_OF_WHOLE_LINE}
    least["argument"] = least["end"]
    return [r for r in records if r["text"] and r["likelihood"] >= least[r["kind"]]]


def curve(records: list[Record]) -> str:
    """Return how frequent and how exact completions are, by the least likelihood shown."""
    lines = ["least likelihood  shown  exact"]
    for threshold in THRESHOLDS:
        shown = [r for r in records if r["text"] and r["likelihood"] >= threshold]
        exact = sum(r["is_exact"] for r in shown) / max(1, len(shown))
        lines.append(f"{threshold:16.2f} {len(shown) / len(records):6.0%} {exact:6.0%}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and save the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the notebooks")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--engine", choices=PACKAGES, default="openvino")
    parser.add_argument("--per-cell", type=int, default=2)
    parser.add_argument("--arguments", action="store_true", help="only where one is named")
    parser.add_argument("--notebooks", nargs="*", default=[])
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    print(describe_machine(PACKAGES[arguments.engine]))
    shell = SessionShell(model=arguments.model, engine=arguments.engine, tries="off")
    shell.session.load().read_to_end()
    engines = shell.session._resources.engines  # noqa: SLF001 - what is measured is within
    engines.engine = recorder = Recorder(engines.engine)
    records: list[Record] = []
    gaps = argument_gaps_of if arguments.arguments else gaps_of
    for notebook in read_notebooks(arguments.data, names=arguments.notebooks):
        records += measure(shell, recorder, notebook, per_cell=arguments.per_cell, gaps=gaps)
        print(notebook.name, len(records), flush=True)
    if arguments.save:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text(json.dumps(records, indent=1))
    print(report(records))
    print(curve(records))


if __name__ == "__main__":
    main()
