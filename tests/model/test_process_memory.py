"""Memory as the system counts it, in processes of their own: given back, and running out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

# Two hundred million bytes of weights, all in matrices.
CONFIG = LlamaConfig(
    vocab_size=400,
    hidden_size=1_024,
    intermediate_size=2_816,
    num_hidden_layers=8,
    num_attention_heads=8,
    max_position_embeddings=32_768,
    bos_token_id=0,
    eos_token_id=0,
)
PRELUDE = """
import json, sys, torch
torch.set_num_threads(1)
from codeface_jupyter.config import Config
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.models.memory_usage import process_bytes
from codeface_jupyter.session import Session
config = Config()
config.set(model=sys.argv[1], cache_dir=sys.argv[2], dtype="bfloat16", max_new_tokens=4,
           engine=sys.argv[3], context_tokens=100_000, response_cache="off")
session = Session(config=config)
mine = torch.arange(1_000)
"""
UNLOAD = """
session.generate("warm up")  # torch and transformers stay, whatever the model does
session.unload()
before = process_bytes()
session.generate("again")
loaded = process_bytes()
weights = session.memory().engine_bytes["weights"]
session.unload()
after = process_bytes()
print(json.dumps({"before": before, "loaded": loaded, "after": after, "weights": weights}))
"""
SHRINK = """
long = "x = 1 # " * 700
session.generate(long)
kept = session.memory().engine_bytes["KV prefixes"]
full = process_bytes()
told = session.engine.shrink()
shrunk = process_bytes()
again = session.generate("one more")
print(json.dumps({"kept": kept, "told": told, "full": full, "shrunk": shrunk,
                  "tokens": again.metrics.generated_tokens}))
"""
RUN_OUT = """
import resource
for event in session.load():
    pass
session.generate("one")
long = "x = 1 # " * 3_000
config.set(max_new_tokens=8)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 150_000_000, resource.RLIM_INFINITY))
try:
    session.generate(long)
    message, hint = "", ""
except GenerationError as error:
    message, hint = error.message, error.hint
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = session.generate("one more")
print(json.dumps({"message": message, "hint": hint, "tokens": again.metrics.generated_tokens,
                  "mine": int(mine.sum())}))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts as Linux counts")


@pytest.fixture(scope="module")
def folder(make_tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(CONFIG, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    make_tokenizer(chat_template=None).save_pretrained(folder)
    return folder


def run(
    script: str, folder: Path, tmp_path: Path, *, engine: str = "transformers"
) -> dict[str, object]:
    command = [sys.executable, "-W", "ignore", "-c", PRELUDE + script, folder, tmp_path, engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("engine", ["transformers", "openvino"])
def test_unloading_gives_the_weights_memory_back(engine: str, folder: Path, tmp_path: Path) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino_genai", reason="the extra [openvino] is not installed")
    got = run(UNLOAD, folder, tmp_path, engine=engine)
    assert got["weights"] > 90_000_000
    assert got["loaded"] - got["before"] > 0.8 * got["weights"]
    assert got["after"] - got["before"] < 0.2 * got["weights"]


def test_dropping_openvinos_kept_keys_gives_their_memory_back(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino_genai", reason="the extra [openvino] is not installed")
    got = run(SHRINK, folder, tmp_path, engine="openvino")
    assert got["told"] == got["kept"] > 50_000_000
    assert got["full"] - got["shrunk"] > 0.7 * got["kept"]
    assert got["tokens"] > 0


def test_a_real_shortage_ends_in_a_clear_error_and_the_kernel_goes_on(
    folder: Path, tmp_path: Path
) -> None:
    got = run(RUN_OUT, folder, tmp_path)
    assert "ran out of memory: " in got["message"]
    assert "can't allocate memory" in got["message"]
    assert "its weights take" in got["message"]
    assert "smaller model" in got["hint"]
    assert got["tokens"] > 0
    assert got["mine"] == 499_500
