"""The benchmarks run from end to end with the scripted engine; their figures mean nothing then."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# Slow enough that the view shows the answer before it is whole.
SCRIPTED = {"CODEFACE_ENGINE": "scripted", "CODEFACE_MODEL": "scripted:40ms:x60"}
ENGINE = ("--engine", "scripted")


def run(script: str, *options: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *options]
    done = subprocess.run(
        command, env=os.environ | SCRIPTED, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "options", "figures"),
    [
        ("load_extension.py", ("--runs", "1"), 1),
        ("first_answer.py", ("--runs", "1"), 2),
        ("streaming_overhead.py", ("--runs", "1", "--tokens", "10", *ENGINE), 3),
        ("batch.py", ("--runs", "1", "--tokens", "5", "--prompts", "2", *ENGINE), 5),
        ("growing_notebook.py", ("--runs", "1", *ENGINE), 18),
        ("speed.py", ("--runs", "1", *ENGINE), 7),
    ],
)
def test_a_benchmark_measures_all_that_it_promises(script, options, figures):
    printed = run(script, *options)
    assert "commit " in printed
    assert len(re.findall(r"[\d.]+ \([\d.]+ to [\d.]+, n = 1\)", printed)) == figures


@pytest.mark.parametrize("script", ["perplexity.py", "notebook_eval.py"])
def test_those_that_need_a_model_begin(script):
    assert "usage: " in run(script, "--help")
