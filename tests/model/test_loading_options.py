"""Weights made smaller, adapters on top, and what must be asked for by name in the call."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.engines.transformers import adapters, quantization
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import ConfigError, EngineUnavailableError, ModelFilesError
from codeface_jupyter.generation import Chunk, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt

PROMPT = Prompt(request="Group df by x", cells=("import pandas as pd",))
TRUSTED = Permissions(trust_remote_code=True)
PICKLED = Permissions(allow_pickle=True)


@pytest.fixture
def make_engine(tmp_path):
    made = []

    def make(folder: Path, permissions: Permissions | None = None, **options: Any):
        options = {"dtype": "float32", "cache_dir": tmp_path / "cache"} | options
        settings = Settings(model=str(folder), **options)
        made.append(TransformersEngine(settings.permitting(permissions or Permissions())))
        return made[-1]

    yield make
    for engine in made:
        engine.unload()


@pytest.fixture
def own_folder(make_model, tmp_path) -> Path:
    return shutil.copytree(make_model("llama"), tmp_path / "own")


def answer(engine: TransformersEngine) -> str:
    chunks: list[str] = []
    request = GenerationRequest(prompt=PROMPT, sampling=SamplingParameters(max_new_tokens=16))
    engine.generate(
        request,
        Job(lambda event: chunks.append(event.text) if isinstance(event, Chunk) else None),
    )
    return "".join(chunks)


class TestQuantization:
    def test_without_a_package_it_names_package_and_platform(
        self, make_engine, make_model, monkeypatch
    ):
        monkeypatch.setattr(quantization, "find_spec", lambda name: None)
        with pytest.raises(EngineUnavailableError, match=r"needs bitsandbytes.*cpu.*Linux") as e:
            make_engine(make_model(), quantization="int4").prepare(Job())
        assert "codeface-jupyter[quantization]" in e.value.hint

    def test_another_engines_scheme_is_refused_with_the_choices(self, make_engine, make_model):
        with pytest.raises(ConfigError, match=r"openvino engine.*int8 or int4"):
            make_engine(make_model(), quantization="q8_0").prepare(Job())

    @pytest.fixture
    def wide_model(self, make_tokenizer, tmp_path) -> Path:
        # Weights are packed in blocks that a tiny matrix does not fill.
        config = LlamaConfig(
            vocab_size=400,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=1,
            num_attention_heads=4,
            initializer_range=0.2,
        )
        AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "wide")
        make_tokenizer().save_pretrained(tmp_path / "wide")
        return tmp_path / "wide"

    @pytest.mark.parametrize("scheme", ["int8", "int4"])
    def test_weights_shrink_and_the_identity_says_so(self, make_engine, wide_model, scheme):
        pytest.importorskip("bitsandbytes")
        whole, small = make_engine(wide_model), make_engine(wide_model, quantization=scheme)
        for engine in (whole, small):
            engine.load(Job())
        assert answer(small)
        assert small.identity.quantization == f"{scheme}-bitsandbytes"
        assert small.identity != whole.identity
        linear = small._loaded.model.model.layers[0].mlp.up_proj.weight
        assert linear.dtype in {torch.int8, torch.uint8}

    @pytest.fixture
    def torchao_alone(self, monkeypatch):
        """Torchao, and no bitsandbytes even where it is installed."""
        pytest.importorskip("torchao")
        monkeypatch.setattr(quantization, "find_spec", lambda name: name == "torchao" or None)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    @pytest.mark.usefixtures("torchao_alone")
    def test_torchao_holds_the_decoders_matrices_in_eight_bits(
        self, make_engine, wide_model, dtype
    ):
        whole = make_engine(wide_model, dtype=dtype)
        small = make_engine(wide_model, dtype=dtype, quantization="int8")
        texts = [answer(engine) for engine in (whole, small)]
        assert all(texts)
        assert small.identity.quantization == "int8-torchao"
        assert small.identity != whole.identity
        ids = torch.arange(12)[None]
        with torch.no_grad():
            exact, near = whole._loaded.model(ids).logits, small._loaded.model(ids).logits
        error = (exact - near).float().norm() / exact.float().norm()
        assert 0 < error < 0.1
        assert small._loaded.model.model.layers[0].mlp.up_proj.weight.qdata.dtype == torch.int8
        assert small._loaded.model.lm_head.weight.dtype == getattr(torch, dtype)

    @pytest.mark.usefixtures("torchao_alone")
    def test_torchaos_four_bits_are_refused_on_a_cpu(self, make_engine, wide_model):
        with pytest.raises(EngineUnavailableError, match=r"needs bitsandbytes, .*device cpu"):
            make_engine(wide_model, quantization="int4", device_map="cpu").prepare(Job())

    @pytest.mark.usefixtures("torchao_alone")
    def test_torchaos_four_bits_need_no_other_package_and_one_dtype(self):
        config = quantization.quantization_config("int4-torchao", dtype="bfloat16")
        # Its kernels are torch's own.
        assert config.quant_type.int4_packing_format == "tile_packed_to_4d"
        with pytest.raises(ConfigError, match="'bfloat16', not 'float16'"):
            quantization.quantization_config("int4-torchao", dtype="float16")

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="packs for CUDA's kernels only")
    @pytest.mark.usefixtures("torchao_alone")
    def test_torchao_holds_the_decoders_matrices_in_four_bits(self, make_engine, wide_model):
        small = make_engine(wide_model, dtype="bfloat16", quantization="int4", device_map="cuda")
        assert answer(small)
        assert small.identity.quantization == "int4-torchao"
        assert small._loaded.model.model.layers[0].mlp.up_proj.weight.qdata.dtype == torch.int32


@pytest.fixture
def adapter(make_model, tmp_path) -> Path:
    peft = pytest.importorskip("peft")
    model = AutoModelForCausalLM.from_pretrained(make_model("llama"), dtype=torch.float32)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        # Otherwise an untrained adapter changes nothing.
        config.init_lora_weights = False
        adapted = peft.get_peft_model(model, config)
    adapted.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


# PEFT 0.21 reads a name that transformers 5 calls old.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
class TestAdapter:
    def test_it_changes_the_answer_as_peft_does(self, make_engine, make_model, adapter):
        from peft import PeftModel

        folder = make_model("llama")
        engine = make_engine(folder, adapter=adapter)
        text = answer(engine)
        assert text != answer(make_engine(folder))
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        reference = PeftModel.from_pretrained(base, adapter)
        ids = torch.tensor([engine._codec.encode_prompt(engine.format_prompt(PROMPT))])
        with torch.no_grad():
            torch.testing.assert_close(
                engine._loaded.model(ids).logits, reference(ids).logits, rtol=1e-3, atol=1e-3
            )

    def test_another_adapter_is_another_identity(self, make_engine, make_model, adapter):
        engine, plain = (
            make_engine(make_model("llama"), adapter=adapter),
            make_engine(make_model("llama")),
        )
        engine.prepare(Job())
        plain.prepare(Job())
        assert plain.identity.adapter == ""
        first = engine.identity.adapter
        weights = adapter / adapters.WEIGHTS_FILE
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
        again = make_engine(make_model("llama"), adapter=adapter)
        again.prepare(Job())
        assert again.identity.adapter != first

    def test_a_missing_file_is_named(self, make_engine, make_model, adapter):
        (adapter / adapters.WEIGHTS_FILE).unlink()
        with pytest.raises(ModelFilesError, match=r"adapter_model\.safetensors is missing"):
            make_engine(make_model("llama"), adapter=adapter).prepare(Job())

    def test_pickled_weights_are_refused(self, make_engine, make_model, adapter):
        (adapter / adapters.WEIGHTS_FILE).rename(adapter / adapters.PICKLED_FILE)
        with pytest.raises(ModelFilesError, match=r"adapter_model\.bin holds pickled weights"):
            make_engine(make_model("llama"), adapter=adapter).prepare(Job())

    def test_one_for_another_model_is_named(self, make_engine, make_model, adapter):
        engine = make_engine(make_model("gpt_neo"), adapter=adapter)
        with pytest.raises(ModelFilesError, match=r"adapter_model\.safetensors does not fit"):
            engine.load(Job())

    def test_without_peft_it_says_what_to_install(
        self, make_engine, make_model, monkeypatch, tmp_path
    ):
        monkeypatch.setattr(adapters, "find_spec", lambda name: None)
        with pytest.raises(EngineUnavailableError, match="peft") as caught:
            make_engine(make_model(), adapter=tmp_path).prepare(Job())
        assert "codeface-jupyter[peft]" in caught.value.hint


class TestRemoteCode:
    @pytest.fixture
    def folder(self, own_folder: Path, tmp_path: Path) -> Path:
        config = json.loads((own_folder / "config.json").read_text())
        config["model_type"] = "own_llama"
        config["auto_map"] = {
            "AutoConfig": "own.OwnConfig",
            "AutoModelForCausalLM": "own.OwnForCausalLM",
        }
        (own_folder / "config.json").write_text(json.dumps(config))
        (own_folder / "own.py").write_text(
            "from pathlib import Path\n"
            "from transformers import LlamaConfig, LlamaForCausalLM\n"
            f"Path({str(tmp_path / 'ran')!r}).touch()\n"
            "class OwnConfig(LlamaConfig):\n    model_type = 'own_llama'\n"
            "class OwnForCausalLM(LlamaForCausalLM):\n    config_class = OwnConfig\n"
        )
        return own_folder

    def test_it_does_not_run_unasked(self, make_engine, folder, tmp_path):
        with pytest.raises(ModelFilesError) as caught:
            make_engine(folder).prepare(Job())
        assert "--trust-remote-code" in caught.value.hint
        assert not (tmp_path / "ran").exists()

    def test_it_runs_in_the_call_that_asks(self, make_engine, folder, tmp_path, monkeypatch):
        from transformers import dynamic_module_utils

        monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
        assert answer(make_engine(folder, TRUSTED))
        assert (tmp_path / "ran").exists()

    def test_a_missing_file_is_named(self, make_engine, folder):
        (folder / "own.py").unlink()
        with pytest.raises(ModelFilesError, match=r"own\.py is missing"):
            make_engine(folder, TRUSTED).prepare(Job())


class TestPickle:
    @pytest.fixture
    def folder(self, own_folder: Path) -> Path:
        model = AutoModelForCausalLM.from_pretrained(own_folder)
        torch.save(model.state_dict(), own_folder / "pytorch_model.bin")
        (own_folder / "model.safetensors").unlink()
        return own_folder

    def test_it_is_refused_unasked_and_the_flag_is_named(self, make_engine, folder):
        with pytest.raises(ModelFilesError, match=r"pytorch_model\.bin holds pickled") as caught:
            make_engine(folder).prepare(Job())
        assert "--allow-pickle" in caught.value.hint

    def test_the_call_that_asks_gets_the_same_answer(self, make_engine, make_model, folder):
        assert answer(make_engine(folder, PICKLED)) == answer(make_engine(make_model("llama")))


@pytest.mark.parametrize("name", ["trust_remote_code", "allow_pickle"])
def test_no_setting_can_allow_what_only_a_call_may(name, monkeypatch, tmp_path):
    from codeface_jupyter.config import Config

    file = tmp_path / "config.toml"
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(ConfigError, match="is not a setting") as caught:
        Config(file=file).set(**{name: True})
    assert flag in caught.value.hint
    file.write_text(f"{name} = true\n")
    with pytest.raises(ConfigError, match=r"line 1.* is not a setting"):
        Config(file=file)
    file.unlink()
    monkeypatch.setenv(f"CODEFACE_{name.upper()}", "1")
    with pytest.raises(ConfigError, match="is not a setting"):
        Config(file=file)


def test_an_allowance_ends_with_its_call():
    settings = Settings()
    allowed = settings.permitting(TRUSTED)
    assert allowed.permissions.trust_remote_code
    assert not settings.permissions.trust_remote_code
    # Derived settings of the same call keep it.
    assert allowed.model_copy(update={"auto_pull": False}).permissions == TRUSTED
