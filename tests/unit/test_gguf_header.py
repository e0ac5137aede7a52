"""What is read of a GGUF, and that hostile, foreign and cut files are refused at once."""

import struct
import time
from pathlib import Path

import gguf
import numpy as np
import pytest

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models import gguf_header
from codeface_jupyter.models.gguf_header import read_gguf_header

U32, U64 = "<I", "<Q"


def write_gguf(file: Path, *, tokens: int = 3, **values: object) -> Path:
    """Write a small GGUF with the gguf package."""
    writer = gguf.GGUFWriter(file, str(values.get("arch", "llama")))
    writer.add_context_length(4_096)
    writer.add_block_count(2)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    kv_heads = values.get("kv_heads", 2)
    writer.add_head_count_kv(kv_heads)
    writer.add_token_list([f"t{n}" for n in range(tokens)] + ["<|im_end|>", "<tool>", "<|odd|>"])
    normal, control, user = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, 4
    writer.add_token_types([normal] * tokens + [control, user, normal])
    writer.add_chat_template("{{ messages }}")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_tensor("token_embd.weight", np.zeros((tokens + 3, 64), np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(64, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def text(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return struct.pack(U64, len(content)) + content


def head(*pairs: bytes, tensors: int = 0, version: int = 3, count: int | None = None) -> bytes:
    numbers = struct.pack("<IQQ", version, tensors, len(pairs) if count is None else count)
    return b"GGUF" + numbers + b"".join(pairs)


def pair(key: str, kind: int, content: bytes) -> bytes:
    return text(key) + struct.pack(U32, kind) + content


ARCHITECTURE = pair("general.architecture", 8, text("llama"))


def array(kind: int, count: int, content: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + content


def tensor(name: str = "a", *, shape: tuple[int, ...] = (8,), kind: int = 0, at: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, at)


class TestWhatIsRead:
    def test_what_the_memory_check_and_the_prompt_need(self, tmp_path: Path) -> None:
        header = read_gguf_header(write_gguf(tmp_path / "m.gguf"))
        assert (header.architecture, header.quantization) == ("llama", "Q4_K_M")
        assert (header.context_window, header.num_parts, len(header.tensors)) == (4_096, 1, 2)
        # 2 layers, 2 heads of 16 keys and 16 values, 2 bytes each.
        assert header.kv_bytes_per_token == 2 * 2 * (16 + 16) * 2
        assert header.chat_template == "{{ messages }}"

    def test_control_tokens_go_by_type_or_look(self, tmp_path: Path) -> None:
        header = read_gguf_header(write_gguf(tmp_path / "m.gguf"))
        assert header.control_tokens == ("<|im_end|>", "<|odd|>")

    def test_layers_may_differ_in_their_heads(self, tmp_path: Path) -> None:
        header = read_gguf_header(write_gguf(tmp_path / "m.gguf", kv_heads=[4, 1]))
        assert header.kv_bytes_per_token == 5 * (16 + 16) * 2

    def test_a_large_vocabulary_takes_no_time(self, tmp_path: Path) -> None:
        file = write_gguf(tmp_path / "m.gguf", tokens=150_000)
        began = time.process_time()
        read_gguf_header(file)
        assert time.process_time() - began < 1

    def test_a_file_that_was_replaced_is_read_again(self, tmp_path: Path) -> None:
        file = write_gguf(tmp_path / "m.gguf")
        assert read_gguf_header(file).architecture == "llama"
        write_gguf(file, arch="qwen2", tokens=9)
        assert read_gguf_header(file).architecture == "qwen2"

    def test_the_table_of_types_is_that_of_the_gguf_package(self) -> None:
        theirs = {int(kind): tuple(sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
        assert theirs.items() <= gguf_header.BLOCKS.items(), "BLOCKS lacks a type"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut off"),
        (b"PK\3\4" + bytes(40), "does not begin with GGUF"),
        (head(ARCHITECTURE, version=1), "of version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (head(), "does not name an architecture"),
        (head(ARCHITECTURE, count=2**63), "claims to hold 9,223,372,036,854,775,808 keys"),
        (head(ARCHITECTURE, tensors=10**5 + 1), "100,001 tensors"),
        (head(struct.pack(U64, 2**64 - 1) + b"x"), "larger than any model's"),
        (head(ARCHITECTURE, pair("x", 8, struct.pack(U64, 10**6))), "cut off within"),
        (head(ARCHITECTURE, pair("x", 99, b"")), "unknown type 99"),
        (head(ARCHITECTURE, pair("x", 9, array(9, 1))), "values of the type 9"),
        (head(ARCHITECTURE, pair("x", 9, array(4, 2**62))), "values of 'x'"),
        (head(ARCHITECTURE, pair("x", 9, array(8, 2**20))), "cut off within"),
        (head(ARCHITECTURE, pair("general.alignment", 4, bytes(4))), "alignment is 0"),
        (head(ARCHITECTURE, tensor(shape=(1,) * 5), tensors=1, count=1), "5 dimensions"),
        (head(ARCHITECTURE, tensor(), tensors=1, count=1), "cut off: at least"),
        (head(ARCHITECTURE, tensor(at=2**63), tensors=1, count=1), "cut off: at least"),
        (
            head(ARCHITECTURE, tensor(shape=(2**63,) * 4), tensors=1, count=1),
            "cut off: at least",
        ),
    ],
)
def test_what_is_no_model_is_refused_at_once(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    began = time.process_time()
    with pytest.raises(ModelFilesError, match=message):
        read_gguf_header(file)
    assert time.process_time() - began < 1


def test_four_gigabytes_of_metadata_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    with file.open("wb") as stream:
        stream.write(head(ARCHITECTURE, pair("x", 8, struct.pack(U64, 2**32))))
        stream.truncate(2**32 + 2**20)
    with pytest.raises(ModelFilesError, match="larger than any model's"):
        read_gguf_header(file)


def test_many_small_strings_are_given_up_within_a_second(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    strings = pair("x", 9, array(8, 2**20, text(b"") * 2**20))
    file.write_bytes(head(*[strings] * 12))
    began = time.process_time()
    with pytest.raises(ModelFilesError, match="larger than any model's"):
        read_gguf_header(file)
    assert time.process_time() - began < 3


def test_every_cut_of_a_real_file_is_noticed(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "whole.gguf").read_bytes()
    file = tmp_path / "m.gguf"
    for size in range(0, len(whole) - 64, 97):
        file.write_bytes(whole[:size])
        with pytest.raises(ModelFilesError):
            read_gguf_header(file)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="cannot be read: No such file"):
        read_gguf_header(tmp_path / "gone.gguf")
