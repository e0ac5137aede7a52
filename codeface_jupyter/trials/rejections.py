"""Answers that are rejected: one that says or does the same again is not what is wanted."""

from __future__ import annotations

import re

from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.syntax import is_deep, parse_module, unparsed

__all__ = [
    "SAME_AGAIN",
    "SAME_ANSWER",
    "is_same_answer",
    "is_same_code",
    "rejects",
    "wants_other_code",
]

REJECTS = re.compile(
    r"\W*(?:no(?:pe)?\s*(?:[,.!;:\u2013\u2014]|-(?!\w)|$)|no\s+(?:i|it|that|this)\b|wrong\b"
    r"|nein\b|falsch\b|not\s+(?:what|right|correct|quite)\b"
    r"|(?:that|this|it)(?:['\u2019]s\s+(?:not|wrong)|\s+is\s+(?:not|wrong)|\s+isn['\u2019]?t)\b)",
    re.IGNORECASE,
)
# "No, in one line, please" asks for the same in another way.
FORM = re.compile(
    r"\b(?:us(?:e|ing)|without|in\s+one|one[ -]line\w*|functions?|class(?:es)?|comments?"
    r"|docstrings?|renam\w+|call(?:ed)?|add|thanks?|fine|good|short\w*|simpl\w+|loops?|style|format\w*"
    r"|ohne|mit|kürzer|einfacher)\b",
    re.IGNORECASE,
)
# Beside code, marks of fences included.
MOST_WORDS = 20
SAME_AGAIN = "This does the same as the answer before."
SAME_ANSWER = "This is the same answer as before. Follow up with what should be different."


def rejects(words: str) -> bool:
    """Whether what is said about an answer rejects what it does, not how it is written.

    Examples
    --------
    >>> rejects("no, I want the number of rentals")
    True
    >>> rejects("no loop, please")
    False
    """
    return REJECTS.match(words) is not None and FORM.search(words) is None


def is_same_answer(one: GenerationResult, other: GenerationResult, *, is_code: bool) -> bool:
    """Whether two answers hold the same code, comments and layout aside, or the same words.

    Parameters
    ----------
    one, other
        The answers.
    is_code
        Whether their words only go along with their code.
    """
    if is_code and one.code and other.code:
        return _unparsed(one.code) == _unparsed(other.code)
    return one.text.split() == other.text.split()


def wants_other_code(words: str) -> bool:
    """Whether what is said about an answer asks for other code; a question may be about it."""
    return not words.rstrip().endswith("?")


def is_same_code(one: GenerationResult, other: GenerationResult) -> bool:
    """Whether two answers are the same code to the letter, with hardly a word beside it."""
    blocks = one.written_blocks
    words = len(one.answer.split()) - sum(len(block.code.split()) for block in blocks)
    is_alone = bool(blocks) and words <= MOST_WORDS
    return is_alone and one.code.strip() == other.code.strip()


def _unparsed(code: str) -> str:
    tree = parse_module(code)
    return code if tree is None or is_deep(tree) else unparsed(tree) or code
