"""Our engine against llama.cpp on the processor, request by request in turn.

Each runs in a process of its own and keeps its model loaded; the two are asked in
turn, so a drifting machine touches both alike. llama.cpp is used through
llama-cpp-python, built on this machine, in the environment given by
``--llama-python``; it reads the model's Q4_K_M file, ours what it made of it.

Measured, in seconds and tokens per second:

- cold: a new prompt of about 1,000 tokens, time to first token and prefill rate
- follow-up: another request after the same 1,000 tokens of notebook, 150 new tokens
- edit: a cell that is changed in one place, against plain decoding
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

NEW_TOKENS = 150
MODEL = "qwen2.5-coder-0.5b"
# Against llama.cpp.
GOALS = {
    "cold: prefill, tokens/s": "≥ 1.5",
    "follow-up: decode, tokens/s": "≥ 1.0",
    "follow-up: whole answer per 150 tokens, s": "≤ 0.85",
}
CELL = (
    "def step_{n}(frame):\n    total_{n} = frame['a_{n}'].sum() + {n}\n    return total_{n} * {n}\n"
)
LONG_REQUEST = "Write a class Matrix with addition, multiplication, transpose, determinant, repr"
EDIT_REQUEST = "Rename the function `load` to `read_table` and keep everything else as it is."
EDIT_CELL = """def load(path, *, sep=",", encoding="utf-8", skip=0, limit=None):
    rows = []
    with open(path, encoding=encoding) as file:
        for number, line in enumerate(file):
            if number < skip:
                continue
            if limit is not None and len(rows) >= limit:
                break
            rows.append([field.strip() for field in line.rstrip().split(sep)])
    header, *body = rows
    return [dict(zip(header, row)) for row in body]


first = load("first.csv")
second = load("second.csv", sep=";")
"""


def chat(user: str) -> str:
    """Return a prompt by Qwen's chat template, so that both are given the very same text."""
    return (
        "<|im_start|>system\nYou are a pair programmer.<|im_end|>\n"
        f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
    )


def notebook(salt: int) -> str:
    """Return about 1,000 tokens of cells, different from the first token on."""
    cells = "\n".join(CELL.format(n=n) for n in range(salt * 1000, salt * 1000 + 21))
    return f"# notebook {salt}\n{cells}"


def prompt_of(kind: str, salt: int) -> str:
    """Return the prompt of one measurement."""
    if kind.startswith("edit"):
        return chat(f"# {salt}\n```python\n{EDIT_CELL}```\n\n{EDIT_REQUEST}")
    request = "Sum it." if kind == "cold" else f"{LONG_REQUEST}, version {kind}."
    return chat(f"{notebook(salt)}\n\n{request}")


def our_answerer(
    engine_name: str, *, model: str = MODEL, quantization: str = "auto"
) -> Callable[[str, int, bool], dict[str, float]]:
    """Return a function that answers a prompt with the engine of this package."""
    from codeface_jupyter.config import Config
    from codeface_jupyter.engines.registry import create_engine
    from codeface_jupyter.generation import GenerationRequest, SamplingParameters
    from codeface_jupyter.jobs import Job
    from codeface_jupyter.prompts import Prompt

    config = Config()
    config.set(engine=engine_name, model=model, quantization=quantization)
    engine = create_engine(config.settings)
    engine.prepare(Job())
    engine.load(Job())
    # The prompts are laid out already.
    engine.format_prompt = lambda prompt: prompt.request

    def answer(prompt: str, max_new_tokens: int, copies: bool) -> dict[str, float]:
        request = GenerationRequest(
            prompt=Prompt(request=prompt),
            sampling=SamplingParameters(max_new_tokens=max_new_tokens),
            expects_copying=copies,
        )
        done = engine.generate(request, Job())
        m = done.metrics
        return {
            "prompt_tokens": m.prompt_tokens,
            "tokens": m.generated_tokens,
            "first_s": m.time_to_first_token_s,
            "total_s": m.total_s,
        }

    return answer


def llama_answerer(gguf: str, threads: int) -> Callable[[str, int, bool], dict[str, float]]:
    """Return a function that answers a prompt with llama.cpp."""
    from llama_cpp import Llama

    model = Llama(
        gguf, n_ctx=8192, n_threads=threads, n_threads_batch=threads, n_batch=512, verbose=False
    )

    def answer(prompt: str, max_new_tokens: int, _copies: bool) -> dict[str, float]:
        ids = model.tokenize(prompt.encode(), add_bos=False, special=True)
        begin = time.perf_counter()
        first_s, tokens = 0.0, 0
        for token in model.generate(ids, temp=0.0, repeat_penalty=1.0):
            tokens += 1
            if tokens == 1:
                first_s = time.perf_counter() - begin
            if tokens >= max_new_tokens or token in (151643, 151645):
                break
        total_s = time.perf_counter() - begin
        return {
            "prompt_tokens": len(ids), "tokens": tokens, "first_s": first_s, "total_s": total_s
        }  # fmt: skip

    return answer


