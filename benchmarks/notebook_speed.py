"""Our engines against llama.cpp on the processor, on the prompts of real notebooks.

Prompts are those of notebooks with tasks (see `session_tasks`), laid out as ``%%codeface`` lays
them out and asked in the notebooks' order, so that each engine can reuse what it has read. Every
engine runs in a process of its own; all are asked in turn, prompt by prompt. llama.cpp is used
as in ``speed.py``, and reads the model's GGUF.

An answer ends where the model ends it. Measured are the time to the first token, of all prompts
and of follow-ups (those with the same notebook as the prompt before), the decoding rate, and from
both the time of an answer of 60 tokens.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_sampling import prompt
from reporting import describe_machine, spread
from session_shell import SessionShell
from session_tasks import SessionNotebook, read_notebooks
from speed import Worker, our_answerer, work

from codeface_jupyter.config import Settings
from codeface_jupyter.context import Cell
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest

ANSWER_TOKENS = 60
MOST_TOKENS = 160
# A shorter answer says too little of the rate.
LEAST_TOKENS = 8


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A prompt, and whether the one before it was of the same notebook."""

    text: str
    is_follow_up: bool


def laid_out(
    shell: SessionShell, notebooks: Sequence[SessionNotebook], *, count: int
) -> Iterator[Asked]:
    """Run notebooks, the first ones first, and yield the prompts of their first tasks."""
    left = count
    engine: Any = shell.session.engine
    for notebook in notebooks:
        met = 0
        with shell.notebook(notebook.folder):
            for place, cell in enumerate(notebook.cells):
                if cell.task is not None and left > 0:
                    above = [Cell(source=one.source) for one in notebook.cells[:place]]
                    text = engine.format_prompt(prompt(shell, cell.task.question, above))
                    yield Asked(text=text, is_follow_up=met > 0)
                    met += 1
                    left -= 1
                if left > 0:
                    shell.run(cell.source)


def figures(answers: Sequence[tuple[Asked, Mapping[str, float]]]) -> dict[str, list[float]]:
    """Return the figures of one engine, each with its values."""
    first = [got["first_s"] for _, got in answers]
    follow_ups = [got["first_s"] for asked, got in answers if asked.is_follow_up]
    long = [got for _, got in answers if got["tokens"] >= LEAST_TOKENS]
    rates = [(got["tokens"] - 1) / (got["total_s"] - got["first_s"]) for got in long]
    whole = [got["first_s"] + ANSWER_TOKENS / rate for got, rate in zip(long, rates, strict=True)]
    return {
        "time to first token, s": first,
        "the same of follow-ups, s": follow_ups,
        "decode, tokens/s": rates,
        f"answer of {ANSWER_TOKENS} tokens, s": whole,
        "tokens of an answer": [got["tokens"] for _, got in answers],
    }


def print_table(found: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Print medians, and each engine's ratio to the last one."""
    *others, last = found
    titles = [*found, *(f"{name} / {last}" for name in others)]
    print(f"| measure | {' | '.join(titles)} |\n|{' --- |' * (len(titles) + 1)}")
    for measure in found[last]:
        medians = {name: statistics.median(values[measure]) for name, values in found.items()}
        ratios = [f"{medians[name] / medians[last]:.2f}" for name in others]
        cells = [*(spread(values[measure]) for values in found.values()), *ratios]
        print(f"| {measure} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder of notebooks")
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--engines", nargs="+", default=["openvino"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--llama-python", help="an interpreter that has llama-cpp-python")
    parser.add_argument("--gguf", type=Path, help="for llama.cpp, if the model has none here")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(our_answerer(args.worker, model=args.model))
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    """Collect the prompts, ask every engine for each in turn, and print."""
    shell = SessionShell(model=args.model, response_cache="off")
    shell.session.load().read_to_end()
    asked = list(laid_out(shell, read_notebooks(args.data), count=args.prompts))
    shell.close()
    workers = _workers(args)
    answers: dict[str, list[tuple[Asked, Mapping[str, float]]]] = {name: [] for name in workers}
    for number, one in enumerate(asked):
        # Whoever comes first may find the machine's caches colder.
        order = list(workers) if number % 2 else list(reversed(workers))
        for name in order:
            answers[name].append((one, workers[name].ask(one.text, MOST_TOKENS)))
        print(".", end="", flush=True)
    for worker in workers.values():
        worker.close()
    print(f"\n{describe_machine('openvino', 'xllamacpp')}\n{args.model}, {len(asked)} prompts")
    print_table({name: figures(found) for name, found in answers.items()})


def _workers(args: argparse.Namespace) -> dict[str, Worker]:
    me = str(Path(__file__))
    workers = {
        name: Worker(sys.executable, me, "--worker", name, "--model", args.model)
        for name in args.engines
    }
    if args.llama_python:
        # A script that its interpreter can run without this package.
        command = (str(Path(__file__).with_name("speed.py")), "--worker", "llama")
        options = ("--gguf", str(_gguf(args)), "--threads", str(args.threads))
        workers["llama.cpp"] = Worker(args.llama_python, *command, *options)
    return workers


def _gguf(args: argparse.Namespace) -> Path:
    if args.gguf:
        return Path(args.gguf)
    found = locate(ModelRequest(args.model, Settings().cache_dir))
    if found is None or found.gguf is None:
        raise SystemExit(f"There is no GGUF of {args.model} here; name one with --gguf.")
    return found.gguf


if __name__ == "__main__":
    main()
