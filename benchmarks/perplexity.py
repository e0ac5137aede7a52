"""What each quantization of the openvino engine loses: perplexity over Python source.

The text is that of four modules of the standard library, 1,500 tokens of each, read from the
start of its code. Lower is better; only differences within one run mean something.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import math
import statistics
import textwrap
from pathlib import Path
from types import ModuleType

from reporting import describe_machine

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.openvino.precision import precision_properties
from codeface_jupyter.engines.text.fast_tokenizer import FastTokenizer
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm
from codeface_jupyter.models.conversion.packed_matrix import QUANTIZATIONS
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.folder_check import IR_FILE
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.openvino_library import import_openvino

MODULES: tuple[ModuleType, ...] = (argparse, textwrap, dataclasses, statistics)
# After licences and introductions.
SKIPPED_CHARACTERS, READ_CHARACTERS = 3_000, 9_000
TOKENS, PASS_TOKENS = 1_500, 256


def log_likelihoods(
    folder: Path, sequences: list[list[int]], *, properties: dict[str, object]
) -> list[float]:
    """Return the natural logarithm of the probability of every token but the first ones."""
    import numpy as np

    compiled = import_openvino().Core().compile_model(str(folder / IR_FILE), "CPU", properties)
    request = compiled.create_infer_request()
    found: list[float] = []
    for ids in sequences:
        request.reset_state()
        for start in range(0, len(ids), PASS_TOKENS):
            end = min(start + PASS_TOKENS, len(ids))
            inputs = {
                "input_ids": np.array([ids[start:end]]),
                "attention_mask": np.ones((1, end), np.int64),
                "position_ids": np.arange(start, end)[None],
                "beam_idx": np.zeros(1, np.int32),
            }
            # (tokens, vocabulary); then their logarithmic softmax, which must not overflow.
            logits = next(iter(request.infer(inputs).values()))[0].astype(np.float64)
            logits -= logits.max(axis=1, keepdims=True)
            logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
            # A token's logits are about the next one, of which the last has none.
            following = ids[start + 1 : end + 1]
            found += logits[np.arange(len(following)), following].tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    args = parser.parse_args()
    cache_dir = Settings().cache_dir
    local = locate(ModelRequest(args.model, cache_dir))
    tokenizer = FastTokenizer.from_folder(local.path) if local else None
    if local is None or tokenizer is None:
        parser.error(f"{args.model} is not here: codeface pull {args.model}")
    texts = [
        inspect.getsource(module)[SKIPPED_CHARACTERS : SKIPPED_CHARACTERS + READ_CHARACTERS]
        for module in MODULES
    ]
    sequences = [tokenizer.encode(text)[:TOKENS] for text in texts]
    print(describe_machine("openvino", "openvino-genai"))
    print("| quantization | perplexity | tokens |\n| --- | --- | --- |")
    for kind in QUANTIZATIONS:
        form = OpenVINOForm(local=local, quantization=kind, cache_dir=cache_dir)
        folder = form.ensure(Job())
        properties = precision_properties("auto", "CPU", quantization=kind)
        found = log_likelihoods(folder, sequences, properties=properties)
        perplexity = math.exp(-statistics.fmean(found))
        print(f"| {kind} | {perplexity:.3f} | {len(found):,} |", flush=True)


if __name__ == "__main__":
    main()
