"""What a GGUF file says of itself, read with bounds: such files come from anywhere.

The ``gguf`` package maps the file and makes an array of every string of the vocabulary, which
takes seconds, believes every count that it reads, and ends the process if the file is cut
meanwhile. Here the metadata is read once, in a fraction of a second, as far as it is needed.
See ggml's ``docs/gguf.md`` for the format.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final

from codeface_jupyter.errors import ModelFilesError

__all__ = ["MAGIC", "GgufHeader", "GgufTensor", "read_gguf_header"]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32

# The largest vocabularies make headers of 12 MiB, and models of a thousand layers have 10⁴ tensors.
MAX_HEADER_BYTES = 64 * 2**20
MAX_PAIRS, MAX_TENSORS, MAX_DIMENSIONS = 10_000, 100_000, 4
MAX_ELEMENTS = 2**20
# Tokens, their scores and types, and merges of the largest vocabularies are half as many.
MAX_ELEMENTS_IN_ALL = 3 * 2**20
# Of longer arrays only the vocabulary's are kept.
MAX_KEPT_ELEMENTS = 1_024
READ_BYTES = 2**22

# The format's numbers for the types of values.
STRING, ARRAY = 8, 9
SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip

LENGTH = struct.Struct("<Q")

TOKENS, TOKEN_TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
CONTROL = 3
# Some files do not mark all of their control tokens as such.
LOOKS_LIKE_CONTROL = ("<|", "<\uff5c")
# Keys and values are kept in sixteen bits.
KV_VALUE_BYTES = 2
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 32: "BF16", 38: "MXFP4",
}  # fmt: skip

# Values in a block and its bytes, by ggml's number of the type; see ggml-common.h.
BLOCKS: Final = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(frozen=True)
class GgufTensor:
    """Where a tensor lies in a GGUF.

    Attributes
    ----------
    shape
        As torch has it, ``[rows, columns]`` for a matrix.
    kind
        ggml's number for how its values are stored.
    offset
        Where its bytes begin in the file.
    """

    shape: tuple[int, ...]
    kind: int
    offset: int

    @property
    def end(self) -> int:
        """Where its bytes end; where they begin, if its type is newer than the table."""
        block, block_bytes = BLOCKS.get(self.kind, (1, 0))
        return self.offset + prod(self.shape) // block * block_bytes


@dataclass(frozen=True, kw_only=True)
class GgufHeader:
    """What a GGUF file says of the model in it.

    Attributes
    ----------
    metadata
        Its keys and values, without long arrays.
    control_tokens
        The texts of the tokens that are markup.
    tensors
        Those that this file holds, by llama.cpp's names.
    """

    metadata: Mapping[str, Any]
    control_tokens: tuple[str, ...] = ()
    tensors: Mapping[str, GgufTensor] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """The family, in llama.cpp's word for it."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def chat_template(self) -> str:
        """The template of conversations; empty for a base model."""
        return str(self.metadata.get("tokenizer.chat_template") or "")

    @property
    def quantization(self) -> str:
        """How most weights are quantized; empty if the file does not say."""
        return FILE_TYPES.get(self._number("general.file_type", or_else=-1), "")

    @property
    def licence(self) -> str:
        """The publisher's licence; empty if the file does not say."""
        return str(self.metadata.get("general.license") or "")

    @property
    def context_window(self) -> int | None:
        """The tokens that the model was trained to see at once; None if it does not say."""
        return self._number(f"{self.architecture}.context_length") or None

    @property
    def num_parts(self) -> int:
        """The number of files that the model was split into."""
        return max(1, self._number("split.count"))

    @property
    def kv_bytes_per_token(self) -> int:
        """What the keys and values of one token take at most; 0 if the file does not say."""
        layers = self._number(f"{self.architecture}.block_count")
        heads = self._number(f"{self.architecture}.attention.head_count")
        if not layers or not heads:
            return 0
        width = self._number(f"{self.architecture}.embedding_length") // heads
        key, value = (
            self._number(f"{self.architecture}.attention.{name}_length", or_else=width)
            for name in ("key", "value")
        )
        kv_heads = self._kv_heads(layers, or_else=heads)
        return kv_heads * (key + value) * KV_VALUE_BYTES

    def _kv_heads(self, layers: int, *, or_else: int) -> int:
        """Return the heads of keys and values in all layers, which may have one number each."""
        found = self.metadata.get(f"{self.architecture}.attention.head_count_kv")
        if isinstance(found, Sequence) and not isinstance(found, str):
            return sum(heads for heads in found if isinstance(heads, int))
        return layers * (found if isinstance(found, int) else or_else)

    def _number(self, key: str, *, or_else: int = 0) -> int:
        """Return a number; of an array with one for each layer, the largest."""
        found = self.metadata.get(key)
        if isinstance(found, tuple):
            found = max((n for n in found if isinstance(n, int)), default=None)
        return found if isinstance(found, int) else or_else


