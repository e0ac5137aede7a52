"""What a code that is being typed needs at its end to be read."""

from __future__ import annotations

from collections.abc import Sequence

from codeface_jupyter.trials.naming.cursor import ends_expression
from codeface_jupyter.trials.naming.lexing import CLOSING, OPENING, Token, lex

__all__ = ["closers", "handlers", "open_endings"]

HANDLER = "except Exception: pass"


def closers(tokens: Sequence[Token]) -> str:
    """Return the brackets that close what is open after the tokens."""
    return "".join(OPENING[tokens[place].text] for place in reversed(_open(tokens)))


def open_endings(tokens: Sequence[Token]) -> str:
    """Return what closes the brackets that are open, and lets calls have more arguments."""
    endings, last = "", tokens[-1].text if tokens else ""
    for place in reversed(_open(tokens)):
        kind = tokens[place].text
        if kind == "(" and ends_expression(tokens, place):
            endings += "**{}" if last in ("(", ",") else ", **{}"
        last = OPENING[kind]
        endings += last
    return endings


def handlers(code: str) -> str:
    """Return the handlers that the ``try`` blocks lack in which a code ends."""
    blocks: list[str] = []
    depth, is_start = 0, True
    for token in lex(code):
        if token.kind == "operator":
            depth = max(0, depth + (token.text in OPENING) - (token.text in CLOSING))
        if token.kind == "newline":
            is_start = is_start or depth == 0
        elif is_start:
            indent = code[code.rfind("\n", 0, token.start) + 1 : token.start]
            # At its own depth stands its handler, or what is no part of it.
            blocks = [block for block in blocks if len(block) < len(indent)]
            blocks += [indent] if token.text == "try" else []
            is_start = False
    return "".join(f"\n{indent}{HANDLER}" for indent in reversed(blocks))


def _open(tokens: Sequence[Token]) -> list[int]:
    """Return the places of the brackets that are open after the tokens, the outermost first."""
    places: list[int] = []
    for place, token in enumerate(tokens):
        if token.kind == "operator" and token.text in OPENING:
            places.append(place)
        elif token.kind == "operator" and token.text in CLOSING and places:
            places.pop()
    return places
