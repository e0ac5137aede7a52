"""How near a GPU's limits the transformers engine comes, with random weights of known shapes.

Everything is measured in one run, through the engine: nothing is fetched, and the
weights are made on the device. Goals:

- decoding one answer: at least 0.80 of what the measured rate of copies allows
- reading a prompt of 4,000 tokens: at least 0.5 of the measured rate of matrix products
- 16 prompts side by side: at least 10 times the rate of one after another
- a follow-up after the same 4,000 tokens: first token in at most 0.1 of the time cold

``--device cpu --shape tiny`` runs the same code anywhere in seconds; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from random_model import SHAPES, RandomEngine, words
from reporting import describe_machine, spread

from codeface_jupyter.generation import Done, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.memory_usage import give_back
from codeface_jupyter.prompts import Prompt

if TYPE_CHECKING:
    import torch

BATCH_ROWS = 16
BATCH_TOKENS = 64
FOLLOW_UP_TOKENS = 32
GB = 1e9


def synchronize(device: str) -> None:
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: str) -> float:
    """Return the seconds that ``work`` takes on the device."""
    # Kernels run asynchronously: wait for earlier ones before, and for these after.
    synchronize(device)
    begin = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - begin


def copy_rates(device: str, runs: int, *, size: int) -> list[float]:
    """Return bytes read plus bytes written per second, of copies of ``size`` bytes."""
    import torch

    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return [2 * size / timed(lambda: target.copy_(source), device) for _ in range(runs)]


def product_rates(device: str, runs: int, *, width: int, dtype: torch.dtype) -> list[float]:
    """Return the operations per second of products of square matrices."""
    import torch

    left = torch.randn(width, width, device=device, dtype=torch.float32).to(dtype)
    right = left.clone()
    output = left @ right
    repeats = 10

    def multiply() -> None:
        for _ in range(repeats):
            torch.matmul(left, right, out=output)

    # The first product picks a kernel, which is not what is measured.
    multiply()
    return [repeats * 2 * width**3 / timed(multiply, device) for _ in range(runs)]


def matrices(engine: RandomEngine) -> list[torch.Tensor]:
    """Return the weights that each token is multiplied with; the tables are only looked up."""
    import torch

    return [m.weight for m in engine.model.modules() if isinstance(m, torch.nn.Linear)]


def bytes_per_token(engine: RandomEngine) -> int:
    """Return the bytes of weights that decoding one token reads."""
    return sum(weight.nbytes for weight in matrices(engine))


def prefill_operations(engine: RandomEngine, tokens: int) -> float:
    """Return the operations of reading ``tokens``: products with weights, and attention.

    Two per weight and token, of all matrices but the last, which sees one token; in
    attention four per pair of tokens and width, half of which the causal mask spares.
    """
    config = engine.model.config
    head = engine.model.get_output_embeddings().weight.numel()
    weights = sum(weight.numel() for weight in matrices(engine)) - head
    attention = 2 * config.num_hidden_layers * config.hidden_size * tokens**2
    return 2.0 * weights * tokens + attention


def request(text: str, max_new_tokens: int) -> GenerationRequest:
    return GenerationRequest(
        prompt=Prompt(request=text), sampling=SamplingParameters(max_new_tokens=max_new_tokens)
    )


def answer(engine: RandomEngine, text: str, max_new_tokens: int) -> Done:
    return engine.generate(request(text, max_new_tokens), Job())


class Bench:
    """The measurements of one engine, each with prompts that no other one has read."""

    def __init__(self, engine: RandomEngine, args: argparse.Namespace) -> None:
        self.engine = engine
        self.args = args
        self._vocabulary = engine.model.config.vocab_size
        self._salt = 0

    def new_text(self, tokens: int) -> str:
        """Return a prompt that begins like no other."""
        self._salt += 1
        return words(tokens, salt=self._salt, vocabulary=self._vocabulary)

    def decode(self) -> list[float]:
        """Return tokens per second of single answers after short prompts."""
        rates = []
        for run in range(self.args.runs + 1):
            done = answer(self.engine, self.new_text(128), self.args.tokens)
            # The first run chooses kernels and allocates workspaces, so it does not count.
            if run:
                rates.append((done.metrics.generated_tokens - 1) / done.metrics.decode_s)
        return rates

    def prompts(self) -> tuple[list[float], list[float], list[float]]:
        """Return the first token's time cold and in a follow-up, and the rate after it."""
        cold, warm, rates = [], [], []
        for run in range(self.args.runs + 1):
            start = self.new_text(self.args.prompt_tokens)
            first = answer(self.engine, start, 1)
            text = f"{start} {self.new_text(FOLLOW_UP_TOKENS)}"
            second = answer(self.engine, text, self.args.tokens)
            if run:
                cold.append(first.metrics.time_to_first_token_s)
                warm.append(second.metrics.time_to_first_token_s)
                rates.append((second.metrics.generated_tokens - 1) / second.metrics.decode_s)
        return cold, warm, rates

    def batches(self) -> tuple[list[float], list[float]]:
        """Return tokens per second of 16 answers, one after another and side by side."""
        alone, together = [], []
        for run in range(self.args.runs + 1):
            texts = [self.new_text(100 + 5 * n) for n in range(BATCH_ROWS)]
            begin = time.perf_counter()
            for text in texts:
                answer(self.engine, text, BATCH_TOKENS)
            alone_s = time.perf_counter() - begin
            texts = [self.new_text(100 + 5 * n) for n in range(BATCH_ROWS)]
            begin = time.perf_counter()
            self.engine.generate_batch(
                [request(text, BATCH_TOKENS) for text in texts],
                on_result=lambda index, text, done: None,
                job=Job(),
            )
            together_s = time.perf_counter() - begin
            if run:
                alone.append(BATCH_ROWS * BATCH_TOKENS / alone_s)
                together.append(BATCH_ROWS * BATCH_TOKENS / together_s)
        return alone, together


