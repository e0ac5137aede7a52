"""A GGUF file: its settings, and where its tensors lie.

The ``gguf`` package's own reader makes objects of every word of the vocabulary, which takes
eight seconds and half a gigabyte; here lists are passed over.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any, Final

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.conversion.stored_tensor import StoredTensor

__all__ = ["GgufFile"]

MAGIC, VERSIONS = b"GGUF", (2, 3)
DEFAULT_ALIGNMENT = 32
# The format's numbers of the types of values, and how each is packed.
STRING, ARRAY = 8, 9
SCALARS: Final = dict(enumerate("BbHhIif?")) | dict(enumerate("Qqd", start=10))


class GgufFile:
    """What a GGUF says of a model, and where its weights are.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    architecture
        The family, in llama.cpp's word for it.
    settings
        Values and the numbers of their types, by key; without lists.
    tensors
        By llama.cpp's names.

    Raises
    ------
    ModelFilesError
        If it is not a GGUF, or cut off within its header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                header = _Header(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            counts = header.counts()
            self.settings = dict(header.setting() for _ in range(counts["settings"]))
            self.architecture = str(self.settings["general.architecture"][0])
            places = [header.tensor() for _ in range(counts["tensors"])]
            self.tensors = dict(self._stored(places, begin=header.data_begin(self._alignment)))
        except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
            raise ModelFilesError(f"{path} is not a readable GGUF file: {error}.") from error

    @property
    def _alignment(self) -> int:
        return int(self.settings.get("general.alignment", (DEFAULT_ALIGNMENT, 0))[0])

    def _stored(self, places: list[tuple[Any, ...]], *, begin: int) -> Any:
        from gguf import GGMLQuantizationType

        for name, shape, kind, offset in places:
            tensor = StoredTensor(
                file=self.path,
                offset=begin + offset,
                kind=GGMLQuantizationType(kind).name,
                shape=shape,
            )
            yield name, tensor


class _Header:
    """Reads a GGUF's header from its start; ``data`` are the file's bytes."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._position = 0

    def counts(self) -> dict[str, int]:
        """Read the format's version and how many tensors and settings follow."""
        if self._data[: len(MAGIC)] != MAGIC:
            raise ValueError(f"it does not begin with {MAGIC.decode()}")
        self._position = len(MAGIC)
        version, tensors, settings = self._unpack("IQQ")
        if version not in VERSIONS:
            raise ValueError(f"it is of version {version}")
        return {"tensors": tensors, "settings": settings}

    def setting(self) -> tuple[str, tuple[Any, int]]:
        """Read a key, its value and the number of its type; None for a list."""
        name = self._string()
        (kind,) = self._unpack("I")
        return name, (self._value(kind), kind)

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """Read a tensor's name, shape, type and offset from where all tensors begin."""
        name = self._string()
        (dimensions,) = self._unpack("I")
        # A GGUF lists the dimension that varies fastest first, torch last.
        shape = tuple(reversed(self._unpack(f"{dimensions}Q")))
        kind, offset = self._unpack("IQ")
        return name, shape, kind, offset

    def data_begin(self, alignment: int) -> int:
        """Return where the tensors begin, once all that is before them has been read."""
        return -(-self._position // alignment) * alignment

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            return self._pass_list()
        return self._unpack(SCALARS[kind])[0]

    def _pass_list(self) -> None:
        kind, count = self._unpack("IQ")
        if kind == STRING:
            data, position, unpack = self._data, self._position, struct.Struct("<Q").unpack_from
            for _ in range(count):
                position += 8 + unpack(data, position)[0]
            self._position = position
        else:
            self._position += count * struct.calcsize(f"<{SCALARS[kind]}")

    def _string(self) -> str:
        (length,) = self._unpack("Q")
        begin, self._position = self._position, self._position + length
        return self._data[begin : self._position].decode()

    def _unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._data, self._position)
        self._position += struct.calcsize(f"<{form}")
        return values
