"""Which engine auto takes, why, and that deciding costs next to nothing."""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.engines import current_engine
from codeface_jupyter.engines.openvino import support
from codeface_jupyter.engines.openvino.options import OpenVINOOptions
from codeface_jupyter.engines.registry import create_engine, engine_choice, engine_fitness
from codeface_jupyter.engines.transformers import adapters, quantization
from codeface_jupyter.engines.transformers import plugin as transformers_plugin
from codeface_jupyter.engines.transformers import support as transformers_support
from codeface_jupyter.errors import ConfigError, EngineUnavailableError, ModelFilesError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.openvino_ir import unsupported_reason
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.folder_check import read_config
from codeface_jupyter.models.local_model import LocalModel, ModelRequest

QWEN = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 1,
}
# What a conversion needs besides.
MORE_FIGURES = {"max_position_embeddings": 512, "rms_norm_eps": 1e-6}


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO and PEFT are installed, an accelerator is not there, whatever this machine has."""
    monkeypatch.setattr(support, "find_spec", lambda name: name)
    monkeypatch.setattr(adapters, "find_spec", lambda name: name)
    monkeypatch.setattr(transformers_plugin, "_has_accelerator", lambda: False)


def write_model(folder: Path, **config: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(QWEN | MORE_FIGURES | config))
    (folder / "tokenizer.json").write_text("{}")
    save_file({"w": np.zeros(4, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def settings_for(folder: Path, **values: object) -> Settings:
    return Settings.model_validate(
        {"model": str(folder), "cache_dir": folder.parent / "cache"} | values
    )


@pytest.mark.parametrize(("device_map", "device"), [("auto", "CPU"), ("gpu", "GPU")])
def test_auto_takes_openvino_for_a_model_that_it_can_serve(
    device_map: str, device: str, tmp_path: Path
) -> None:
    found = engine_choice(settings_for(write_model(tmp_path / "m"), device_map=device_map))
    assert (found.name, found.is_fallback) == ("openvino", False)
    assert found.reason.endswith(f"on the {device}")


@pytest.mark.parametrize("quantization", ["auto", "int8", "int4", "q8_0", "q4_0"])
def test_smaller_weights_are_openvinos_on_a_cpu(quantization: str, tmp_path: Path) -> None:
    settings = settings_for(write_model(tmp_path / "m"), quantization=quantization)
    assert engine_choice(settings).name == "openvino"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"dtype": "float32"}, "dtype"),
        ({"attn_implementation": "eager"}, "attn_implementation"),
        ({"force_load": True}, "force_load"),
        ({"device_map": "cuda:0"}, "cuda:0"),
    ],
)
def test_what_only_transformers_has_decides_for_it(
    values: dict[str, object], word: str, tmp_path: Path
) -> None:
    found = engine_choice(settings_for(write_model(tmp_path / "m"), **values))
    assert found.name == "transformers"
    assert word in found.reason


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"architectures": ["GPTNeoForCausalLM"]}, "GPTNeoForCausalLM"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rotary"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "rotary"),
        ({"attention_bias": True}, "bias"),
        ({"use_sliding_window": True}, "sliding window"),
        ({"hidden_size": 48}, "multiple"),
        ({"quantization_config": {"bits": 4}}, "already quantized"),
    ],
)
def test_a_model_that_openvino_cannot_read_falls_back_and_says_why(
    config: dict[str, object], word: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(write_model(tmp_path / "m", **config))
    with caplog.at_level(logging.INFO):
        engine = create_engine(settings)
    assert engine.identity.engine == "transformers"
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert word in caplog.text


def test_without_openvino_the_reason_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "find_spec", lambda _: None)
    found = engine_choice(settings_for(write_model(tmp_path / "m")))
    assert (found.name, found.is_fallback) == ("transformers", True)
    assert 'pip install "codeface-jupyter[openvino]"' in found.reason


def test_an_accelerator_goes_before_the_fast_engine_of_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_plugin, "_has_accelerator", lambda: True)
    assert engine_choice(settings_for(write_model(tmp_path / "m"))).name == "transformers"
    on_cpu = settings_for(tmp_path / "m", device_map="cpu")
    assert engine_choice(on_cpu).name == "openvino"


def test_a_shipped_model_needs_not_be_here_yet_another_one_does(tmp_path: Path) -> None:
    shipped = Settings(model="qwen2.5-coder-0.5b", cache_dir=tmp_path)
    assert engine_choice(shipped).name == "openvino"
    unknown = engine_choice(Settings(model="somebody/some-model", cache_dir=tmp_path))
    assert unknown.name == "transformers"
    assert "fetched" in unknown.reason


def test_an_engine_that_the_settings_name_is_taken_unseen() -> None:
    assert engine_choice(Settings(engine="scripted")).name == "scripted"


@pytest.mark.parametrize(
    ("adapter", "permissions", "word"),
    [
        ("lora", Permissions(), "adapter = 'lora'"),
        (None, Permissions(trust_remote_code=True), "--trust-remote-code"),
        (None, Permissions(allow_pickle=True), "--allow-pickle"),
    ],
)
@pytest.mark.parametrize("engine", ["openvino", "auto"])
def test_openvino_refuses_what_it_would_ignore_and_auto_takes_another(
    adapter: str | None, permissions: Permissions, word: str, engine: str, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    settings = settings_for(folder, engine=engine, adapter=adapter).permitting(permissions)
    options = settings.options_of("openvino", OpenVINOOptions)
    assert word in (support.setting_problem(settings, options) or "")
    if engine == "auto":
        assert create_engine(settings).identity.engine == "transformers"
        return
    with pytest.raises(ConfigError, match=word) as caught:
        create_engine(settings)
    assert "transformers" in caught.value.hint


@pytest.mark.skipif(
    importlib.util.find_spec("openvino_genai") is None, reason="the general engine needs torch"
)
@pytest.mark.parametrize(
    ("shows_accelerator", "decide"),
    [
        (False, "create_engine(Settings(model=sys.argv[1]))"),
        (True, "engine_fitness(Settings(model=sys.argv[1], engine='openvino'))"),
    ],
    ids=["choosing", "telling of a GPU"],
)
def test_deciding_imports_neither_torch_nor_openvino(
    shows_accelerator: bool, decide: str, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    code = (
        "import sys\n"
        "from codeface_jupyter.config import Settings\n"
        "from codeface_jupyter.engines.registry import create_engine, engine_fitness\n"
        "from codeface_jupyter.engines.transformers import plugin\n"
        f"plugin._shows_accelerator = lambda: {shows_accelerator}\n"
        f"{decide}\n"
        "heavy = {'torch', 'transformers', 'openvino', 'openvino_genai'} & set(sys.modules)\n"
        "sys.stdout.write(', '.join(heavy))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_families_that_are_converted_are_told_by_their_config(tmp_path: Path) -> None:
    for name in ("LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"):
        folder = write_model(tmp_path / name, architectures=[name])
        assert unsupported_reason(folder) is None
        per_token = support.kv_bytes_per_token(read_config(folder), dtype="auto")
        assert per_token == 2 * 4 * 16 * 2


@pytest.mark.parametrize(
    ("config", "bytes_per_token", "window"),
    [
        (QWEN | {"num_key_value_heads": 2, "max_position_embeddings": 99}, 2 * 2 * 16 * 2, 99),
        ({"n_head": 4, "n_embd": 64, "n_layer": 3, "n_positions": 7}, 2 * 3 * 4 * 16 * 2, 7),
        ({"n_head": 4, "n_embd": 64, "n_layer": 3, "multi_query": True}, 2 * 3 * 16 * 2, None),
        ({"text_config": QWEN | {"head_dim": 8}}, 2 * 4 * 8 * 2, None),
        ({"hidden_size": 64}, 0, None),
        (QWEN | {"num_attention_heads": 0}, 0, None),
        (QWEN | {"num_hidden_layers": "many"}, 0, None),
    ],
    ids=["qwen2", "gpt2", "starcoder", "with images", "silent", "no heads", "no number"],
)
def test_what_keys_and_values_take_is_told_of_every_family(
    config: dict[str, object], bytes_per_token: int, window: int | None
) -> None:
    for dtype, factor in (("auto", 1), ("float16", 1), ("float32", 2)):
        found = support.kv_bytes_per_token(config, dtype=dtype)
        assert found == factor * bytes_per_token
    assert Architecture.of(config).context_window == window


def write_ir_model(folder: Path) -> Path:
    write_model(folder)
    (folder / "model.safetensors").unlink()
    for name in ("openvino_model.xml", "openvino_model.bin"):
        (folder / name).write_bytes(b"?")
    return folder


def test_openvino_ir_is_openvinos_whatever_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_plugin, "_has_accelerator", lambda: True)
    found = engine_choice(settings_for(write_ir_model(tmp_path / "m")))
    assert (found.name, found.reason) == ("openvino", "the model comes as OpenVINO IR")


def test_without_openvino_nothing_reads_its_own_form_and_its_engine_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "find_spec", lambda _: None)
    settings = settings_for(write_ir_model(tmp_path / "m"))
    fitness = engine_fitness(settings)
    assert "OpenVINO is not installed" in fitness["openvino"].problem
    assert "OpenVINO IR only" in fitness["transformers"].problem
    found = engine_choice(settings, fitness)
    assert (found.name, found.can_serve) == ("openvino", False)
    assert "OpenVINO is not installed" in found.reason


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"quantization": "q8_0"}, "quantization = 'q8_0' is for the openvino engine"),
        ({"quantization": "int4"}, "needs bitsandbytes, which is not installed (device cpu"),
        ({"adapter": "/no/such/folder"}, "adapter_config.json is missing"),
        ({"attn_implementation": "flash_attention_2"}, "flash-attn, which is not installed"),
    ],
)
def test_what_transformers_cannot_serve_is_told_before_it_is_tried(
    values: dict[str, object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_plugin, "_shows_accelerator", lambda: False)
    monkeypatch.setattr(transformers_support, "find_spec", lambda _: None)
    monkeypatch.setattr(quantization, "find_spec", lambda _: None)
    settings = settings_for(write_model(tmp_path / "m"), engine="transformers", **values)
    assert said in engine_fitness(settings)["transformers"].problem


def test_an_engine_that_is_asked_for_says_itself_what_is_missing(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    found = engine_choice(settings_for(folder, adapter=tmp_path / "none"))
    assert (found.name, found.can_serve) == ("transformers", False)
    assert "adapter_config.json is missing" in found.reason
    settings = settings_for(folder, adapter=tmp_path / "none", engine="openvino")
    assert engine_choice(settings).can_serve


@pytest.mark.parametrize(
    "values",
    [{"attn_implementation": "flash_attention_2"}, {"dtype": "float16", "quantization": "int4"}],
)
def test_what_is_asked_of_torch_is_not_left_to_an_engine_that_would_ignore_it(
    values: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_support, "find_spec", lambda _: None)
    monkeypatch.setattr(quantization, "find_spec", lambda _: None)
    settings = settings_for(write_model(tmp_path / "m"), **values)
    assert not engine_fitness(settings)["openvino"].problem
    found = engine_choice(settings)
    assert (found.name, found.can_serve) == ("transformers", False)
    assert "which is not installed" in found.reason


def test_what_no_engine_can_serve_is_said_for_each_of_them(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", architectures=["GPTNeoForCausalLM"])
    with pytest.raises(EngineUnavailableError) as caught:
        engine_choice(settings_for(folder, quantization="q8_0"))
    for said in ("openvino: ", "GPTNeoForCausalLM", "transformers: quantization = 'q8_0'"):
        assert said in caught.value.hint


def test_a_hub_repository_that_is_called_so_is_taken_for_it_before_it_is_here(
    tmp_path: Path,
) -> None:
    settings = Settings(cache_dir=tmp_path, model="OpenVINO/Qwen2.5-Coder-0.5B-int8-ov")
    assert engine_choice(settings).name == "openvino"
    assert not engine_choice(settings).is_certain
    settings = Settings(cache_dir=tmp_path, model="owner/model-of-others")
    assert engine_choice(settings).name == "transformers"
    assert not engine_choice(settings).is_certain


def test_the_choice_looks_at_the_model_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def counted(model: str, **how: Any) -> Any:
        looks.append(model)
        return locate(model, **how)

    monkeypatch.setattr(support, "locate", counted)
    engine_choice(settings_for(write_model(tmp_path / "m")))
    assert len(looks) == 1


def test_allowed_pickles_go_before_openvino_ir(tmp_path: Path) -> None:
    folder = write_ir_model(tmp_path / "m")
    (folder / "pytorch_model.bin").write_bytes(b"?")
    allowing = settings_for(folder).permitting(Permissions(allow_pickle=True))
    assert engine_choice(settings_for(folder)).name == "openvino"
    assert engine_choice(allowing).name == "transformers"
    # It gets as far as the tokenizer, which is none.
    with pytest.raises(ModelFilesError, match=r"okeni[sz]er"):
        create_engine(allowing).prepare(Job())


@pytest.mark.parametrize(
    ("quantization", "first"), [("auto", "transformers"), ("q8_0", "openvino")]
)
@pytest.mark.parametrize("write", [write_model, write_ir_model])
def test_auto_fetches_a_model_of_unknown_kind_before_it_takes_an_engine(
    write: Callable[[Path], Path],
    quantization: str,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(
        model="somebody/some-model", cache_dir=tmp_path / "cache", quantization=quantization
    )
    fetched: list[LocalModel] = []

    def fetch(request: ModelRequest, *_: object, **__: object) -> LocalModel:
        fetched.append(LocalModel(name=request.model, path=write(tmp_path / "m"), source="hub"))
        return fetched[0]

    monkeypatch.setattr(current_engine, "find_or_fetch", fetch)
    monkeypatch.setattr(support, "locate", lambda *_, **__: next(iter(fetched), None))
    place = current_engine.CurrentEngine()
    assert place.peek(settings).identity.engine == first
    taken = place.take(settings, Job())
    assert taken.identity.engine == "openvino"
    assert place.take(settings, Job()) is taken
    assert len(fetched) == 1


def test_an_engine_that_is_not_loaded_gives_way_when_files_call_for_another(
    tmp_path: Path,
) -> None:
    settings = settings_for(write_model(tmp_path / "m", architectures=["GPTNeoForCausalLM"]))
    place = current_engine.CurrentEngine()
    first = place.take(settings, Job())
    write_model(tmp_path / "m")
    second = place.take(settings, Job())
    assert (first.identity.engine, second.identity.engine) == ("transformers", "openvino")


@pytest.mark.parametrize(
    ("permissions", "way_out"),
    [(Permissions(), "engine = 'openvino'"), (Permissions(allow_pickle=True), "hub's cache first")],
    ids=["plain", "pickles allowed"],
)
def test_openvino_ir_is_refused_by_the_engine_that_cannot_read_it(
    permissions: Permissions, way_out: str, tmp_path: Path
) -> None:
    settings = settings_for(write_ir_model(tmp_path / "m"), engine="transformers")
    with pytest.raises(ModelFilesError, match="as OpenVINO IR only") as caught:
        create_engine(settings.permitting(permissions)).prepare(Job())
    assert way_out in caught.value.hint
