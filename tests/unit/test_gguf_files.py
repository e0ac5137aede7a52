"""GGUF files by path, folder, hub name, and in Ollama's and LM Studio's stores."""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from huggingface_hub import constants

from codeface_jupyter.config import Settings
from codeface_jupyter.errors import FetchError, ModelFilesError, ModelNotFoundError
from codeface_jupyter.jobs import Job
from codeface_jupyter.models import gguf_files, removal
from codeface_jupyter.models.fetch import ensure_local, locate
from codeface_jupyter.models.listing import list_models
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.model_details import model_details

COMMIT = "c" * 40


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and hub cache; nothing on this machine counts."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr(gguf_files, "SYSTEM_OLLAMA", home / "none")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    return home


def write(file: Path, *, part: int = 0, parts: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(2_048)
    if parts:
        writer.add_uint16("split.no", part)
        writer.add_uint16("split.count", parts)
    writer.add_tensor("output_norm.weight", np.zeros(64, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def found(model: str | Path, tmp_path: Path) -> LocalModel | None:
    return locate(ModelRequest(str(model), tmp_path / "cache"))


def written_state(folder: Path) -> dict[Path, tuple[int, ...]]:
    """What any change to `folder` would show in; being read may move `st_atime` alone."""

    def facts(file: Path) -> tuple[int, ...]:
        info = file.stat()
        return (
            *(info.st_mode, info.st_uid, info.st_gid, info.st_ino, info.st_nlink),
            *(info.st_size, info.st_mtime_ns, info.st_ctime_ns),
        )

    return {file: facts(file) for file in folder.rglob("*")}


class TestPaths:
    @pytest.mark.parametrize("name", ["m.gguf", "M.GGUF", "sha256-0123"])
    def test_a_file_is_a_model(self, name: str, tmp_path: Path) -> None:
        file = write(tmp_path / name)
        local = found(file, tmp_path)
        assert local is not None
        assert (local.source, local.path, local.gguf) == ("gguf", file, file)
        assert local.revision.startswith("fingerprint:")

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m.txt").write_text("hello")
        with pytest.raises(ModelFilesError, match="is a file, but not a GGUF"):
            found(tmp_path / "m.txt", tmp_path)

    def test_a_folder_with_one_model_is_that_model(self, tmp_path: Path) -> None:
        file = write(tmp_path / "m" / "a-Q4_K_M.gguf")
        write(tmp_path / "m" / "mmproj-a.gguf")
        (tmp_path / "m" / "config.json").write_text("{}")
        local = found(tmp_path / "m", tmp_path)
        assert local is not None
        assert local.path == file

    def test_of_several_the_user_chooses(self, tmp_path: Path) -> None:
        for name in ("a-Q4_K_M.gguf", "a-Q8_0.gguf"):
            write(tmp_path / "m" / name)
        with pytest.raises(ModelFilesError, match="holds 2 models") as caught:
            found(tmp_path / "m", tmp_path)
        assert "a-Q4_K_M, a-Q8_0" in caught.value.hint

    @pytest.mark.parametrize("named", [1, 2])
    def test_any_part_of_a_split_model_names_it(self, named: int, tmp_path: Path) -> None:
        parts = [write(tmp_path / f"a-0000{n}-of-00002.gguf", part=n - 1, parts=2) for n in (1, 2)]
        local = found(parts[named - 1], tmp_path)
        assert local is not None
        assert local.path == parts[0]

    def test_a_missing_part_is_named(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a-00001-of-00003.gguf", parts=3)
        with pytest.raises(ModelFilesError, match=r"lacks 2 of 3 parts .* a-00002-of-00003"):
            found(file, tmp_path)

    def test_a_part_by_another_name_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFilesError, match="one of 3 parts"):
            found(write(tmp_path / "a.gguf", parts=3), tmp_path)

    def test_a_cut_file_is_refused(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a.gguf")
        file.write_bytes(file.read_bytes()[:-100])
        with pytest.raises(ModelFilesError, match="cut off"):
            found(file, tmp_path)

    def test_other_contents_are_another_revision(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a.gguf")
        before = found(file, tmp_path)
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        after = found(file, tmp_path)
        assert before is not None
        assert after is not None
        assert before.revision != after.revision


class TestHub:
    def cached(self, home: Path, *names: str) -> Path:
        repository = home / "hub" / "models--owner--name-GGUF"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text(COMMIT)
        for name in names:
            write(repository / "snapshots" / COMMIT / name)
        return repository / "snapshots" / COMMIT

    def test_the_cached_file_of_that_quantization_is_taken(
        self, own_home: Path, tmp_path: Path
    ) -> None:
        folder = self.cached(own_home, "name-Q4_K_M.gguf", "sub/name-Q8_0.gguf")
        for quantization, name in (("q4_k_m", "name-Q4_K_M.gguf"), ("Q8_0", "sub/name-Q8_0.gguf")):
            local = found(f"owner/name-GGUF:{quantization}", tmp_path)
            assert local is not None
            assert local.path == folder / name
        assert found("owner/name-GGUF:Q2_K", tmp_path) is None

    def test_a_name_that_only_contains_it_is_another(self) -> None:
        names = ["a-Q4_K_M.gguf", "a-IQ4_K_M.gguf", "a-Q4_K_M_L.gguf"]
        assert gguf_files.choose_gguf(names, quantization="Q4_K_M", source="x") == names[:1]
        with pytest.raises(ModelFilesError, match="no GGUF quantized as Q5") as caught:
            gguf_files.choose_gguf(names, quantization="Q5", source="x")
        assert "a-IQ4_K_M" in caught.value.hint

    def test_parts_come_together(self) -> None:
        parts = [f"Q4_0/a-Q4_0-0000{n}-of-00002.gguf" for n in (1, 2)]
        chosen = gguf_files.choose_gguf([*parts, "a-Q8_0.gguf"], quantization="Q4_0", source="x")
        assert chosen == parts

    def test_offline_says_so_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        request = ModelRequest("owner/name-GGUF:Q4_K_M", tmp_path / "cache")
        with pytest.raises(FetchError, match="HF_HUB_OFFLINE keeps CodeFace off"):
            ensure_local(request, Job())


class TestOllama:
    def store(self, home: Path, tag: str = "0.5b") -> Path:
        models = home / ".ollama" / "models"
        file = write(models / "blobs" / "made")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        blob = file.rename(file.with_name(f"sha256-{digest}"))
        layer = {"mediaType": gguf_files.OLLAMA_MODEL_LAYER, "digest": f"sha256:{digest}"}
        self.manifest(models, {"layers": [{"mediaType": "x", "digest": "y"}, layer]}, tag=tag)
        return blob

    def manifest(self, models: Path, content: object, *, tag: str) -> None:
        place = models / "manifests" / "registry.ollama.ai" / "library" / "qwen2.5-coder" / tag
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content))

    def test_what_it_has_pulled_is_found_and_listed(self, own_home: Path, tmp_path: Path) -> None:
        blob = self.store(own_home)
        before = written_state(own_home)
        local = found("ollama:qwen2.5-coder:0.5b", tmp_path)
        assert local is not None
        assert local.path == blob
        listed = list_models(Settings(cache_dir=tmp_path / "cache"))
        assert listed[-1].name == "ollama:qwen2.5-coder:0.5b"
        assert listed[-1].is_here
        details = dict(model_details(ModelRequest("ollama:qwen2.5-coder:0.5b", tmp_path)))
        assert details["architecture"] == "llama"
        assert details["file"] == str(blob)
        assert written_state(own_home) == before

    def test_the_latest_is_meant_unless_a_tag_is_named(
        self, own_home: Path, tmp_path: Path
    ) -> None:
        blob = self.store(own_home, tag="latest")
        local = found("ollama:qwen2.5-coder", tmp_path)
        assert local is not None
        assert local.path == blob

    @pytest.mark.parametrize("name", ["nothing", "../../../etc/passwd", "a:b:c", ""])
    def test_what_it_has_not_is_said(self, name: str, own_home: Path, tmp_path: Path) -> None:
        self.store(own_home)
        with pytest.raises(ModelNotFoundError, match="Ollama has no model") as caught:
            found(f"ollama:{name}", tmp_path)
        assert "ollama:qwen2.5-coder:0.5b" in caught.value.hint

    @pytest.mark.parametrize(
        "content",
        [
            [],
            {},
            {"layers": [{}]},
            {"layers": [{"mediaType": gguf_files.OLLAMA_MODEL_LAYER, "digest": "sha256:../x"}]},
        ],
    )
    def test_a_strange_manifest_is_no_model(
        self, content: object, own_home: Path, tmp_path: Path
    ) -> None:
        self.manifest(own_home / ".ollama" / "models", content, tag="odd")
        assert gguf_files.list_gguf() == []
        with pytest.raises(ModelNotFoundError):
            found("ollama:qwen2.5-coder:odd", tmp_path)

    def test_a_store_that_is_not_for_this_user_is_passed_over(
        self, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        private = own_home / "ollama" / "models"
        is_dir = Path.is_dir

        def refused(path: Path) -> bool:
            if path == private:
                raise PermissionError(13, "Permission denied", str(path))
            return is_dir(path)

        monkeypatch.setattr(gguf_files, "SYSTEM_OLLAMA", private)
        monkeypatch.setattr(Path, "is_dir", refused)
        assert gguf_files.list_gguf() == []
        with pytest.raises(ModelNotFoundError, match="Ollama has no model"):
            found("ollama:qwen", tmp_path)

    def test_its_files_are_not_removed(self, own_home: Path, tmp_path: Path) -> None:
        self.store(own_home, tag="latest")
        request = ModelRequest("ollama:qwen2.5-coder", tmp_path / "cache")
        with pytest.raises(ModelNotFoundError) as caught:
            removal.own_files(request)
        assert "not CodeFace's" in caught.value.hint


class TestLmStudio:
    def test_what_it_has_is_found_and_listed(self, own_home: Path, tmp_path: Path) -> None:
        models = own_home / ".lmstudio" / "models" / "owner"
        only = write(models / "one" / "one-Q4_K_M.gguf")
        second = [write(models / "two" / f"two-{q}.gguf") for q in ("Q4_0", "Q8_0")][1]
        assert gguf_files.list_gguf() == [
            "lmstudio:owner/one",
            "lmstudio:owner/two/two-Q4_0",
            "lmstudio:owner/two/two-Q8_0",
        ]
        for name, file in (("owner/one", only), ("owner/two/two-Q8_0", second)):
            local = found(f"lmstudio:{name}", tmp_path)
            assert local is not None
            assert local.path == file

    @pytest.mark.parametrize("name", ["owner/none", "../..", "", "owner/one/other"])
    def test_what_it_has_not_is_said(self, name: str, own_home: Path, tmp_path: Path) -> None:
        write(own_home / ".lmstudio" / "models" / "owner" / "one" / "one.gguf")
        with pytest.raises(ModelNotFoundError, match="LM Studio has no model") as caught:
            found(f"lmstudio:{name}", tmp_path)
        assert "lmstudio:owner/one" in caught.value.hint


@pytest.mark.parametrize("name", ["ollama:qwen", "lmstudio:owner/one"])
def test_without_a_home_there_is_no_store(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert gguf_files.list_gguf() == []
    with pytest.raises(ModelNotFoundError, match="on this machine"):
        found(name, tmp_path)
