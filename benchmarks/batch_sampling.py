"""What sampled answers side by side cost beside one greedy answer to the same prompt.

Prompts are those of notebooks with tasks (see `session_tasks`): all cells above a task have
been run, and the question is asked with cells and variables, as ``%%codeface`` asks it. The engine
is measured alone, with temperature 0.7 and top-p 0.95. Samples are taken twice: with nothing
kept of the prompt, and after the greedy answer, as they are when that one has failed.

Also measured is the CPU time that choosing a token takes, on the logits of a real prompt's size.

Goal: 8 samples in 2.5 times the time of one greedy answer; less than 0.3 ms of CPU a token.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from reporting import describe_machine, spread
from session_shell import SessionShell
from session_tasks import SessionNotebook, read_notebooks
from session_trial import user_variables

from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.engines.text.sampler import Sampler
from codeface_jupyter.generation import GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session.answer import Ask

VOCABULARY = 151_936
TEMPERATURE, TOP_P = 0.7, 0.95
CHOICES: tuple[dict[str, float], ...] = (
    {},
    {"repetition_penalty": 1.05},
    {"temperature": 0.2, "top_p": 0.95},
    {"temperature": 0.7},
    {"temperature": 0.7, "top_p": 0.95},
    {"temperature": 0.7, "top_p": 0.95, "repetition_penalty": 1.05},
    {"temperature": 0.7, "top_k": 50},
    {"temperature": 0.7, "top_k": 50, "top_p": 0.95},
    {"temperature": 1.0, "top_p": 0.95},
    {"temperature": 2.0, "top_p": 0.95},
    {"temperature": 2.0, "top_p": 0.5},
    {"temperature": 2.0},
)


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds for one prompt, with it unread and after its greedy answer.

    Attributes
    ----------
    samples
        How many; 1 is the greedy answer.
    unread_s, after_s
        The time of all of them together; the second is 0 for the greedy answer itself.
    tokens, longest
        Tokens of all answers together, and of the longest.
    """

    samples: int
    unread_s: float
    after_s: float
    tokens: int
    longest: int


def prompts(
    shell: SessionShell, notebooks: Sequence[SessionNotebook], *, count: int
) -> Iterator[Prompt]:
    """Run the notebooks and yield the prompts of ``count`` tasks, evenly spread."""
    tasks = sum(cell.task is not None for notebook in notebooks for cell in notebook.cells)
    wanted = {n * tasks // count for n in range(count)}
    met = 0
    for notebook in notebooks:
        with shell.notebook(notebook.folder):
            for place, cell in enumerate(notebook.cells):
                if cell.task is not None:
                    if met in wanted:
                        above = [Cell(source=one.source) for one in notebook.cells[:place]]
                        yield prompt(shell, cell.task.question, above)
                    met += 1
                shell.run(cell.source)


def prompt(shell: SessionShell, question: str, cells: Sequence[Cell]) -> Prompt:
    """Return what a question becomes below ``cells``, with the shell's variables."""
    sources = ContextSources(request=question, cells=cells, namespace=user_variables(shell.shell))
    shell.session.generate(Ask(sources=sources, settings=shell.settings, dry_run=True))
    context = shell.session.last_context
    if context is None:
        raise RuntimeError("The session has settled no prompt.")
    return context.prompt


def measure(engine: Any, asked: Prompt, *, samples: int, sampling: SamplingParameters) -> Times:
    """Time the answers to one prompt, greedy if it is to be one."""
    greedy = [GenerationRequest(prompt=asked, sampling=sampling)]
    requests = [
        GenerationRequest(
            prompt=asked,
            sampling=replace(sampling, seed=seed, temperature=TEMPERATURE, top_p=TOP_P),
        )
        for seed in range(samples)
    ]
    engine.shrink()
    unread_s, tokens = _run(engine, requests if samples > 1 else greedy)
    after_s = 0.0
    if samples > 1:
        engine.shrink()
        _run(engine, greedy)
        after_s, tokens = _run(engine, requests)
    return Times(
        samples=samples, unread_s=unread_s, after_s=after_s, tokens=sum(tokens), longest=max(tokens)
    )


def _run(engine: Any, requests: Sequence[GenerationRequest]) -> tuple[float, list[int]]:
    """Return the time that the answers take, and their tokens."""
    ends = []
    begin = time.perf_counter()
    if len(requests) == 1:
        ends.append(engine.generate(requests[0], Job()))
    else:
        engine.generate_batch(requests, on_result=lambda _, __, done: ends.append(done), job=Job())
    return time.perf_counter() - begin, [done.metrics.generated_tokens for done in ends]


def cpu_per_token_ms(choice: dict[str, Any], *, rounds: int) -> float:
    """Return the CPU time of one choice, in ms, after a prompt of 1,000 tokens."""
    random = np.random.default_rng(0)
    # Most tokens lie around a mean as a model's do, and a few far above it.
    logits = random.normal(0, 2.5, VOCABULARY).astype(np.float32)
    logits[random.choice(VOCABULARY, 40, replace=False)] += 12
    sampler = Sampler(
        SamplingParameters(seed=0, **choice), random.integers(VOCABULARY, size=1_000).tolist()
    )
    return 1e3 * _cpu_s(lambda: sampler.sample(logits), rounds=rounds)


def _cpu_s(work: Callable[[], object], *, rounds: int) -> float:
    work()
    begin = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - begin) / rounds


