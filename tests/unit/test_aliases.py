"""Names of the user's own for models: kept, resolved everywhere, never in the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.config.aliases import Aliases
from codeface_jupyter.errors import ConfigError, ModelNotFoundError
from codeface_jupyter.models.alias_check import checked_alias, give_alias
from codeface_jupyter.models.local_model import ModelRequest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "aliases.json"


def test_an_alias_is_kept_for_the_next_process(file: Path) -> None:
    Aliases(file).add("Fast", "smollm2-135m")
    again = Aliases(file)
    assert again.read() == {"fast": "smollm2-135m"}
    assert again.resolve("FAST") == "smollm2-135m"
    assert again.resolve("owner/name") == "owner/name"
    assert again.remove("fast") == "smollm2-135m"
    assert Aliases(file).read() == {}


def test_adding_leaves_the_others(file: Path) -> None:
    aliases = Aliases(file)
    aliases.add("b", "owner/b")
    aliases.add("a", "owner/a")
    aliases.add("b", "owner/other")
    assert aliases.read() == {"a": "owner/a", "b": "owner/other"}


def test_an_unknown_one_is_named_with_those_there_are(file: Path) -> None:
    Aliases(file).add("fast", "owner/name")
    with pytest.raises(ConfigError, match="no alias 'slow'") as caught:
        Aliases(file).remove("slow")
    assert "fast" in caught.value.hint


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', ""])
def test_a_broken_file_is_an_error_that_names_it_and_keeps_it(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    for use in (lambda: Aliases(file).read(), lambda: Aliases(file).add("a", "b")):
        with pytest.raises(ConfigError, match=r"aliases\.json cannot be read") as caught:
            use()
    assert "delete it" in caught.value.hint
    assert file.read_text() == text


def test_a_write_that_breaks_off_leaves_the_old_file_and_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aliases = Aliases(file)
    aliases.add("a", "owner/a")

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigError, match="cannot be written: disk full"):
        aliases.add("b", "owner/b")
    assert aliases.read() == {"a": "owner/a"}
    assert [f.name for f in file.parent.iterdir() if not f.name.endswith(".lock")] == [file.name]


class TestInSettings:
    @pytest.fixture
    def config_file(self, tmp_path: Path) -> Path:
        Aliases(tmp_path / "aliases.json").add("mine", "owner/name")
        return tmp_path / "config.toml"

    def test_a_call_may_use_it(self, config_file: Path) -> None:
        assert Config(file=config_file).with_overrides({"model": "mine"}).model == "owner/name"

    def test_so_may_percent_config(self, config_file: Path) -> None:
        config = Config(file=config_file)
        assert config.set(model="Mine").model == "owner/name"

    def test_so_may_the_config_file_and_the_environment(
        self, config_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config_file.write_text('model = "mine"\n')
        assert Config(file=config_file).settings.model == "owner/name"
        config_file.unlink()
        monkeypatch.setenv("CODEFACE_MODEL", "mine")
        assert Config(file=config_file).settings.model == "owner/name"

    def test_so_may_the_model_that_completes_code(
        self, config_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = Config(file=config_file)
        assert config.set(completion_model="mine").completion_model == "owner/name"
        config.aliases.remove("mine")
        assert config.set(temperature=0.5).completion_model == "owner/name"
        config.aliases.add("mine", "owner/name")
        monkeypatch.setenv("CODEFACE_COMPLETION_MODEL", "mine")
        assert Config(file=config_file).settings.completion_model == "owner/name"

    def test_what_was_chosen_stays_chosen(self, config_file: Path) -> None:
        config = Config(file=config_file)
        config.set(model="mine")
        config.aliases.remove("mine")
        assert config.set(temperature=0.5).model == "owner/name"

    def test_a_question_goes_by_the_alias_as_it_is_now(self, config_file: Path) -> None:
        config = Config(file=config_file)
        config.aliases.add("mine", "owner/other")
        assert config.with_overrides({"model": "mine"}).model == "owner/other"


class TestChecks:
    @pytest.mark.parametrize(
        "name", ["qwen2.5-coder-0.5b", "QWEN", "smollm2", "codellama", "Phi-2"]
    )
    def test_a_catalog_name_stays_the_catalogs(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="catalog's own name"):
            checked_alias(name, ModelRequest("owner/name", tmp_path))

    @pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "-a", "x" * 65])
    def test_what_is_no_name_is_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be an alias"):
            checked_alias(name, ModelRequest("owner/name", tmp_path))

    @pytest.mark.parametrize("name", ["auto", "Same"])
    def test_a_word_that_stands_for_a_model_already_is_refused(
        self, name: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError, match=f"'{name.lower()}' stands for"):
            checked_alias(name, ModelRequest("owner/name", tmp_path))

    def test_what_is_no_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFoundError):
            checked_alias("mine", ModelRequest("../nowhere", tmp_path))

    def test_a_folder_is_kept_by_its_whole_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
        (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
        (folder / "tokenizer.json").write_text("{}")
        monkeypatch.chdir(tmp_path)
        assert checked_alias("Mine", ModelRequest("./model", tmp_path)) == ("mine", str(folder))


class TestTold:
    @pytest.fixture
    def give(self, file: Path, tmp_path: Path) -> Callable[[str, str], str]:
        return lambda name, model: give_alias(name, ModelRequest(model, tmp_path), Aliases(file))

    def test_it_says_what_it_stands_for_and_stood_for(
        self, give: Callable[[str, str], str]
    ) -> None:
        assert give("Small", "smollm2-135m") == "small stands for smollm2-135m."
        assert give("small", "smollm2-135m") == "small stands for smollm2-135m."
        told = give("small", "owner/name")
        assert told == "small stands for owner/name, no longer for smollm2-135m."

    def test_a_model_that_resembles_one_of_the_catalog_is_doubted(
        self, give: Callable[[str, str], str]
    ) -> None:
        told = give("small", "smolm2")
        assert told.startswith("small stands for smolm2. The catalog has no such model. Did you")
        assert "smollm2-135m" in told

    @pytest.mark.parametrize("model", ["owner/smolm2-135m", "nothing-like-it"])
    def test_others_are_not(self, give: Callable[[str, str], str], model: str) -> None:
        assert give("small", model) == f"small stands for {model}."


def test_a_file_that_is_a_link_is_changed_where_it_lies(file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text('{"a": "owner/a"}')
    file.parent.mkdir()
    file.symlink_to(kept)
    Aliases(file).add("b", "owner/b")
    assert file.is_symlink()
    assert Aliases(kept).read() == {"a": "owner/a", "b": "owner/b"}
