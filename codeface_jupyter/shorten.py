"""Text cut to a length, with an ellipsis where it was cut."""

from __future__ import annotations

__all__ = ["in_one_line", "shorten", "without_middle"]


def shorten(text: str, *, max_chars: int) -> str:
    """Return ``text`` if it is short enough, else its start and an ellipsis.

    Parameters
    ----------
    text
        Any text, of one line or several.
    max_chars
        The most characters that are returned, the ellipsis included.
    """
    return text if len(text) <= max_chars else f"{text[: max(max_chars - 1, 0)]}…"


def in_one_line(text: str, *, max_chars: int) -> str:
    """Return ``text`` on one line, each run of white space a single space, and shortened."""
    return shorten(" ".join(text.split()), max_chars=max_chars)


def without_middle(text: str, *, max_chars: int) -> str:
    """Return ``text`` if it is short enough, else its start, an ellipsis and its end."""
    if len(text) <= max_chars:
        return text
    tail = max(max_chars - 1, 0) // 2
    return f"{shorten(text, max_chars=max_chars - tail)}{text[len(text) - tail :]}"
