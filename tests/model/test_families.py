"""The families of the catalog, each by its real architecture, asked through the whole session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.model_details import model_details
from codeface_jupyter.response_cache import ResponseCache
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask


def fim_tokens(name: str) -> tuple[str, ...]:
    tokens = CATALOG[name].fim_tokens
    assert tokens is not None
    return tuple(filter(None, (tokens.prefix, tokens.suffix, tokens.middle)))


FAMILIES = {
    "llama": ("LlamaForCausalLM", ("▁<PRE>", "▁<SUF>", "▁<MID>")),
    "gpt_bigcode": ("GPTBigCodeForCausalLM", ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")),
    "starcoder2": ("Starcoder2ForCausalLM", ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")),
    "gpt_neo": ("GPTNeoForCausalLM", ()),
    "qwen2": ("Qwen2ForCausalLM", ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")),
    "qwen3": ("Qwen3ForCausalLM", ()),
    "qwen3_moe": ("Qwen3MoeForCausalLM", ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")),
    "deepseek_v2": ("DeepseekV2ForCausalLM", fim_tokens("deepseek-coder-v2-lite")),
    "mistral": ("MistralForCausalLM", fim_tokens("codestral-22b")),
    "gpt_oss": ("GptOssForCausalLM", ()),
    "granite": ("GraniteForCausalLM", ()),
    "gemma3": ("Gemma3ForCausalLM", ("<end_of_turn>",)),
    "phi": ("PhiForCausalLM", ()),
    "phi3": ("Phi3ForCausalLM", ("<|end|>",)),
}
NEW_TOKENS = 20
END_TOKENS = ("<|endoftext|>", "<|im_end|>", "<end_of_turn>", "<|end|>")
CELLS = (Cell(source="import pandas as pd"), Cell(source="df = pd.DataFrame({'x': [1]})"))

MakeSession = Callable[..., Session]


@pytest.fixture
def make_session(tmp_path) -> Iterator[MakeSession]:
    made: list[Session] = []

    def make(folder: Path, *, response_cache: ResponseCache | None = None) -> Session:
        config = Config(file=tmp_path / "none.toml")
        config.set(
            model=str(folder),
            engine="transformers",
            dtype="float32",
            cache_dir=str(tmp_path / "cache"),
            max_new_tokens=NEW_TOKENS,
            repetition_penalty=1.0,
        )
        made.append(Session(config=config, response_cache=response_cache))
        return made[-1]

    yield make
    for session in made:
        session.close()


def ask(session: Session, request: str = "Group df by x", **overrides: object) -> GenerationResult:
    sources = ContextSources(request=request, cells=CELLS)
    return session.generate(Ask(sources=sources, settings=session.config.with_overrides(overrides)))


def plain_greedy(folder: Path, prompt: str) -> tuple[str, int]:
    """Return what transformers alone makes of ``prompt``: the text, and how many tokens."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    known = tokenizer.get_vocab()
    ends = [known[token] for token in END_TOKENS if token in known]
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        eos_token_id=ends,
        pad_token_id=0,
    )
    new_ids = output[0, ids.shape[1] :]
    return tokenizer.decode(new_ids, skip_special_tokens=True), len(new_ids)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("is_chat", [True, False], ids=["chat", "base"])
@pytest.mark.parametrize("has_fim", [True, False], ids=["fim", "no-fim"])
def test_a_family_answers_as_transformers_does(make_session, make_model, family, is_chat, has_fim):
    architecture, tokens = FAMILIES[family]
    if has_fim and not tokens:
        pytest.skip(f"no published {family} has such tokens")
    template = {} if is_chat else {"chat_template": None}
    folder = make_model(family, more_tokens=tokens if has_fim else (), **template)
    assert json.loads((folder / "config.json").read_text())["architectures"] == [architecture]
    session = make_session(folder)
    result = ask(session)
    text, count = plain_greedy(folder, result.prompt)
    assert (result.text, result.metrics.generated_tokens) == (text, count)
    assert result.finish_reason == ("length" if count == NEW_TOKENS else "stop")
    assert result.is_bare_code is not is_chat
    assert ("<|im_start|>" in result.prompt) is is_chat
    assert "Group df by x" in result.prompt
    assert "df = pd.DataFrame" in result.prompt
    assert result.identity.revision.startswith("fingerprint:")


@pytest.mark.parametrize("family", FAMILIES)
def test_shards_answer_as_the_whole_does(make_session, make_model, family):
    whole, shards = make_model(family), make_model(family, shard_size="40KB")
    assert len(list(shards.glob("model-*.safetensors"))) > 1
    first, second = ask(make_session(whole)), ask(make_session(shards))
    assert first.text == second.text
    assert first.identity != second.identity


@pytest.mark.parametrize("family", FAMILIES)
def test_a_follow_up_is_the_same_warm_and_cold(make_session, make_model, family):
    folder = make_model(family)
    warm = make_session(folder)
    ask(warm)
    assert ask(warm, "Now plot it").text == ask(make_session(folder), "Now plot it").text


def test_an_end_token_ends_the_answer(make_session, make_model):
    folder = make_model("qwen2")
    session = make_session(folder)
    # Seeds until one draws an end token: the tiny model knows few words.
    results = (ask(session, temperature=2.0, seed=seed, max_new_tokens=400) for seed in range(20))
    ended = next(result for result in results if result.finish_reason == "stop")
    assert ended.metrics.generated_tokens < 400
    assert "<|" not in ended.text


