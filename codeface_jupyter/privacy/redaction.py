"""Texts without the secrets in them: whole lines left out, or the values alone hidden."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from codeface_jupyter.privacy.assignments import assigned_secrets
from codeface_jupyter.privacy.issued_tokens import issued_tokens
from codeface_jupyter.privacy.literals import secret_literals
from codeface_jupyter.privacy.names import may_name_secret
from codeface_jupyter.privacy.values import HIDDEN

__all__ = ["SECRET_MARK", "has_secret", "mask", "redact"]

SECRET_MARK = "# (a line with a secret was left out)"  # noqa: S105 - says that one was left out

PRIVATE_KEY_BEGIN, PRIVATE_KEY_END = "-----BEGIN ", "-----END "

Span = tuple[int, int]


def redact(text: str, *, is_code: bool = True) -> tuple[str, int]:
    """Remove the lines of ``text`` that hold a secret.

    Parameters
    ----------
    text
        Any text.
    is_code
        Whether it is Python, where a word without quotes is a variable; elsewhere it may be
        a value.

    Returns
    -------
    tuple
        The text with a short mark for each run of such lines, and how many were removed.
    """
    spans = list(_secrets(text, is_code=is_code))
    if not spans:
        return text, 0
    lines = text.split("\n")
    hidden = _line_numbers(lines, spans)
    kept: list[str] = []
    for number, line in enumerate(lines):
        if number not in hidden:
            kept.append(line)
        elif number - 1 not in hidden:
            indent = line[: len(line) - len(line.lstrip())]
            kept.append(indent + SECRET_MARK)
    return "\n".join(kept), len(hidden)


def mask(text: str, *, is_code: bool = False) -> tuple[str, int]:
    """Put three stars in the place of each secret in ``text``, and leave all else.

    Parameters
    ----------
    text
        Any text.
    is_code
        As in `redact`.

    Returns
    -------
    tuple
        The text, and how many secrets were hidden.
    """
    kept: list[str] = []
    count = end_of_last = 0
    for start, end in sorted(_secrets(text, is_code=is_code)):
        if start >= end_of_last:
            kept += [text[end_of_last:start], HIDDEN]
            count += 1
        end_of_last = max(end, end_of_last)
    return "".join([*kept, text[end_of_last:]]), count


@lru_cache(maxsize=4_096)
def has_secret(line: str) -> bool:
    """Whether a line of text seems to hold a key, a token or a password."""
    return next(_secrets(line, is_code=False), None) is not None


def _secrets(text: str, *, is_code: bool) -> Iterator[Span]:
    """Yield where the secrets are; some are found in more than one way."""
    yield from issued_tokens(text)
    yield from _private_keys(text)
    yield from assigned_secrets(text, is_code=is_code)
    if may_name_secret(text):
        yield from secret_literals(text)


def _private_keys(text: str) -> Iterator[Span]:
    """Yield where private keys are, from the first line's beginning to the last one's end."""
    if "PRIVATE KEY" not in text:
        return
    begin: int | None = None
    position = 0
    for line in text.split("\n"):
        end = position + len(line)
        if PRIVATE_KEY_BEGIN in line and "PRIVATE KEY" in line:
            begin = position
        if PRIVATE_KEY_END in line and "PRIVATE KEY" in line:
            # A key whose first line was cut away begins where the text does.
            yield begin or 0, end
            begin = None
        position = end + 1
    if begin is not None:
        yield begin, len(text)


def _line_numbers(lines: list[str], spans: list[Span]) -> set[int]:
    """Return the numbers of the lines that the spans touch."""
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    numbers: set[int] = set()
    for start, end in spans:
        first = bisect_right(starts, start) - 1
        last = bisect_right(starts, max(start, end - 1)) - 1
        numbers.update(range(first, last + 1))
    return numbers
