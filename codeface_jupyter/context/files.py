"""Text files that the user wants to send: reading them, and choosing their relevant part."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeface_jupyter.context.tokens import cut_end, fits
from codeface_jupyter.errors import NotebookError
from codeface_jupyter.small_files import open_regular

__all__ = ["GAP", "TextFile", "read_text_file", "relevant_part"]

MAX_FILE_BYTES = 2**20
MAX_BLOCK_LINES = 20
MIN_WORD_CHARS = 3
GAP = "…"


@dataclass(frozen=True)
class TextFile:
    """A text file's path, as the user wrote it, and its content."""

    path: str
    text: str


def read_text_file(path: str | Path) -> TextFile:
    """Read a UTF-8 text file.

    Raises
    ------
    NotebookError
        If the file does not exist, is no regular file, is not text, or is larger than 1 MiB.
    """
    try:
        content = _read(Path(path).expanduser(), path)
    except RuntimeError:
        raise NotebookError(f"{path}: there is no such user.") from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise NotebookError(
            f"{path}: {reason}.",
            hint=f"Relative paths start at the kernel's working directory, {_working_directory()}.",
        ) from None
    try:
        # Editors on Windows begin a file with a byte order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    # Binary data can be valid UTF-8, but hardly without a null character.
    if "\0" in text:
        raise NotebookError(
            f"{path} is not a UTF-8 text file.",
            hint="Load it in a cell instead: variables are described to the model.",
        )
    return TextFile(str(path), text)


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "which has been deleted"


def _read(file: Path, path: str | Path) -> bytes:
    """Return a regular file's content."""
    try:
        stream = open_regular(file)
    except ValueError:
        raise NotebookError(
            f"{path} is not a regular file.",
            hint="Give the path of a text file; devices, pipes and folders are not read.",
        ) from None
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise _too_large(path, size)
        # The system makes the files in /proc as they are read: they have no size, and no end.
        content = stream.read(MAX_FILE_BYTES + 1) if size else b""
    # It may have grown.
    if len(content) > MAX_FILE_BYTES:
        raise _too_large(path, len(content))
    return content


def _too_large(path: str | Path, size: int) -> NotebookError:
    return NotebookError(
        f"{path} has {size:,} bytes; a file in a prompt may have up to {MAX_FILE_BYTES:,}.",
        hint="Save the relevant part to a separate file.",
    )


def relevant_part(
    text: str, *, words: Collection[str], max_tokens: int, count_tokens: Callable[[str], int]
) -> str:
    """Return the blocks of ``text`` that share the most words with the request, in order.

    A block is a paragraph: lines up to an empty one, 20 at most. The first block
    ranks above those that share nothing, since headers say what a file is.
    """
    if fits(text, max_tokens=max_tokens, count_tokens=count_tokens):
        return text
    blocks = _blocks(text)
    wanted = {word.lower() for word in words if len(word) >= MIN_WORD_CHARS}
    scores = [len(wanted & set(re.findall(r"\w+", block.lower()))) for block in blocks]
    ranked = sorted(range(len(blocks)), key=lambda n: (-scores[n], n))
    chosen: list[int] = []
    best = ""
    for number in ranked:
        candidate = _joined(blocks, sorted([*chosen, number]))
        if not fits(candidate, max_tokens=max_tokens, count_tokens=count_tokens):
            break
        chosen.append(number)
        best = candidate
    # Of a table as wide as that, the beginning says what it holds.
    return best or cut_end(text, max_tokens=max_tokens, count_tokens=count_tokens)


def _blocks(text: str) -> list[str]:
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if (not line.strip() and blocks[-1]) or len(blocks[-1]) >= MAX_BLOCK_LINES:
            blocks.append([])
        if line.strip():
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks if block]


def _joined(blocks: Sequence[str], chosen: Sequence[int]) -> str:
    """Join the chosen blocks, with a mark wherever one is missing."""
    parts: list[str] = []
    previous = -1
    for number in chosen:
        if number != previous + 1:
            parts.append(GAP)
        parts.append(blocks[number])
        previous = number
    if previous != len(blocks) - 1:
        parts.append(GAP)
    return "\n".join(parts)
