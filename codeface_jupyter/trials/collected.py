"""What code prints and displays, collected instead of shown."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

__all__ = ["CollectedDisplays", "CollectedText"]

MAX_DISPLAYS = 20
MAX_BUNDLE_CHARS = 1 << 20
ENCODING = "utf-8"


class CollectedText(io.TextIOWrapper):
    """A text stream that keeps the first characters written to it.

    Parameters
    ----------
    max_chars
        How many it keeps.
    """

    def __init__(self, *, max_chars: int) -> None:
        # A character may take four bytes.
        self._bytes = _BoundedBytes(max_bytes=4 * max_chars)
        self._max_chars = max_chars
        # With bytes below it as a real stream has, which some programs write to.
        super().__init__(
            io.BufferedWriter(self._bytes),
            encoding=ENCODING,
            errors="backslashreplace",
            write_through=True,
        )

    @property
    def text(self) -> str:
        """What was kept."""
        self.flush()
        return self._whole()[: self._max_chars]

    @property
    def is_cut(self) -> bool:
        """Whether more was written than was kept."""
        self.flush()
        return self._bytes.is_cut or len(self._whole()) > self._max_chars

    def _whole(self) -> str:
        return bytes(self._bytes.kept).decode(ENCODING, errors="replace")


class CollectedDisplays:
    """Stands in for what IPython publishes displays with.

    Attributes
    ----------
    bundles
        The displays in order: their text by MIME type.
    """

    def __init__(self) -> None:
        self.bundles: list[dict[str, str]] = []
        self._by_id: dict[object, int] = {}

    def publish(
        self,
        data: Mapping[str, Any],
        metadata: object = None,  # noqa: ARG002 - as IPython calls it
        *,
        transient: Mapping[str, Any] | None = None,
        update: bool = False,
        **_: object,
    ) -> None:
        """Keep a display; one that updates another takes its place."""
        bundle = {kind: text for kind, text in data.items() if _is_kept(text)}
        name = (transient or {}).get("display_id")
        if update:
            place = self._by_id.get(name)
            if place is not None:
                self.bundles[place] = bundle
        elif len(self.bundles) < MAX_DISPLAYS:
            self._by_id[name] = len(self.bundles)
            self.bundles.append(bundle)

    def clear_output(self, wait: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - IPython's
        """Forget what was displayed, as a cell's output does."""
        self.bundles.clear()
        self._by_id.clear()


class _BoundedBytes(io.RawIOBase):
    def __init__(self, *, max_bytes: int) -> None:
        super().__init__()
        self.kept = bytearray()
        self.is_cut = False
        self._max_bytes = max_bytes

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        left = self._max_bytes - len(self.kept)
        self.kept += memoryview(data).cast("B")[:left]
        self.is_cut = self.is_cut or size > left
        return size


def _is_kept(text: object) -> bool:
    return isinstance(text, str) and len(text) <= MAX_BUNDLE_CHARS
