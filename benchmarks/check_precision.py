"""How often the checks of an answer are wrong, how much they find, and how long they take.

Right codes are the cells of the session notebooks, each against the live state left by
those before it, and the solutions of PandasEval and NumpyEval against what their prompt
defines: of both, those that run here without an error. Whatever is found to be missing in
one of them is a false finding. Wrong codes are the same with one column, attribute, name
or parameter misspelt, and are wrong only where they no longer run.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting import describe_machine
from running_code import check_call, quiet

from codeface_jupyter.evaluation.proportion import wilson_interval
from codeface_jupyter.trials.checks.all_checks import check_code, findings_in

if TYPE_CHECKING:
    from session_tasks import SessionCell, SessionNotebook

EVALS = ("PandasEval", "NumpyEval")
MISSING = frozenset({"unknown_name", "missing_module", "unknown_attribute", "unknown_key"})
ERRORS = MISSING | {"syntax", "bad_call"}
PACKAGES = ("pandas", "numpy", "scikit-learn", "ipython")
MIN_CHARS = 3
CPU_S = 10.0


@dataclass
class Tally:
    """Figures of one set of codes."""

    seconds: list[float] = field(default_factory=list)
    kinds: list[frozenset[str]] = field(default_factory=list)
    mutants: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def check(self, code: str, namespace: Mapping[str, object], *, where: str) -> None:
        """Check a code that is right, and print what is found wrong with it."""
        begin = time.perf_counter()
        found = check_code(code, namespace)
        self.seconds.append(time.perf_counter() - begin)
        # Without the guard, an error of the checks' own shows.
        assert findings_in(code, namespace) == found, where
        self.kinds.append(frozenset(finding.kind for finding in found))
        for finding in found:
            if finding.kind in ERRORS:
                print(f"{where}: {finding.kind}: {finding.message}\n    {code!r}", flush=True)

    def lines(self, name: str) -> Iterator[str]:
        """Yield the figures."""
        n = len(self.kinds)
        for what, kinds in (("does not exist", MISSING), ("any error", ERRORS)):
            right = sum(not kinds & found for found in self.kinds)
            low, high = wilson_interval(right, n)
            share = f"{right}/{n}, {right / n:.1%} ({low:.1%} to {high:.1%})"
            yield f"{name}, without a false finding of {what}: {share}"
        times = sorted(1000 * second for second in self.seconds)
        p99 = times[min(len(times) - 1, round(0.99 * len(times)))]
        median = statistics.median(times)
        yield f"{name}, ms a check: median {median:.1f}, 99 % {p99:.1f}, longest {times[-1]:.1f}"
        for what in sorted({what for what, _ in self.mutants}):
            found, missed = self.mutants[what, True], self.mutants[what, False]
            total = found + missed
            yield f"{name}, misspelt {what}, found: {found}/{total}, {found / total:.0%}"


def misspelt(code: str, columns: frozenset[object], *, count: int) -> list[tuple[str, str]]:
    """Return ``count`` copies with one name spelt wrong, each with what it is the name of."""
    tree = ast.parse(code)
    parts = [node for node in ast.walk(tree) if _kind(node, columns)]
    random.Random(len(code)).shuffle(parts)  # repeatable
    found = []
    for node in parts[:count]:
        kind, attribute = _kind(node, columns) or ("", "")
        name = getattr(node, attribute)
        setattr(node, attribute, _swapped(name))
        found.append((kind, ast.unparse(tree)))
        setattr(node, attribute, name)
    return found


def _kind(node: ast.AST, columns: frozenset[object]) -> tuple[str, str] | None:
    match node:
        case ast.Constant(value=str() as text) if text in columns:
            return "column", "value"
        case ast.Attribute(attr=name, ctx=ast.Load()) if len(name) >= MIN_CHARS:
            return "attribute", "attr"
        case ast.Name(id=name, ctx=ast.Load()):
            return "name", "id"
        case ast.keyword(arg=str() as name) if len(name) >= MIN_CHARS:
            return "parameter", "arg"
    return None


def _swapped(name: str) -> str:
    middle = len(name) // 2
    return f"{name[:middle]}x{name[middle:]}"


class NotebookCheck:
    """Checks every cell of the notebooks before it is run, and the reference cells misspelt."""

    def __init__(self, *, misspelt: int, show_missed: bool) -> None:
        from session_shell import SessionShell

        self.tally = Tally()
        self._shell = SessionShell()
        self._misspelt = misspelt
        self._show_missed = show_missed

    def run(self, notebooks: Iterable[SessionNotebook]) -> None:
        """Go through the notebooks."""
        for notebook in notebooks:
            with self._shell.notebook(notebook.folder):
                for number, cell in enumerate(notebook.cells, start=1):
                    self._check(cell, where=f"{notebook.name} {number}")
                    self._shell.run(cell.source)
        self._shell.close()

    def _check(self, cell: SessionCell, *, where: str) -> None:
        from session_trial import user_variables

        namespace = user_variables(self._shell.shell)
        if self._raises(cell.source):
            return
        self.tally.check(cell.source, namespace, where=where)
        count = self._misspelt if cell.task else 0
        for what, code in misspelt(cell.source, column_names(namespace), count=count):
            if self._raises(code):
                found = findings_in(code, namespace)
                is_found = any(finding.kind in ERRORS for finding in found)
                self.tally.mutants[what, is_found] += 1
                if self._show_missed and not is_found:
                    print(f"missed {what}: {code!r}", flush=True)

    def _raises(self, code: str) -> bool:
        """Whether a code ends in an error, in a copy of the notebook's state."""
        from session_trial import observe, run_in_copy

        def work() -> bytes:
            return type(observe(self._shell.shell, code).error).__name__.encode()

        trial = run_in_copy(work, cpu_s=CPU_S, folder=Path.cwd())
        return trial.payload not in (b"", b"NoneType")