def work(answer: Callable[[str, int, bool], dict[str, float]]) -> None:
    """Answer the requests that come by standard input, one line of JSON each."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(*json.loads(line))) + "\n")
        sys.stdout.flush()


class Worker:
    """One engine in a process of its own."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, prompt: str, max_new_tokens: int, *, copies: bool = False) -> dict[str, float]:
        """Send one request and wait for its figures."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([prompt, max_new_tokens, copies]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(workers: dict[str, Worker], runs: int) -> dict[str, dict[str, list[float]]]:
    """Ask every worker in turn, ``runs`` times; return the figures by name."""
    figures: dict[str, dict[str, list[float]]] = {name: {} for name in workers}
    for run in range(runs):
        for kind in ("cold", "follow-up", "edit", "edit by copying"):
            for name, worker in workers.items():
                result = _ask(worker, kind, salt=run + 1)
                for figure, value in result.items():
                    figures[name].setdefault(figure, []).append(value)
    return figures


def _ask(worker: Worker, kind: str, *, salt: int) -> dict[str, float]:
    copies = kind == "edit by copying"
    new_tokens = {"cold": 1, "follow-up": NEW_TOKENS}.get(kind, 300)
    got = worker.ask(prompt_of(kind, salt), new_tokens, copies=copies)
    if kind == "cold":
        return {
            "cold: time to first token, s": got["first_s"],
            "cold: prefill, tokens/s": got["prompt_tokens"] / got["first_s"],
        }
    decode = (got["tokens"] - 1) / max(got["total_s"] - got["first_s"], 1e-9)
    if kind == "follow-up":
        return {
            "follow-up: time to first token, s": got["first_s"],
            "follow-up: decode, tokens/s": decode,
            "follow-up: whole answer per 150 tokens, s": got["first_s"]
            + NEW_TOKENS / max(decode, 1e-9),
        }
    return {f"{kind}: decode, tokens/s": decode}


def print_table(figures: dict[str, dict[str, list[float]]]) -> None:
    """Print medians and spreads, the ratio of the first two, and the goals."""
    from reporting import spread

    names = list(figures)
    print(f"| measure | {' | '.join(names)} | ratio | goal |\n|{' --- |' * (len(names) + 3)}")
    for measure_name in figures[names[0]]:
        values = [figures[name][measure_name] for name in names]
        ratio = f"{_ratio(*values[:2]):.2f}" if len(names) > 1 else ""
        cells = [*(spread(v) for v in values), ratio, GOALS.get(measure_name, "")]
        print(f"| {measure_name} | {' | '.join(cells)} |")
    ours = figures[names[0]]
    first = _ratio(ours["follow-up: time to first token, s"], ours["cold: time to first token, s"])
    copied = _ratio(ours["edit by copying: decode, tokens/s"], ours["follow-up: decode, tokens/s"])
    print(f"\nour first token in a follow-up against cold: {first:.3f} (goal: ≤ 0.1)")
    print(f"our edit by copying against our plain decode: {copied:.2f} (goal: ≥ 1.5)")


def _ratio(first: list[float], second: list[float]) -> float:
    return statistics.median(first) / statistics.median(second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--quantization", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--llama-python", help="an interpreter that has llama-cpp-python")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--gguf", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker == "llama":
        work(llama_answerer(args.gguf, args.threads))
    elif args.worker:
        work(our_answerer(args.worker, quantization=args.quantization))
    else:
        compare(args)


def compare(args: Any) -> None:
    """Start the workers, measure and print."""
    from reporting import describe_machine

    from codeface_jupyter.config import Settings
    from codeface_jupyter.models.fetch import locate
    from codeface_jupyter.models.local_model import ModelRequest

    me = str(Path(__file__))
    ours = ("--worker", args.engine, "--quantization", args.quantization)
    workers = {f"codeface ({args.engine})": Worker(sys.executable, me, *ours)}
    if args.llama_python:
        found = locate(ModelRequest(MODEL, Settings().cache_dir))
        options = ("--worker", "llama", "--gguf", str(found.gguf), "--threads", str(args.threads))
        workers["llama.cpp"] = Worker(args.llama_python, me, *options)
    print(describe_machine("openvino", "openvino-genai", "transformers", "torch"))
    print_table(measure(workers, args.runs))
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
