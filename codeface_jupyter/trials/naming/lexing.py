"""The tokens of Python that may end anywhere, also in the middle of a string."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "CLOSING",
    "OPENING",
    "Token",
    "is_open_string",
    "lex",
    "opener",
    "statement_start",
    "tokens_of",
]

TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<string>[rRbBuUfFtT]{0,2}(?:
          \"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\\?\Z)
        | '''(?:\\.|[^\\])*?(?:'''|\\?\Z)
        | "(?:\\.|[^"\\\n])*(?:"|(?=\n)|\\?\Z)
        | '(?:\\.|[^'\\\n])*(?:'|(?=\n)|\\?\Z)
      ))
    | (?P<name>\w+)
    | (?P<newline>\n)
    | (?P<space>[^\S\n]+|\\\n)
    | (?P<operator>.)
    """,
    re.VERBOSE | re.DOTALL,
)
CLOSED_STRING = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*\1""", re.DOTALL)
CLOSING = {")": "(", "]": "[", "}": "{"}
OPENING = {opening: closing for closing, opening in CLOSING.items()}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of code: what it is, its text, and where it begins.

    ``kind`` is ``string``, ``name`` (numbers too), ``newline`` or ``operator``; spaces and
    comments are left out, but for a comment that the code ends in.
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the token ends."""
        return self.start + len(self.text)


def lex(code: str) -> list[Token]:
    """Return the tokens of a code."""
    return list(tokens_of(code))


def tokens_of(code: str) -> Iterator[Token]:
    """Yield the tokens of a code, of which only some may be wanted."""
    for match in TOKEN.finditer(code):
        kind = match.lastgroup or ""
        is_last = match.end() == len(code)
        if kind not in ("comment", "space") or (kind == "comment" and is_last):
            yield Token(kind, match[0], match.start())


def is_open_string(token: Token) -> bool:
    """Whether a token is a string in one line that has no end yet."""
    text = token.text.lstrip("rRbBuUfFtT")
    is_one_line = token.kind == "string" and not text.startswith(text[:1] * 3)
    return is_one_line and CLOSED_STRING.fullmatch(text) is None


def opener(tokens: Sequence[Token], end: int) -> int | None:
    """Return the place of the bracket that is open before ``tokens[end]``; None for none."""
    depth = 0
    for place in range(end - 1, -1, -1):
        token = tokens[place]
        if token.kind != "operator":
            continue
        if token.text in CLOSING:
            depth += 1
        elif token.text in OPENING:
            if depth == 0:
                return place
            depth -= 1
    return None


def statement_start(tokens: Sequence[Token]) -> int:
    """Return the place of the first token of the statement that the tokens end in."""
    depth, start = 0, 0
    for place, token in enumerate(tokens):
        if token.kind == "operator":
            depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth <= 0 and (token.kind == "newline" or token.text == ";"):
            depth, start = 0, place + 1
    return start