def column_names(namespace: Mapping[str, object]) -> frozenset[object]:
    """Return the names of all columns of the notebook's data frames."""
    import pandas as pd

    frames = [value for value in namespace.values() if isinstance(value, pd.DataFrame)]
    return frozenset(column for frame in frames for column in frame.columns)


def check_eval(file: Path) -> Tally:
    """Check the solutions of a set against what their prompts define."""
    tally = Tally()
    for line in file.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        for code in completions(task):
            namespace: dict[str, Any] = {}
            before = defined_by(task["prompt"])
            if _runs(f"{code}\n{task['test']}\n{check_call(task)}", namespace):
                for variables in (before, {}):
                    tally.check(code, variables, where=task["task_id"])
    return tally


def completions(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield the task's solutions, each with the prompt that it completes."""
    for solution in task["canonical_solution"]:
        yield task["prompt"] + solution


def defined_by(prompt: str) -> dict[str, Any]:
    """Return the variables of the longest beginning of a prompt that runs."""
    lines = prompt.splitlines()
    for end in range(len(lines), 0, -1):
        namespace: dict[str, Any] = {}
        if _runs("\n".join(lines[:end]), namespace):
            return {name: value for name, value in namespace.items() if not name.startswith("__")}
    return {}


def _runs(code: str, namespace: dict[str, Any]) -> bool:
    with quiet():
        try:
            exec(code, namespace)  # the data sets' own solutions
        except Exception:  # noqa: BLE001 - a solution for another version of a library
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tasks' files")
    parser.add_argument("--notebooks", type=lambda names: names.split(","), default=[])
    parser.add_argument("--only", choices=("sessions", *EVALS))
    parser.add_argument("--misspelt", type=int, default=3, help="so many of each reference cell")
    parser.add_argument("--show-missed", action="store_true", help="print what is not found")
    args = parser.parse_args()
    # As in notebook_eval.py: OpenMP's pools do not survive a fork.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    data = args.data.resolve()
    print(describe_machine(*PACKAGES))
    report: list[str] = []
    if args.only in {None, "sessions"}:
        from session_tasks import read_notebooks

        check = NotebookCheck(misspelt=args.misspelt, show_missed=args.show_missed)
        check.run(read_notebooks(data / "notebooks", names=args.notebooks))
        report += check.tally.lines("notebooks")
    for name in EVALS:
        if args.only in {None, name}:
            report += check_eval(data / f"{name}.jsonl").lines(name)
    print("\n".join(report))


if __name__ == "__main__":
    main()