def read_gguf_header(file: Path) -> GgufHeader:
    """Read the metadata of ``file`` and check that its tensors are all within it.

    It is read once for as long as the file stays as it is.

    Raises
    ------
    ModelFilesError
        If it cannot be read, is no GGUF, is cut off, or claims what no model has.
    """
    try:
        status = file.stat()
        return _read(file, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ModelFilesError(f"{file} cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=32)
def _read(file: Path, size: int, _: int) -> GgufHeader:
    with file.open("rb") as stream:
        reader = _Reader(stream, file=file, size=size)
        reader.check_kind()
        num_tensors = reader.count("tensors", at_most=MAX_TENSORS)
        num_pairs = reader.count("keys", at_most=MAX_PAIRS)
        metadata = dict(reader.pair() for _ in range(num_pairs))
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        tensors = reader.tensors(num_tensors, alignment=alignment)
    control_tokens = _control_tokens(metadata.pop(TOKENS, ()), metadata.pop(TOKEN_TYPES, ()))
    if not isinstance(metadata.get("general.architecture"), str):
        raise reader.refused("it does not name an architecture")
    return GgufHeader(metadata=metadata, control_tokens=control_tokens, tensors=tensors)


def _control_tokens(tokens: object, types: object) -> tuple[str, ...]:
    if not isinstance(tokens, tuple) or not isinstance(types, tuple):
        return ()
    if not all(isinstance(token, str) for token in tokens):
        return ()
    pairs = zip(tokens, types, strict=False)
    return tuple(
        token for token, kind in pairs if kind == CONTROL or token.startswith(LOOKS_LIKE_CONTROL)
    )


class _Reader:
    """Reads a header from its start, never past `MAX_HEADER_BYTES` or the end of the file."""

    def __init__(self, stream: BinaryIO, *, file: Path, size: int) -> None:
        self._stream = stream
        self._file = file
        self._size = size
        self._buffer = b""
        self._position = 0
        self._elements = 0

    def refused(self, reason: str) -> ModelFilesError:
        """Return the error for a file that cannot be a model's."""
        return ModelFilesError(
            f"{self._file} is not a GGUF that can be loaded: {reason}.",
            hint="Fetch it again, from a publisher that you trust.",
        )

    def check_kind(self) -> None:
        """Refuse what is no GGUF, or one of another version or byte order."""
        if self._take(len(MAGIC)) != MAGIC:
            raise self.refused(f"it does not begin with {MAGIC.decode()}")
        (version,) = self._unpack("<I")
        if version not in VERSIONS:
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
            kind = "big-endian" if swapped in VERSIONS else f"of version {version}"
            raise self.refused(f"it is {kind}")

    def count(self, what: str, *, at_most: int) -> int:
        """Return a number of things that follow."""
        (number,) = self._unpack("<Q")
        if number > at_most:
            raise self.refused(f"it claims to hold {number:,} {what}")
        return int(number)

    def pair(self) -> tuple[str, Any]:
        """Return a key and its value; an empty one in place of a long array."""
        key = self._string()
        (kind,) = self._unpack("<I")
        return key, self._array(key) if kind == ARRAY else self._value(kind)

    def tensors(self, number: int, *, alignment: object) -> dict[str, GgufTensor]:
        """Read where the tensors are, and refuse a file in which one is missing or cut off."""
        if not isinstance(alignment, int) or not 0 < alignment <= READ_BYTES:
            raise self.refused(f"its alignment is {alignment!r}")
        places = [self._tensor() for _ in range(number)]
        begin = -(-self._position // alignment) * alignment
        found = {name: replace(place, offset=begin + place.offset) for name, place in places}
        missing = max((tensor.end for tensor in found.values()), default=0) - self._size
        if missing > 0:
            raise self.refused(f"it is cut off: at least {missing:,} bytes are missing")
        return found

    def _tensor(self) -> tuple[str, GgufTensor]:
        """Return a tensor's name and place, counted from where the tensors begin."""
        name = self._string()
        (dimensions,) = self._unpack("<I")
        if dimensions > MAX_DIMENSIONS:
            raise self.refused(f"a tensor has {dimensions:,} dimensions")
        # A GGUF lists the dimension that varies fastest first, torch last.
        shape = tuple(reversed(self._unpack(f"<{dimensions}Q")))
        kind, offset = self._unpack("<IQ")
        return name, GgufTensor(shape, kind, offset)

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind not in SCALARS:
            raise self.refused(f"a value has the unknown type {kind}")
        return self._unpack(SCALARS[kind])[0]

    def _array(self, key: str) -> tuple[Any, ...]:
        (kind,) = self._unpack("<I")
        number = self.count(f"values of {key[:60]!r}", at_most=MAX_ELEMENTS)
        self._elements += number
        if self._elements > MAX_ELEMENTS_IN_ALL:
            raise self.refused("its metadata is larger than any model's")
        is_kept = number <= MAX_KEPT_ELEMENTS or key in {TOKENS, TOKEN_TYPES}
        if kind == STRING:
            strings = self._strings(number)
            return tuple(s.decode(errors="replace") for s in strings) if is_kept else ()
        if kind not in SCALARS:
            raise self.refused(f"an array has values of the type {kind}")
        values = self._unpack(f"<{number}{SCALARS[kind][1]}")
        return values if is_kept else ()

    def _strings(self, number: int) -> list[bytes]:
        """Read many strings; one by one, a vocabulary would take ten times as long."""
        strings = []
        buffer, position = self._buffer, self._position
        for _ in range(number):
            begin = position + LENGTH.size
            if begin > len(buffer):
                buffer = self._read_to(begin)
            position = begin + LENGTH.unpack_from(buffer, position)[0]
            if position > len(buffer):
                buffer = self._read_to(position)
            strings.append(buffer[begin:position])
        self._position = position
        return strings

    def _string(self) -> str:
        (length,) = self._unpack("<Q")
        return self._take(length).decode(errors="replace")

    def _unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self._take(struct.calcsize(form)))

    def _take(self, length: int) -> bytes:
        begin, self._position = self._position, self._position + length
        return self._read_to(self._position)[begin : self._position]

    def _read_to(self, end: int) -> bytes:
        """Return what has been read, at least up to ``end``."""
        if end > MAX_HEADER_BYTES:
            raise self.refused("its metadata is larger than any model's")
        if end > self._size:
            raise self.refused("it is cut off within its metadata")
        while len(self._buffer) < end:
            more = self._stream.read(READ_BYTES)
            if not more:
                raise self.refused("it has become shorter while it was read")
            self._buffer += more
        return self._buffer
