"""What is told of one model, what is removed of it, and the commands that do so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from codeface_jupyter.cli import main as cli
from codeface_jupyter.cli.main import main
from codeface_jupyter.config import Config
from codeface_jupyter.engines.pull import Pulled
from codeface_jupyter.errors import ModelNotFoundError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models import model_details as details
from codeface_jupyter.models import removal
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.model_details import model_details
from codeface_jupyter.models.removal import own_files, remove_files
from codeface_jupyter.models.storage import ModelStorage
from codeface_jupyter.session import session

NAME = "qwen2.5-coder-0.5b"


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CODEFACE_CONFIG", str(tmp_path / "settings" / "config.toml"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my model"
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 100,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 4_096,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    return folder


@pytest.fixture
def fetched(cache_dir: Path) -> list[Path]:
    """Our own files of one model, and of one whose name begins alike."""
    storage = ModelStorage(cache_dir, NAME)
    other = ModelStorage(cache_dir, f"{NAME}-instruct")
    for place in (storage, other):
        for folder in (place.converted, place.openvino("q8_0"), place.wheels):
            folder.mkdir(parents=True)
            (folder / "file.bin").write_bytes(bytes(1_000))
        place.gguf.parent.mkdir(parents=True, exist_ok=True)
        place.gguf.write_bytes(bytes(2_000))
    return [storage.gguf, storage.converted, storage.wheels, storage.openvino("q8_0")]


def leave_behind(cache_dir: Path) -> list[Path]:
    """Make what runs leave that are killed; of a model whose name begins alike as well."""
    for name in (NAME, f"{NAME}-instruct"):
        for place in (f"models/.{name}.part-x1_y", f"openvino/.{name}-int8.part-x1_y"):
            (cache_dir / place).mkdir(parents=True)
            (cache_dir / place / "file.bin").write_bytes(bytes(1_000))
        (cache_dir / "gguf").mkdir(exist_ok=True)
        (cache_dir / "gguf" / f".{name}.gguf.part").write_bytes(bytes(1_000))
    left = [*cache_dir.glob(f"*/.{NAME}.*part*"), *cache_dir.glob(f"*/.{NAME}-int8.part*")]
    assert len(left) == 3
    return left


class TestDetails:
    def test_a_catalog_model_that_is_not_here(self, cache_dir: Path) -> None:
        rows = dict(model_details(ModelRequest("qwen", cache_dir)))
        assert rows["model"] == NAME
        assert rows["licence"] == "Apache-2.0"
        assert rows["parameters"] == "494,032,768"
        assert rows["context window"] == "32,768 tokens"
        assert "<|fim_prefix|>" in rows["fill in the middle"]
        assert rows["here"] == "no; `codeface pull qwen` fetches it"
        assert "491 MB" in rows["on the package index"]

    def test_memory_is_told_by_type_and_whether_it_is_there(
        self, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(details, "available_memory", lambda _: 2 * 10**9)
        rows = dict(model_details(ModelRequest(NAME, cache_dir)))
        assert rows["memory in bfloat16"] == "1.3 GB, fits: 2.0 GB are free"
        assert rows["memory in float32"].endswith("does not fit: 377 MB short")

    def test_a_folder_of_ones_own(self, folder: Path, cache_dir: Path) -> None:
        rows = dict(model_details(ModelRequest(str(folder), cache_dir)))
        assert rows["architecture"] == "LlamaForCausalLM"
        assert rows["kind"] == "chat"
        assert rows["context window"] == "4,096 tokens"
        assert rows["folder"] == str(folder)
        assert rows["here"] == "in your own folder"
        assert rows["revision"].startswith("fingerprint:")
        assert rows["memory in float32"]

    def test_a_folder_without_a_chat_template_is_a_base_model(
        self, folder: Path, cache_dir: Path
    ) -> None:
        (folder / "tokenizer_config.json").write_text('{"chat_template": null}')
        rows = dict(model_details(ModelRequest(str(folder), cache_dir)))
        assert rows["kind"] == "base: continues code"

    def test_a_gated_model_says_so(self, cache_dir: Path) -> None:
        rows = dict(model_details(ModelRequest("starcoder", cache_dir)))
        assert "needs a login" in rows["licence"]


class TestRevision:
    """The revision that is set belongs to the model that is set, wherever it is named."""

    @pytest.fixture(autouse=True)
    def _settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CODEFACE_MODEL", NAME)
        monkeypatch.setenv("CODEFACE_REVISION", "mine")

    @pytest.mark.parametrize(
        ("model", "revision"),
        [
            (None, "mine"),
            (NAME, "mine"),
            ("qwen", "mine"),
            ("Qwen/Qwen2.5-Coder-0.5B-Instruct", "mine"),
            ("smollm2-135m", None),
            ("owner/name", None),
        ],
    )
    def test_it_is_the_same_for_every_command(
        self, model: str | None, revision: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert ModelRequest.named(model, config=Config()).revision == revision
        asked: list[ModelRequest] = []

        def record(request: ModelRequest, **_: object) -> Pulled:
            asked.append(request)
            return Pulled(files=LocalModel(name=request.name, path=Path(), source="hub"))

        monkeypatch.setattr(cli, "pull_model", record)
        monkeypatch.setattr(session, "pull_model", record)
        monkeypatch.setattr(cli, "model_details", lambda request: record(request) and [])
        main(["pull", model] if model else ["pull"])
        main(["info", model or NAME])
        session.Session().pull(model or NAME).read_to_end()
        assert [request.revision for request in asked] == [revision] * 3

    def test_a_calls_own_goes_before_it(self, tmp_path: Path) -> None:
        request = ModelRequest.named("qwen", config=Config(), revision="its", cache_dir=tmp_path)
        assert (request.revision, request.cache_dir) == ("its", tmp_path)


def openvino_place(name: str, cache_dir: Path) -> Path:
    """Return the folder that OpenVINO's form of a model is made in."""
    local = LocalModel(name=name, path=Path(name), source="folder")
    return OpenVINOForm(local=local, quantization="int8", cache_dir=cache_dir).folder


