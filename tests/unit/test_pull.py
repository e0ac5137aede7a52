"""A model is pulled for the engine that will load it, and what killed runs left is removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from codeface_jupyter.cli import main as cli
from codeface_jupyter.cli.main import main
from codeface_jupyter.config import Settings
from codeface_jupyter.engines import pull
from codeface_jupyter.engines.llamacpp import support
from codeface_jupyter.engines.pull import Pulled, pull_model
from codeface_jupyter.engines.registry import EngineChoice
from codeface_jupyter.errors import EngineUnavailableError
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import ModelStorage


class ConvertingEngine:
    """An engine that makes files of its own, as far as a pull has to do with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def convert(self, job: Job) -> LocalModel:
        job.progress(f"Converting {Path(self.settings.model).name}", 1, 1)
        return LocalModel(name="", path=Path(self.settings.model), source="folder")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return folder


@pytest.fixture
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pulled(folder: Path, cache_dir: Path, job: Job | None = None) -> Pulled:
    request = ModelRequest(str(folder), cache_dir)
    return pull_model(request, settings=Settings(model="another"), job=job or Job())


def test_the_engine_that_is_chosen_converts_the_model_that_is_pulled(
    folder: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = EngineChoice(name="fast", reason="")
    monkeypatch.setattr(pull, "engine_choice", lambda _: choice)
    monkeypatch.setattr(pull, "create_engine", lambda settings, _: ConvertingEngine(settings))
    told: list[Progress] = []
    found = pulled(folder, cache_dir, Job(told.append))  # type: ignore[arg-type]
    assert (found.engine, found.problem) == ("fast", "")
    assert found.files.path == folder
    assert [p.stage for p in told] == ["Converting model"]


def test_a_model_that_no_engine_can_load_is_not_called_ready(
    folder: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: Settings) -> EngineChoice:
        raise EngineUnavailableError("No installed engine can serve these settings.")

    monkeypatch.setattr(pull, "engine_choice", refuse)
    assert main(["pull", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "is here, but not ready" in text
    assert "No installed engine can serve these settings" in text


def test_the_engine_may_be_named(
    folder: Path, cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "--engine", "scripted", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "is ready" in text
    assert "scripted" in text


def test_an_engine_that_was_named_and_cannot_load_it_is_a_failure(
    folder: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reason = "its package is not installed"
    choice = EngineChoice(name="scripted", reason=reason, can_serve=False)
    monkeypatch.setattr(pull, "engine_choice", lambda _: choice)
    assert main(["pull", "--engine", "scripted", str(folder)]) == 1
    said = capsys.readouterr()
    assert "is here, but not ready" in said.out
    assert f"scripted cannot load it: {reason}." in " ".join(said.err.split())
    assert main(["pull", "--engine", "auto", str(folder)]) == 0


def test_for_llama_cpp_nothing_is_made_of_a_gguf(
    cache_dir: Path,
    make_gguf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "Ordner für Modelle").mkdir()
    file = make_gguf(tmp_path / "Ordner für Modelle" / "tiny.gguf")
    monkeypatch.setattr(support, "find_spec", lambda name: name)
    request = ModelRequest(str(file), cache_dir)
    found = pull_model(request, settings=Settings(engine="llamacpp"), job=Job())
    assert (found.engine, found.files.gguf) == ("llamacpp", file)
    assert [path for path in cache_dir.rglob("*") if path.is_file()] == []


def test_auto_is_chosen_for_the_engine_that_is_named(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def settled(settings: Settings, *, will_fetch: bool) -> Settings:
        asked.append(settings.engine)
        return settings.model_copy(update={"model": "no/such"})

    def stop(*_: object, **__: object) -> Pulled:
        raise Cancelled

    monkeypatch.setattr(cli, "settled", settled)
    monkeypatch.setattr(cli, "pull_model", stop)
    main(["pull", "--engine", "llamacpp", "auto"])
    assert asked == ["llamacpp"]


def test_what_a_killed_run_left_goes_with_the_next_pull(folder: Path, cache_dir: Path) -> None:
    storage = ModelStorage(cache_dir, str(folder))
    left = storage.openvino("int8").with_name(f".{storage.name}-int8.part-x1_y")
    left.mkdir(parents=True)
    assert storage.leftovers() == [left]
    lock = cache_dir / "locks" / f"{storage.name}.lock"
    lock.parent.mkdir()
    with FileLock(lock):
        # Another process is at work: it is its own.
        pulled(folder, cache_dir)
        assert left.exists()
    pulled(folder, cache_dir)
    assert not left.exists()
