"""A tokenizer's tokens by their texts: which of them may go on one of some names."""

from __future__ import annotations

import codecs
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from codeface_jupyter.infilling import NextName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_CHARACTER_BYTES", "NameContinuations", "Vocabulary"]

# More of a name's characters than this are never typed before it is the only one left.
MAX_NAME_BYTES = 80
REMEMBERED_CHOICES = 256
# In UTF-8.
MAX_CHARACTER_BYTES = 4


class Vocabulary:
    """The tokens of a byte-level tokenizer, as the bytes that they stand for.

    Parameters
    ----------
    token_ids
        The id of each token, by its text in the alphabet of printable characters that
        byte-level tokenizers write bytes in (Radford et al., 2019).
    end_ids
        The tokens that end a completion.

    Examples
    --------
    >>> tokens = Vocabulary({"re": 0, "venue": 1, "gion": 2, '"': 3, '"]': 4, "x": 5})
    >>> name = NextName(options=frozenset({"revenue", "region"}), typed="re", closing='"')
    >>> [int(token_id) for token_id in tokens.allowed(name)]
    [1, 2]
    """

    def __init__(self, token_ids: Mapping[str, int], *, end_ids: Iterable[int] = ()) -> None:
        pairs = ((_as_bytes(text), token_id) for text, token_id in token_ids.items())
        ordered = sorted((text, token_id) for text, token_id in pairs if text is not None)
        self._texts = [text for text, _ in ordered]
        self._ids = [token_id for _, token_id in ordered]
        self._by_text = dict(ordered)
        self._by_id = {token_id: text for text, token_id in ordered}
        following = [token_id for text, token_id in ordered if _ends_name(text, 0)]
        self._ending_names = [*following, *end_ids]
        self._allowed = lru_cache(REMEMBERED_CHOICES)(self._find)

    @classmethod
    def of(cls, tokenizer: Any, *, end_ids: Iterable[int] = ()) -> Vocabulary | None:
        """Return the tokens of a tokenizer of ``tokenizers``; None if it is not byte-level."""
        # transformers keeps it under this name.
        inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if "ByteLevel" not in str(inner.decoder):
            return None
        return cls(inner.get_vocab(with_added_tokens=False), end_ids=end_ids)

    def allowed(self, name: NextName) -> NDArray[np.int64]:
        """Return the ids of the tokens that may come next, in ascending order.

        A token may reach beyond the name, if it goes on with what must follow it.
        """
        return self._allowed(name)

    def pending(self, last_ids: Iterable[int]) -> bytes:
        """Return the first bytes of a character that the last tokens leave open."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        decoder.decode(b"".join(self._by_id.get(token_id, b"") for token_id in last_ids))
        return decoder.getstate()[0]

    def _find(self, name: NextName) -> NDArray[np.int64]:
        import numpy as np

        found: set[int] = set()
        for rest in name.rests:
            found.update(self._leading_to(rest, closing=name.closing))
        return np.array(sorted(found), dtype=np.int64)

    def _leading_to(self, rest: bytes, *, closing: str) -> Iterator[int]:
        for length in range(1, min(len(rest), MAX_NAME_BYTES) + 1):
            token_id = self._by_text.get(rest[:length])
            if token_id is not None:
                yield token_id
        if not rest:
            yield from self._ending_names
            return
        begin, end = bisect_left(self._texts, rest), bisect_right(self._texts, rest + b"\xff" * 8)
        for place in range(begin, end):
            if closing or _ends_name(self._texts[place], len(rest)):
                yield self._ids[place]


class NameContinuations:
    """What may go on one of some names, to compare tokens with one by one.

    Parameters
    ----------
    name
        The names, and what of them is there.
    """

    def __init__(self, name: NextName) -> None:
        self._rests = sorted(set(name.rests))
        self._is_closed = bool(name.closing)

    def include(self, token: bytes) -> bool:
        """Whether a token may come next: it leads to a name, and may reach beyond it.

        A token without a text, which ends the completion, may come where nothing has to follow.
        """
        place = bisect_left(self._rests, token)
        following = self._rests[place : place + 1]
        if not token:
            return following == [b""]
        if following and following[0].startswith(token):
            return True
        return any(
            self._has(token[:length]) and (self._is_closed or _ends_name(token, length))
            for length in range(len(token))
        )

    def _has(self, rest: bytes) -> bool:
        place = bisect_left(self._rests, rest)
        return self._rests[place : place + 1] == [rest]


def _ends_name(text: bytes, length: int) -> bool:
    """Whether what follows the first bytes of a token cannot be a part of an identifier."""
    following = text[length : length + 1]
    return (
        bool(following) and following.isascii() and not (following.isalnum() or following == b"_")
    )


def _as_bytes(text: str) -> bytes | None:
    """Return what a token stands for; None if it is not written in the alphabet of bytes."""
    try:
        return text.translate(BYTES).encode("latin-1")
    except UnicodeEncodeError:
        return None


# Bytes that cannot be printed have the characters from U+0100 on, in their order.
PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
BYTES = {
    0x100 + place: byte
    for place, byte in enumerate(byte for byte in range(0x100) if byte not in PRINTABLE)
}
