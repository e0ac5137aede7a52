"""The GPU benchmark runs from end to end on a processor, and says what it cannot do without one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_all_is_measured_with_a_tiny_model_on_a_processor():
    ran = run(
        *("--device", "cpu", "--shape", "tiny", "--dtype", "float32"),
        *("--runs", "2", "--tokens", "20", "--prompt-tokens", "200"),
    )
    assert ran.returncode == 0, ran.stderr
    assert "no GPU" in ran.stdout
    assert "commit " in ran.stdout
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \(([\d.]+) to ([\d.]+), n = 2\) \|", ran.stdout, re.M)
    measures = " ".join(name for name, *_ in rows)
    for expected in (
        "copy, GB/s",
        "matrix products",
        "decode, share of",
        "prefill, share of",
        "side by side against one after another",
        "follow-up against cold",
    ):
        assert expected in measures
    for _, median, low, high in rows:
        assert 0 <= float(low) <= float(median) <= float(high)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so():
    ran = run("--shape", "tiny")
    assert ran.returncode == 1
    assert "There is no CUDA device here" in ran.stderr
    assert not ran.stdout
