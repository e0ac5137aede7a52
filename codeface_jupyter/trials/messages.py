"""Plain data from a copy to the notebook's kernel, through a pipe: JSON with its length before it.

The copy has run code that may have written anything there, so what is read is believed to be data
at most: bounded in length, of known kinds, its text well-formed.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from typing import cast

from codeface_jupyter.well_formed import well_formed_data

__all__ = ["BadMessageError", "MessageReader", "send"]

LENGTH = struct.Struct(">I")
READ_BYTES = 1 << 16
# All that is told of a code has 100,000 of these signs at most, those in its texts included: each
# text is bounded. So many are read in a tenth of a second; in 4 MiB there is room for far more.
MAX_PARTS = 150_000
PART_SIGNS = (b",", b"[", b"{")
# A message takes longer than its parts; a copy sends a few dozen.
PARTS_OF_A_MESSAGE = 10
# How JSON writes half a character, in small letters and in capitals.
HALVES = ("\\ud", "\\uD")


class BadMessageError(Exception):
    """What came is no message, or a longer one than is taken."""


def send(fd: int, message: dict[str, object]) -> None:
    """Write a message to a pipe, waiting until it is taken.

    Raises
    ------
    TypeError, ValueError
        If it is not plain data.
    """
    body = json.dumps(message).encode()
    left = memoryview(LENGTH.pack(len(body)) + body)
    while left:
        left = left[os.write(fd, left) :]


class MessageReader:
    """Puts messages together from the pieces that a pipe gives.

    Parameters
    ----------
    fd
        The pipe's end to read from; not blocking.
    max_bytes
        How long all messages may be together.

    Attributes
    ----------
    is_at_end
        Whether nobody can write any more.
    """

    def __init__(self, fd: int, *, max_bytes: int) -> None:
        self._fd = fd
        self._left = max_bytes
        self._parts_left = MAX_PARTS
        self._buffer = bytearray()
        self.is_at_end = False

    def read(self) -> Iterator[dict[str, object]]:
        """Yield the messages that are complete by now.

        Raises
        ------
        BadMessageError
            If something else was written.
        """
        while self._fill():
            yield from self._complete()

    def _fill(self) -> bool:
        try:
            piece = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return False
        self._left -= len(piece)
        if self._left < 0:
            raise BadMessageError("its report was too long")
        self._buffer += piece
        self.is_at_end = not piece
        return bool(piece)

    def _complete(self) -> Iterator[dict[str, object]]:
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            end = LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            self._parts_left -= PARTS_OF_A_MESSAGE + sum(map(body.count, PART_SIGNS))
            if self._parts_left < 0:
                raise BadMessageError("its report had too many parts")
            yield _parse(body)


def _parse(body: bytes) -> dict[str, object]:
    try:
        # As it was written: left to itself, JSON's reader tries other encodings.
        text = body.decode()
        message = json.loads(text)
        if any(half in text for half in HALVES):
            message = well_formed_data(message)
    except (ValueError, RecursionError) as error:
        raise BadMessageError("its report could not be read") from error
    if not isinstance(message, dict):
        raise BadMessageError("its report could not be read")
    return cast("dict[str, object]", message)
