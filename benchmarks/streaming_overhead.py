"""What kernel and widgets cost: decode rate through ``%%codeface`` against the bare engine.

Both run in one kernel, in turn, on the same prompt, so that a drifting machine
touches both alike. Goal: a ratio of 0.97 or more.
"""

from __future__ import annotations

import argparse
import json

from notebook_kernel import Kernel
from reporting import describe_machine, spread

SETUP = """
%load_ext codeface_jupyter
%config CodeFace.max_new_tokens = {tokens}
{options}
import json
from codeface_jupyter.generation import GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt

REQUEST = "Write a Python class for a matrix with addition, multiplication and printing."

def bare():
    engine = [c for c in get_ipython().configurables if type(c).__name__ == "CodeFace"][0]
    engine = engine.extension.session.engine
    request = GenerationRequest(
        prompt=Prompt(request=REQUEST), sampling=SamplingParameters(max_new_tokens={tokens})
    )
    done = engine.generate(request, Job())
    return done.metrics.decode_tokens_per_s
"""
ASK = "%%codeface --cells 0 --vars none --no-cache\n"
REQUEST = "Write a Python class for a matrix with addition, multiplication and printing."


def measure(*, runs: int, tokens: int, options: str) -> list[tuple[float, float]]:
    """Return pairs of decode rates, through the widgets and bare, in tokens per second."""
    kernel = Kernel()
    try:
        kernel.run(SETUP.format(tokens=tokens, options=options))
        kernel.run(ASK + REQUEST)  # the first answer loads the model
        pairs = []
        for _ in range(runs):
            kernel.run(ASK + REQUEST)
            through = kernel.run("print(json.dumps(_codeface.metrics.decode_tokens_per_s))")
            pairs.append((json.loads(through), json.loads(kernel.run("print(json.dumps(bare()))"))))
        return pairs
    finally:
        kernel.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--engine", default="auto")
    args = parser.parse_args()
    options = f"%config CodeFace.engine = {args.engine!r}"
    pairs = measure(runs=args.runs, tokens=args.tokens, options=options)
    print(describe_machine("torch", "transformers", "ipykernel", "ipywidgets"))
    print(f"engine {args.engine}, {args.tokens} tokens")
    print(f"through kernel and widgets, tokens/s: {spread([a for a, _ in pairs], digits=1)}")
    print(f"bare engine, tokens/s:                {spread([b for _, b in pairs], digits=1)}")
    print(f"ratio pair by pair:                   {spread([a / b for a, b in pairs], digits=3)}")


if __name__ == "__main__":
    main()