def report(bench: Bench, copies: Sequence[float], products: Sequence[float]) -> None:
    """Measure and print a table."""
    engine, prompt_tokens = bench.engine, bench.args.prompt_tokens
    limit = statistics.median(copies) / bytes_per_token(engine)
    operations = prefill_operations(engine, prompt_tokens)
    decode = bench.decode()
    cold, warm, later = bench.prompts()
    alone, together = bench.batches()
    prefill = [operations / seconds / statistics.median(products) for seconds in cold]
    batch_gain = [b / a for a, b in zip(alone, together, strict=True)]
    reuse = [w / c for c, w in zip(cold, warm, strict=True)]
    rows = [
        ("copy, GB/s read and written", [rate / GB for rate in copies], ""),
        ("matrix products, TFLOP/s", [rate / 1e12 for rate in products], ""),
        ("decode, tokens/s", decode, ""),
        (f"decode, share of {limit:.1f} tokens/s", [rate / limit for rate in decode], "≥ 0.80"),
        (f"decode after {prompt_tokens:,} tokens, tokens/s", later, ""),
        (f"prefill of {prompt_tokens:,} tokens, tokens/s", [prompt_tokens / s for s in cold], ""),
        ("prefill, share of the matrix products' rate", prefill, "≥ 0.5"),
        (f"{BATCH_ROWS} prompts one after another, tokens/s", alone, ""),
        (f"{BATCH_ROWS} prompts side by side, tokens/s", together, ""),
        ("side by side against one after another", batch_gain, "≥ 10"),
        ("time to first token, cold, s", cold, ""),
        ("time to first token, follow-up, s", warm, ""),
        ("follow-up against cold", reuse, "≤ 0.1"),
    ]
    print("| measure | median (minimum to maximum, n) | goal |\n| --- | --- | --- |")
    for name, values, goal in rows:
        print(f"| {name} | {spread(values, digits=3)} | {goal} |")
    print(f"weights read per token: {bytes_per_token(engine) / GB:.2f} GB")


def device_name(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return "no GPU: the figures below say nothing about one"
    major, minor = torch.cuda.get_device_capability(device)
    memory = torch.cuda.get_device_properties(device).total_memory / GB
    name = torch.cuda.get_device_name(device)
    return f"{name}, {memory:.0f} GB, capability {major}.{minor}, CUDA {torch.version.cuda}"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="codellama-34b")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200, help="tokens of an answer")
    parser.add_argument("--prompt-tokens", type=int, default=4_000, help="of a long prompt")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    import torch

    if args.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(
            "There is no CUDA device here, and this measures one. "
            "To try the script itself: --device cpu --shape tiny"
        )
    on_gpu = args.device.startswith("cuda")
    print(describe_machine("torch", "transformers"))
    print(device_name(args.device))
    copies = copy_rates(args.device, args.runs, size=2**32 if on_gpu else 2**24)
    products = product_rates(
        args.device,
        args.runs,
        width=8_192 if on_gpu else 256,
        dtype=getattr(torch, args.dtype),
    )
    give_back()
    engine = RandomEngine(args.shape, device=args.device, dtype=args.dtype)
    made_s = timed(lambda: engine.load(Job()), args.device)
    print(f"{args.shape}, {args.dtype}, random weights, made in {made_s:.1f} s\n")
    report(Bench(engine, args), copies, products)


if __name__ == "__main__":
    main()
