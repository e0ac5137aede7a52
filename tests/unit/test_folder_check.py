"""Model folders that are whole, and those that must be refused with the file's name."""

import json
import math
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.folder_check import (
    check_model_folder,
    folder_revision,
    is_side_file,
    is_weight_file,
)


def write_safetensors(file: Path, *, payload: bytes = b"\0" * 4) -> None:
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"weight": tensor, "__metadata__": {"format": "pt"}}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + payload)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    write_safetensors(tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def shard(folder: Path, names: list[str]) -> None:
    (folder / "model.safetensors").unlink()
    weight_map = {f"w{i}": name for i, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_a_whole_folder_passes(folder: Path) -> None:
    check_model_folder(folder)


def test_a_whole_sharded_folder_passes(folder: Path) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    shard(folder, names)
    for name in names:
        write_safetensors(folder / name)
    check_model_folder(folder)


def test_a_missing_shard_is_named(folder: Path) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    shard(folder, names)
    write_safetensors(folder / names[0])
    with pytest.raises(ModelFilesError, match=r"model-00002-of-00002\.safetensors is missing"):
        check_model_folder(folder)


def test_openvinos_own_form_stands_for_safetensors_if_both_its_files_are_there(
    folder: Path,
) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "openvino_model.xml").write_bytes(b"<net/>")
    with pytest.raises(ModelFilesError, match=r"openvino_model\.bin is missing"):
        check_model_folder(folder)
    (folder / "openvino_model.bin").write_bytes(b"\0")
    check_model_folder(folder)


def test_an_index_that_points_outside_its_folder_is_refused(folder: Path) -> None:
    shard(folder, ["../elsewhere.safetensors"])
    with pytest.raises(ModelFilesError, match="outside its folder"):
        check_model_folder(folder)


def test_pickled_weights_are_refused_by_name(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelFilesError, match=r"pytorch_model\.bin holds pickled weights"):
        check_model_folder(folder)


def header(*offsets: tuple[int, int]) -> bytes:
    tensors = {
        f"w{i}": {"dtype": "F32", "shape": [1], "data_offsets": list(place)}
        for i, place in enumerate(offsets)
    }
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "header too small, in 0 bytes"),
        (b"\xff" * 64, "header too large, in 64 bytes"),
        (struct.pack("<Q", 200_000_000) + b"{}", "header too large"),
        (struct.pack("<Q", 50) + b"{}", "invalid header length"),
        (struct.pack("<Q", 4) + b"nope", "invalid JSON in header"),
        (struct.pack("<Q", 2) + b"[]", "invalid JSON in header"),
        (header((0, 4), (0, 4)) + bytes(4), "invalid offset for tensor"),
        (header((0, 4), (8, 12)) + bytes(12), "invalid offset for tensor"),
        (header((0, 4)) + bytes(9), r"file not fully covered, in \d+ bytes instead of \d+"),
        (header() + bytes(1), r"file not fully covered, in 11 bytes instead of 10"),
    ],
    ids=[
        "empty",
        "no safetensors",
        "huge header",
        "cut header",
        "no JSON",
        "no object",
        "overlap",
        "gap",
        "too long",
        "no tensors",
    ],
)
def test_a_corrupt_file_is_named_with_the_reason(folder: Path, content: bytes, reason: str) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelFilesError, match=rf"model\.safetensors is corrupt: .*{reason}"):
        check_model_folder(folder)


def test_a_truncated_file_is_named_with_both_sizes(folder: Path) -> None:
    write_safetensors(folder / "model.safetensors", payload=b"\0")
    size = (folder / "model.safetensors").stat().st_size
    with pytest.raises(ModelFilesError, match=rf"in {size} bytes instead of {size + 3}\."):
        check_model_folder(folder)


