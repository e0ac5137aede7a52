"""What ghost text costs the user's own cells: their time after a completion, and without one.

A cell is run in turn without any completion before it, right after one has been made, and
while one is being made, which the cell's beginning ends.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time

from reporting import describe_machine
from session_shell import SessionShell

from codeface_jupyter.infilling import Gap
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.session.completion import Completions
from codeface_jupyter.session.completion_ask import CompletionAsk

SETUP = """\
import numpy as np
import pandas as pd
rng = np.random.default_rng(0)
x = rng.random((400, 400))
df = pd.DataFrame({"g": rng.integers(0, 99, 3_000_000), "v": rng.random(3_000_000)})"""
CELLS = {
    "Python": "total = sum(n * n for n in range(6_000_000))",
    "NumPy": "for _ in range(150):\n    y = x @ x",
    "pandas": "means = df.groupby('g')['v'].agg(['mean', 'std', 'median'])",
}
TYPED = "result = df.groupby("


class Typing:
    """Has something completed that nothing has been completed for before."""

    def __init__(self, completions: Completions) -> None:
        self._completions = completions
        self._count = 0

    def complete(self, job: Job, *, max_lines: int = 1) -> None:
        """Complete a line, or a block of lines, to the end or until ``job`` is stopped."""
        self._count += 1
        prefix = f"# {self._count}\n" + ("def f(df):\n" if max_lines > 1 else TYPED)
        gap = Gap(above=(SETUP,), prefix=prefix)
        ask = CompletionAsk(gap=gap, namespace={}, max_lines=max_lines, is_asked_for=True)
        try:
            self._completions.complete(ask, job)
        except Cancelled:
            return

    def begin(self, job: Job) -> threading.Thread:
        """Begin to complete a block in another thread."""
        thread = threading.Thread(target=self.complete, args=(job,), kwargs={"max_lines": 30})
        thread.start()
        time.sleep(0.1)
        return thread


def seconds(shell: SessionShell, code: str) -> float:
    """Return how long a cell takes."""
    begin = time.perf_counter()
    shell.run(code).raise_error()
    return time.perf_counter() - begin


def measure(shell: SessionShell, code: str, *, rounds: int) -> dict[str, list[float]]:
    """Return the cell's times, by what was completed before it."""
    typing = Typing(shell.session.completions)
    times: dict[str, list[float]] = {"nothing": [], "made before": [], "in the making": []}
    for _ in range(rounds):
        # What a completion leaves behind is over by then.
        time.sleep(0.5)
        times["nothing"].append(seconds(shell, code))
        typing.complete(Job())
        times["made before"].append(seconds(shell, code))
        job = Job()
        thread = typing.begin(job)
        # As the extension does when a cell begins.
        job.cancel()
        times["in the making"].append(seconds(shell, code))
        thread.join()
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    print(describe_machine("openvino"))
    shell = SessionShell(model=arguments.model, engine="openvino", tries="off")
    shell.session.load().read_to_end()
    shell.run(SETUP).raise_error()
    for name, code in CELLS.items():
        times = measure(shell, code, rounds=arguments.rounds)
        alone = statistics.median(times.pop("nothing"))
        ratios = (f"{key}: {statistics.median(t) / alone:.3f}" for key, t in times.items())
        print(f"{name}, {alone:.3f} s alone, times as long with a completion {', '.join(ratios)}")


if __name__ == "__main__":
    main()