def report(measured: Sequence[Sequence[Times]]) -> str:
    """Return the lines of each number of samples; the first of each prompt's is greedy."""
    greedy, *sampled = zip(*measured, strict=True)
    lines = [f"greedy: {spread([one.unread_s for one in greedy])} s; {_longest(greedy)}"]
    for times in sampled:
        lines.append(f"{times[0].samples} samples: {_longest(times)}")
        lines += [f"  {line}" for line in _ratios(times, greedy)]
    return "\n".join(lines)


def _longest(times: Sequence[Times]) -> str:
    return f"longest answer {statistics.median(one.longest for one in times):.0f} tokens"


def _ratios(times: Sequence[Times], greedy: Sequence[Times]) -> Iterator[str]:
    """Yield how many times a greedy answer's time samples took, prompt by prompt and in all."""
    alone = [one.unread_s for one in greedy]
    for name, taken in (
        ("prompt unread", [one.unread_s for one in times]),
        ("after the greedy answer", [one.after_s for one in times]),
    ):
        ratios = [one / other for one, other in zip(taken, alone, strict=True)]
        yield f"{name}: {spread(taken)} s"
        yield f"  times greedy: {spread(ratios)}; of all together {sum(taken) / sum(alone):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of notebooks")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--samples", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--tokens", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=300, help="tokens for each way to choose")
    args = parser.parse_args()
    shell = SessionShell(max_new_tokens=args.tokens, response_cache="off")
    shell.session.load().read_to_end()
    engine: Any = shell.session.engine
    sampling = SamplingParameters(
        max_new_tokens=args.tokens, repetition_penalty=engine.default_repetition_penalty
    )
    measured = []
    for asked in prompts(shell, read_notebooks(args.data), count=args.prompts):
        measured.append(
            [
                measure(engine, asked, samples=samples, sampling=sampling)
                for samples in [1, *args.samples]
            ]
        )
        print(".", end="", flush=True)
    identity = engine.identity
    shell.close()
    print()
    print(describe_machine("numpy", "openvino"))
    print(f"load average {os.getloadavg()[0]:.1f} (1 minute)")
    print(f"{identity}")
    print(f"{len(measured)} prompts, at most {args.tokens} tokens")
    print(report(measured))
    print(f"CPU of a choice among {VOCABULARY:,} tokens:")
    for choice in CHOICES:
        print(f"  {choice or 'greedy'}: {cpu_per_token_ms(choice, rounds=args.rounds):.3f} ms")


if __name__ == "__main__":
    main()
