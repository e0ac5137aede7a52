"""Text for a terminal, which obeys some characters instead of showing them."""

from __future__ import annotations

import re

from codeface_jupyter.well_formed import well_formed

__all__ = ["REORDERING", "terminal_text"]

# Embeddings, overrides and isolates: text after them is shown in another order than it is read.
REORDERING = "\u202a-\u202e\u2066-\u2069"
CARRIAGE_RETURN = re.compile(r"\r+\n?")
# Escape sequences change the window's title, write the clipboard, or have the terminal answer.
OBEYED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{REORDERING}]")


def terminal_text(text: str) -> str:
    r"""Return ``text`` with what a terminal would obey as escapes, such as ``\x1b``.

    Line ends and tabs stay. A text that begins with another gives one that begins with
    what the other gives, unless the other ends in half a line end or half a character.
    """
    lines = CARRIAGE_RETURN.sub("\n", well_formed(text))
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), lines)