def test_a_check_reads_no_more_than_the_header_and_imports_no_torch(folder: Path) -> None:
    size = 50 * 10**9
    tensors = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(tensors).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        # The tensor is a hole in the file and takes no room on the disk.
        file.truncate(8 + len(text) + size)
    code = (
        "import sys; from pathlib import Path\n"
        "from codeface_jupyter.models.folder_check import check_model_folder\n"
        "check_model_folder(Path(sys.argv[1]))\n"
        "sys.stdout.write(str('torch' in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "False"


def test_a_model_that_does_not_generate_text_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertForMaskedLM"]}))
    with pytest.raises(ModelFilesError, match="BertForMaskedLM, which does not generate text"):
        check_model_folder(folder)


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_broken_config_is_named(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelFilesError, match=r"config\.json"):
        check_model_folder(folder)


def test_only_default_weights_and_text_files_are_taken_from_a_repository() -> None:
    taken = ["model.safetensors", "model-00001-of-00003.safetensors"]
    assert all(is_weight_file(name) for name in taken)
    refused = ["model.fp16.safetensors", "original/model.safetensors", "pytorch_model.bin"]
    assert not any(is_weight_file(name) for name in refused)
    assert is_side_file("tokenizer.json")
    assert is_side_file("LICENSE.txt")
    assert not any(map(is_side_file, ["modeling_evil.py", "onnx/config.json", "README.md"]))


class TestFingerprint:
    """A folder's revision changes with whatever could change an answer, and with nothing else."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "config.json").write_text('{"hidden_size": 8}')
        (folder / "tokenizer.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(bytes(range(256)) * 4_096)
        for file in folder.iterdir():
            os.utime(file, ns=(1, 1))
        return folder

    def test_it_stays_while_nothing_changes(self, folder: Path) -> None:
        assert folder_revision(folder) == folder_revision(folder)
        (folder / "notes.md").write_text("read me")
        before = folder_revision(folder)
        (folder / "notes.md").write_text("read me again")
        assert folder_revision(folder) == before

    def test_it_is_the_same_for_a_faithful_copy(self, folder: Path, tmp_path: Path) -> None:
        copy = shutil.copytree(folder, tmp_path / "copy")
        assert folder_revision(copy) == folder_revision(folder)

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
    def test_a_new_time_of_change_is_another_revision(self, folder: Path, name: str) -> None:
        before = folder_revision(folder)
        os.utime(folder / name, ns=(2, 2))
        assert folder_revision(folder) != before

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
    def test_so_are_other_bytes_of_the_same_size_and_time(self, folder: Path, name: str) -> None:
        before = folder_revision(folder)
        file = folder / name
        file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
        os.utime(file, ns=(1, 1))
        assert folder_revision(folder) != before

    def test_the_last_byte_counts(self, folder: Path) -> None:
        before = folder_revision(folder)
        file = folder / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
        os.utime(file, ns=(1, 1))
        assert folder_revision(folder) != before

    def test_a_shard_more_is_another_revision(self, folder: Path) -> None:
        before = folder_revision(folder)
        (folder / "model-00002-of-00002.safetensors").write_bytes(b"")
        assert folder_revision(folder) != before


def write_tensors(file: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    tensors, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(tensors).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


class TestFigures:
    CONFIG: ClassVar[dict[str, object]] = {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 2,
        "hidden_size": 8,
        "vocab_size": 32,
        "num_attention_heads": 2,
        "max_position_embeddings": 10_000_000,
        "rope_theta": 1e10,
    }

    @pytest.fixture
    def model(self, folder: Path) -> Path:
        layers = {f"model.layers.{n}.mlp.weight": (8, 16) for n in range(2)}
        write_tensors(
            folder / "model.safetensors", {"model.embed_tokens.weight": (32, 8), **layers}
        )
        self.describe(folder)
        return folder

    def describe(self, folder: Path, **changes: object) -> None:
        (folder / "config.json").write_text(json.dumps(self.CONFIG | changes))

    def test_a_real_model_passes(self, model: Path) -> None:
        check_model_folder(model)
        self.describe(model, num_hidden_layers=1)
        check_model_folder(model)

    @pytest.mark.parametrize(
        "changes",
        [
            {"num_hidden_layers": 10**9},
            {"n_layer": 10**9},
            {"hidden_size": 10**9},
            {"num_labels": 10**8},
            {"num_local_experts": 10**6},
            {"text_config": {"num_hidden_layers": 10**9}},
            {"anything": 10**12},
            {"layer_types": ["full_attention"] * 10**5},
        ],
    )
    def test_figures_that_no_model_has_are_refused_by_name(
        self, model: Path, changes: dict[str, object]
    ) -> None:
        self.describe(model, **changes)
        name = next(iter(changes)).replace("text_config", "num_hidden_layers")
        with pytest.raises(ModelFilesError, match=rf"describes no real model: {name} "):
            check_model_folder(model)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"num_hidden_layers": 2_000}, "2,000 layers are described, but the weights hold 2"),
            ({"hidden_size": 9_999_999}, "no tensor has it"),
            ({"vocab_size": 9_999_999}, "no tensor is longer than 32"),
        ],
    )
    def test_weights_of_another_model_are_refused(
        self, model: Path, changes: dict[str, object], reason: str
    ) -> None:
        self.describe(model, **changes)
        with pytest.raises(ModelFilesError, match=reason):
            check_model_folder(model)


@pytest.mark.parametrize("name", ["tokenizer.model", "vocab.json", "spiece.model"])
def test_a_folder_without_a_tokenizer_is_refused_and_one_of_any_kind_passes(
    folder: Path, name: str
) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(ModelFilesError, match="has no tokenizer"):
        check_model_folder(folder)
    (folder / name).write_text("{}")
    check_model_folder(folder)
