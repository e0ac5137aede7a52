"""What answering many prompts together gains: 16 one after another against 16 side by side.

Both ways ask the same session the same requests in turn, greedy, without the response cache,
each run with its own wording, so that no run finds the prompts of another in the KV cache.
The cells above the request are the same for all, as in a notebook.

The figure is the rate of whole requests: prompt and answer, from the first to the last.
Goal: 3 times on a CPU, 10 times on a GPU.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from reporting import describe_machine, spread

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.events import BatchItem

COLUMNS = ("price", "units", "region", "date", "discount", "customer", "product", "returns")
TASKS = ("Plot the distribution of {}", "Return the ten rows with the largest {}")
CELLS = (
    Cell(source="import pandas as pd\nimport matplotlib.pyplot as plt"),
    Cell(source="df = pd.read_csv('sales.csv', parse_dates=['date'])"),
    Cell(source=f"columns = {list(COLUMNS)!r}\ndf = df[columns].dropna()"),
    Cell(source="def share(part, whole):\n    return part / whole.sum()"),
)


def asks(config: Config, *, count: int, run: str) -> list[Ask]:
    """Return different requests that no other run asks."""
    texts = [task.format(column) for task in TASKS for column in COLUMNS]
    return [
        Ask(
            sources=ContextSources(
                request=f"{texts[n % len(texts)]}, version {n}, {run}.", cells=CELLS
            ),
            settings=config.settings,
            use_response_cache=False,
        )
        for n in range(count)
    ]


def measure(
    session: Session, config: Config, *, count: int, run: str
) -> tuple[float, float, float, float]:
    """Return requests/s and tokens/s, one after another and then side by side."""
    begin = time.perf_counter()
    single = [session.generate(ask) for ask in asks(config, count=count, run=f"{run} alone")]
    alone_s = time.perf_counter() - begin
    begin = time.perf_counter()
    items = session.generate_batch(asks(config, count=count, run=f"{run} together"))
    together_s = time.perf_counter() - begin
    # A failed request costs no time, which would look like speed.
    failed = [item for item in items if item.error is not None]
    if failed:
        raise RuntimeError(f"{len(failed)} requests failed: {failed[0].error}")
    alone_tokens = sum(result.metrics.generated_tokens for result in single)
    return (
        count / alone_s,
        alone_tokens / alone_s,
        count / together_s,
        _tokens(items) / together_s,
    )


def _tokens(items: Sequence[BatchItem]) -> int:
    return sum(item.result.metrics.generated_tokens for item in items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="auto", help="auto, openvino or transformers")
    parser.add_argument("--model", default=None)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Config(file=Path(folder) / "none.toml")
        config.set(
            engine=args.engine, dtype=args.dtype, max_new_tokens=args.tokens, response_cache="off"
        )
        if args.model:
            config.set(model=args.model)
        session = Session(config=config)
        # Loads the model and reads the start that all requests share.
        session.generate(asks(config, count=1, run="to warm up")[0])
        runs = [
            measure(session, config, count=args.prompts, run=f"run {n}") for n in range(args.runs)
        ]
        identity = session.engine.identity if session.engine else None
        session.close()
    print(describe_machine("torch", "transformers"))
    print(f"load average {os.getloadavg()[0]:.1f} (1 minute)")
    print(f"{identity}")
    print(f"{args.prompts} prompts, at most {args.tokens} tokens each")
    for name, values in zip(
        (
            "one after another, requests/s",
            "one after another, tokens/s  ",
            "side by side, requests/s     ",
            "side by side, tokens/s       ",
        ),
        zip(*runs, strict=True),
        strict=True,
    ):
        print(f"{name}: {spread(values)}")
    print(f"ratio of tokens/s, run by run: {spread([run[3] / run[1] for run in runs])}")


if __name__ == "__main__":
    main()
