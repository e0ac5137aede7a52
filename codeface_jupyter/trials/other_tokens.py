"""A code with other tokens in the place of some, and everything between them as it was."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Callable
from itertools import accumulate

__all__ = ["with_other_tokens"]


def with_other_tokens(code: str, other: Callable[[tokenize.TokenInfo, str], str]) -> str:
    """Return a code with what a function gives for each of its tokens.

    Parameters
    ----------
    code
        Python; one without tokens is returned as it is.
    other
        Takes a token and the text of the one before it.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return code
    # Characters of each line, as tokens count them: a form feed or U+2028 ends none.
    begins = [0, *accumulate(len(line) + 1 for line in code.split("\n"))]
    pieces, place, before = [], 0, ""
    for token in tokens:
        text = other(token, before)
        if text != token.string:
            begin, end = (begins[row - 1] + column for row, column in (token.start, token.end))
            pieces += [code[place:begin], text]
            place = end
        before = token.string
    return "".join([*pieces, code[place:]])