class TestRetrained:
    def test_new_weights_in_the_same_folder_are_not_answered_from_the_cache(
        self, make_session, make_model, tmp_path
    ):
        folder = shutil.copytree(make_model("llama"), tmp_path / "mine")
        first = make_session(folder)
        old = ask(first)
        assert ask(first).metrics.from_response_cache
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.neg_()
        model.save_pretrained(folder)
        # As a server would share it.
        second = make_session(folder, response_cache=first.response_cache)
        new = ask(second)
        assert not new.metrics.from_response_cache
        assert new.text != old.text
        assert new.identity.revision != old.identity.revision

    def test_a_chat_template_that_was_changed_is_used_for_the_next_question(
        self, make_session, make_model, tmp_path
    ):
        folder = shutil.copytree(make_model("llama"), tmp_path / "mine")
        session = make_session(folder)
        old = ask(session)
        template = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }} {% endfor %}"
        (folder / "chat_template.jinja").write_text(template)
        new = ask(session)
        assert new.prompt.startswith("[system] ")
        assert not new.metrics.from_response_cache
        assert new.identity.revision != old.identity.revision
        assert ask(session).metrics.from_response_cache


class TestBrokenFolders:
    """A folder that cannot be loaded is an error that names the file, and the session lives on."""

    @pytest.fixture
    def folder(self, make_model, tmp_path) -> Path:
        return shutil.copytree(make_model("llama", shard_size="40KB"), tmp_path / "broken")

    def truncate(self, file: Path) -> None:
        file.write_bytes(file.read_bytes()[:-10])

    @pytest.mark.parametrize(
        ("damage", "named"),
        [
            (lambda f: next(f.glob("model-00002*")).unlink(), r"model-00002-of-\d+\.safetensors"),
            (
                lambda f: next(f.glob("model-00001*")).write_bytes(b"not a tensor in sight"),
                r"model-00001-of-\d+\.safetensors is corrupt",
            ),
            (
                lambda f: (f / "model.safetensors.index.json").write_text("{"),
                r"model\.safetensors\.index\.json cannot be read",
            ),
            (lambda f: (f / "config.json").write_text("{"), r"config\.json cannot be read"),
            (lambda f: (f / "config.json").unlink(), r"config\.json is missing"),
            (lambda f: (f / "tokenizer.json").write_text("{"), "broken"),
            (
                lambda f: (f / "config.json").write_text(
                    '{"architectures": ["BertForMaskedLM"], "model_type": "bert"}'
                ),
                r"config\.json describes BertForMaskedLM, which does not generate text",
            ),
        ],
        ids=["shard gone", "shard corrupt", "index", "config", "no config", "tokenizer", "kind"],
    )
    def test_the_file_is_named(self, make_session, folder, make_model, damage, named):
        damage(folder)
        session = make_session(folder)
        with pytest.raises(ModelFilesError, match=named):
            ask(session)
        session.config.set(model=str(make_model("llama")))
        assert ask(session).text

    # What transformers raises over each is of another kind, down to an AssertionError.
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("attention_dropout", "x"),
            ("dtype", []),
            ("hidden_act", "x"),
            ("intermediate_size", -1),
            ("layer_types", []),
            ("num_attention_heads", 0),
            ("pad_token_id", 10**9),
            ("text_config", "x"),
            ("model_type", []),
            ("quantization_config", "x"),
        ],
    )
    def test_a_value_that_no_model_has_is_an_error_of_the_files(
        self, make_session, folder, name, value
    ):
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
        with pytest.raises(ModelFilesError):
            ask(make_session(folder))
        with pytest.raises(ModelFilesError):
            model_details(ModelRequest(str(folder), cache_dir=folder / "cache"))

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("tokenizer_config.json", '{"model_max_length": "x"}'),
            ("tokenizer_config.json", "[" * 100_000),
            ("tokenizer.json", '{"version": "x"}'),
        ],
        ids=["a length that is none", "nested without end", "another version"],
    )
    def test_a_tokenizer_that_cannot_be_used_is_an_error_of_the_files(
        self, make_session, folder, file, content
    ):
        (folder / file).write_text(content)
        with pytest.raises(ModelFilesError):
            ask(make_session(folder))

    @pytest.mark.parametrize("name", ["bos_token_id", "eos_token_id"])
    @pytest.mark.parametrize("value", ["x", [None, "x"], {"a": 1}], ids=repr)
    def test_what_is_no_token_s_id_is_passed_over(self, make_session, folder, name, value):
        file = folder / "generation_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
        assert ask(make_session(folder)).text

    def test_a_truncated_shard_is_named(self, make_session, folder):
        self.truncate(next(folder.glob("model-00002*")))
        with pytest.raises(ModelFilesError, match=r"model-00002-of-\d+\.safetensors is corrupt"):
            ask(make_session(folder))

    def test_the_weights_of_another_architecture_are_refused(
        self, make_session, make_model, tmp_path
    ):
        folder = shutil.copytree(make_model("llama"), tmp_path / "mixed")
        shutil.copy(make_model("gpt_neo") / "model.safetensors", folder / "model.safetensors")
        with pytest.raises(
            ModelFilesError, match=r"3 layers are described, but the weights hold 2"
        ):
            ask(make_session(folder))

    def test_weights_of_another_size_are_named(self, make_session, make_model, tmp_path):
        folder = shutil.copytree(make_model("llama"), tmp_path / "resized")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
        told = r"resized has weights whose shapes do not match its config\.json"
        with pytest.raises(ModelFilesError, match=told):
            ask(make_session(folder))
