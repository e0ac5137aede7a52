"""Model folders that are whole, and those that must be refused with the file's name."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

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