class TestRemoval:
    def test_all_of_ours_goes_and_nothing_else(self, cache_dir: Path, fetched: list[Path]) -> None:
        before = set(cache_dir.rglob("*"))
        files = own_files(ModelRequest("qwen", cache_dir))
        assert files == fetched
        remove_files(ModelRequest("qwen", cache_dir), files, job=Job())
        gone = before - set(cache_dir.rglob("*"))
        assert not [path for path in gone if f"{NAME}-instruct" in str(path)]
        assert not [path for path in fetched if path.exists()]
        with pytest.raises(ModelNotFoundError, match="holds no files of qwen"):
            own_files(ModelRequest("qwen", cache_dir))

    def test_what_a_killed_run_left_is_ours_too(self, cache_dir: Path, fetched: list[Path]) -> None:
        left = leave_behind(cache_dir)
        assert set(own_files(ModelRequest("qwen", cache_dir))) == {*fetched, *left}

    def test_a_users_folder_is_never_ours(self, folder: Path, cache_dir: Path) -> None:
        with pytest.raises(ModelNotFoundError) as caught:
            own_files(ModelRequest(str(folder), cache_dir))
        assert f"{folder} is a folder of your own: delete it yourself." in caught.value.hint

    def test_the_hubs_cache_is_never_ours(
        self, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = LocalModel(name="owner/name", path=tmp_path, source="hub")
        monkeypatch.setattr(removal, "locate", lambda *_, **__: found)
        with pytest.raises(ModelNotFoundError) as caught:
            own_files(ModelRequest("owner/name", cache_dir))
        assert "`hf cache rm model/owner/name` removes them" in caught.value.hint

    def test_models_of_ones_own_share_no_place(
        self, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        names = ("model", "home/model", "模型", "模板", "a/b", "a_b", "a--b", NAME)
        for name in names:
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "config.json").touch()
        places = {openvino_place(name, cache_dir) for name in names}
        places |= {openvino_place(f"ollama:a{sign}b", cache_dir) for sign in "_:/"}
        places |= {openvino_place(name, cache_dir) for name in ("smollm2-135m", "owner/model")}
        assert len({place.name for place in places}) == len(names) + 5
        for place in places:
            place.mkdir(parents=True)
        for name in ("./模型", "模型", str(tmp_path / "模型"), "a/../模型"):
            assert own_files(ModelRequest(name, cache_dir)) == [openvino_place("模型", cache_dir)]
        assert own_files(ModelRequest(NAME, cache_dir)) == [openvino_place(NAME, cache_dir)]
        # Its files can still be removed when the folder is gone.
        shutil.rmtree(tmp_path / "模型")
        assert len(own_files(ModelRequest("./模型", cache_dir))) == 1

    @pytest.mark.parametrize(
        ("name", "folder"),
        [
            *((entry.name, entry.name) for entry in CATALOG.values()),
            ("owner/name", "owner--name"),
            ("owner/my_model-1.5B", "owner--my--model-1.5B"),
            ("owner/name:Q4_K_M", "owner--name--Q4--K--M"),
        ],
    )
    def test_public_names_keep_the_place_that_they_have(self, name: str, folder: str) -> None:
        assert ModelStorage(Path("cache"), name).name == folder

    @pytest.mark.parametrize(
        "name", ["a\0b", "~nobody-of-this-name/m", "\udcff", "/", "", "é" * 999]
    )
    def test_a_name_that_no_path_can_have_has_a_place_all_the_same(self, name: str) -> None:
        place = ModelStorage(Path("cache"), name).gguf
        assert place.parent == Path("cache", "gguf")
        assert len(place.name) < 200

    def test_no_name_leads_out_of_the_cache_folder(self, cache_dir: Path, tmp_path: Path) -> None:
        cache_dir.mkdir()
        (tmp_path / "victim.gguf").touch()
        with pytest.raises(ModelNotFoundError):
            own_files(ModelRequest("../victim", cache_dir))


class TestCommands:
    def test_alias_info_and_dealias(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["alias", "small", "smollm2-135m"]) == 0
        assert "small stands for smollm2-135m." in capsys.readouterr().out
        assert main(["info", "small"]) == 0
        assert "HuggingFaceTB/SmolLM2-135M-Instruct" in capsys.readouterr().out
        assert main(["models"]) == 0
        # Lines are wrapped wherever the cache folder's path puts their ends.
        listed = " ".join(capsys.readouterr().out.split())
        assert "Your aliases: small = smollm2-135m." in listed
        assert main(["dealias", "small"]) == 0
        assert capsys.readouterr().out.endswith("small no longer stands for smollm2-135m.\n")
        assert main(["dealias", "small"]) == 1
        assert "There is no alias 'small'" in capsys.readouterr().err

    def test_an_alias_may_not_hide_the_catalog(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["alias", "qwen", "owner/name"]) == 1
        assert "catalog's own name for Qwen/Qwen2.5-Coder-0.5B" in capsys.readouterr().err

    def test_remove_asks_first(
        self,
        fetched: list[Path],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("builtins.input", lambda _: "n")
        assert main(["remove", "qwen"]) == 0
        assert "Nothing was removed." in capsys.readouterr().out
        assert all(path.exists() for path in fetched)
        monkeypatch.setattr("builtins.input", lambda _: "y")
        assert main(["remove", "qwen"]) == 0
        text = capsys.readouterr().out
        assert str(fetched[0]) in text
        assert not any(path.exists() for path in fetched)

    def test_remove_without_anybody_to_ask_removes_nothing(
        self,
        fetched: list[Path],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def nobody(_: str) -> str:
            raise EOFError

        monkeypatch.setattr("builtins.input", nobody)
        assert main(["remove", "qwen"]) == 1
        assert "--yes" in capsys.readouterr().err
        assert all(path.exists() for path in fetched)
        assert main(["remove", "qwen", "--yes"]) == 0
        assert not any(path.exists() for path in fetched)

    def test_pull_warns_of_what_was_allowed(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["pull", "owner/name", "--allow-pickle"])
        assert "warning: --allow-pickle reads pickled weights" in capsys.readouterr().err
