"""What a token costs as the notebook grows: reading new cells, and decoding after them.

A notebook grows cell by cell and is asked about after every 1,000 tokens, as in a session: what
was read for the request before is kept. Both costs should be flat but for attention itself,
which looks back at every token. Each run has a notebook of its own.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from reporting import describe_machine, spread
from speed import CELL, LONG_REQUEST, chat, our_answerer

STEP_TOKENS = 1_000
LARGEST_TOKENS = 8_000
NEW_TOKENS = 48
# Cells of `CELL` that make about `STEP_TOKENS`.
CELLS_PER_STEP = 21

Point = tuple[float, float]
"""Milliseconds per token read and per token decoded."""


def measure(engine: str, runs: int) -> dict[int, list[Point]]:
    """Return the points of every run, by the notebook's size in steps."""
    answer = our_answerer(engine)
    # The engine's first passes take memory that later ones find.
    answer(chat(LONG_REQUEST), NEW_TOKENS, False)
    points: dict[int, list[Point]] = {}
    for run in range(runs):
        read_before = 0.0
        for step in range(LARGEST_TOKENS // STEP_TOKENS + 1):
            got = answer(prompt(run, step), NEW_TOKENS, False)
            read = got["prompt_tokens"] - read_before
            decoded_s = got["total_s"] - got["first_s"]
            point = (1e3 * got["first_s"] / read, 1e3 * decoded_s / (got["tokens"] - 1))
            points.setdefault(step, []).append(point)
            read_before = got["prompt_tokens"]
    return points


def prompt(run: int, step: int) -> str:
    """Return a notebook of ``step`` thousand tokens and a request; it begins like a smaller one."""
    first = (run + 1) * 1_000
    cells = "\n".join(CELL.format(n=first + n) for n in range(step * CELLS_PER_STEP))
    return chat(f"# notebook {run}\n{cells}\n\n{LONG_REQUEST}")


def plot(points: dict[int, list[Point]], file: Path, *, title: str) -> None:
    """Draw medians, and minimum to maximum behind them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    sizes = [step * STEP_TOKENS for step in points]
    for place, (label, color) in enumerate(
        (("a new token of the notebook, read", "#1f77b4"), ("a token of the answer", "#ff7f0e"))
    ):
        values = [[point[place] for point in found] for found in points.values()]
        # The first request has no notebook before it: its few tokens carry a whole pass.
        start = 1 if place == 0 else 0
        middle = [statistics.median(v) for v in values[start:]]
        axes.plot(sizes[start:], middle, marker="o", label=label, color=color)
        low, high = [min(v) for v in values[start:]], [max(v) for v in values[start:]]
        axes.fill_between(sizes[start:], low, high, alpha=0.2, color=color)
    axes.set(xlabel="tokens of notebook before the request", ylabel="milliseconds per token")
    axes.set_ylim(bottom=0)
    axes.set_title(title, fontsize="medium")
    axes.legend()
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--plot", type=Path, help="draw the curve into this file")
    args = parser.parse_args()
    points = measure(args.engine, args.runs)
    print(describe_machine("openvino", "openvino-genai", "transformers", "torch"))
    print("| notebook, tokens | ms per token read | ms per token decoded |\n| --- | --- | --- |")
    for step, found in points.items():
        read, decoded = ([point[place] for point in found] for place in range(2))
        print(f"| {step * STEP_TOKENS:,} | {spread(read)} | {spread(decoded)} |")
    if args.plot:
        plot(points, args.plot, title=f"Qwen2.5-Coder-0.5B, engine {args.engine}, n = {args.runs}")


if __name__ == "__main__":
    main()
