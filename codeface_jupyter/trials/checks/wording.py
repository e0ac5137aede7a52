"""What findings say: names in code spans, and what is nearest to a name that does not exist."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

from codeface_jupyter.namespace import close_names
from codeface_jupyter.shorten import in_one_line, without_middle

__all__ = [
    "Nearest",
    "code_span",
    "is_slip",
    "listed",
    "message_sentence",
    "message_span",
    "nearest",
    "other_names",
    "plain_name",
]

MAX_NAME_CHARS = 60
MAX_MESSAGE_CHARS = 300
MAX_LISTED = 6
END_MARKS = (".", "!", "?", "\u2026")
BULLET = re.compile(r"\n[ \t]*[-*\u2022][ \t]+")
ANNOUNCES = re.compile(r"(?<=[.!?])\s+[^.!?]*:\Z")
# Comparing a name with each of many takes long.
MAX_COMPARED = 500
# Of four letters, one may differ.
MIN_LIKENESS = 0.74
SEPARATORS = re.compile(r"[\s_\-.]+")
SIGNS = re.compile(r"[\W_]+")
NUMBERS = re.compile(r"\d+")
# Shorter parts of names tell things apart: `X` and `y`, `q1` and `q2`, `max` and `min`.
MIN_SLIP_LETTERS = 4
# A letter typed twice is no other word, but for the shortest: `of` and `off`.
MIN_LETTERS_TO_DOUBLE = 3
MIN_LETTERS_OF_CASE = 3
# With another letter in its place, a shorter word may be another word.
MIN_LETTERS_TO_REPLACE = 6


@dataclass(frozen=True)
class Nearest:
    """The names that resemble one, the closest first; ``only`` is set where there is just one."""

    names: tuple[str, ...] = ()

    @property
    def only(self) -> str | None:
        """The one name that is close."""
        return self.names[0] if len(self.names) == 1 else None

    def hint(self, beginning: str = "it has") -> str:
        """Return the end of a sentence that names them; empty if there are none."""
        return f"; {beginning} {listed(self.names)}" if self.names else ""


def nearest(name: str, names: Collection[object]) -> Nearest:
    """Return the names that differ from ``name`` in case and signs only, or else a little."""
    # Columns may share a name.
    texts = [other for other in dict.fromkeys(names) if isinstance(other, str) and other]
    wanted = plain_name(name)
    same = [other for other in texts if plain_name(other) == wanted] if wanted else []
    if same:
        return Nearest(tuple(same))
    close = close_names(name, islice(texts, MAX_COMPARED))
    return Nearest(tuple(other for other in close if _likeness(name, other) >= MIN_LIKENESS))


def is_slip(name: str, other: str) -> bool:
    """Whether ``name`` is most likely ``other`` with a slip of the pen, not a name of its own.

    What is near enough for a hint may be a sibling: ``X_train`` and ``y_train``, ``height`` and
    ``weight``, ``sales_2023`` and ``sales_2024``. A slip is in case or separators, in one
    letter of a word that begins alike, or in its plural.
    """
    if plain_name(name) == plain_name(other):
        # `x` and `X` are two variables.
        return name.casefold() != other.casefold() or len(name) >= MIN_LETTERS_OF_CASE
    if NUMBERS.findall(name) != NUMBERS.findall(other):
        return False
    parts, others = (SEPARATORS.split(text.casefold()) for text in (name, other))
    differing = [(a, b) for a, b in zip(parts, others, strict=False) if a != b]
    return len(parts) == len(others) and len(differing) == 1 and _is_mistyped(*differing[0])


def _is_mistyped(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    if word == longer and len(other) >= MIN_LETTERS_TO_DOUBLE and _doubles_one_letter(other, word):
        return True
    if len(shorter) < MIN_SLIP_LETTERS or shorter[0] != longer[0]:
        return False
    if len(shorter) < len(longer):
        return longer == f"{shorter}es" or _lacks_one_letter(shorter, longer)
    differing = [n for n, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
    first, last = differing[0], differing[-1]
    is_swapped = last == first + 1 and word[first] == other[last] and word[last] == other[first]
    return is_swapped or (len(differing) == 1 and len(word) >= MIN_LETTERS_TO_REPLACE)


def _doubles_one_letter(shorter: str, longer: str) -> bool:
    """Whether a letter is typed twice that stands alone: sizes may be `XL` and `XXL`."""
    doubled = (n for n in range(1, len(longer)) if longer[n] == longer[n - 1])
    return any(
        longer[:n] + longer[n + 1 :] == shorter and shorter.count(longer[n]) == 1 for n in doubled
    )


def _lacks_one_letter(shorter: str, longer: str) -> bool:
    return any(longer[:n] + longer[n + 1 :] == shorter for n in range(len(longer)))


def other_names(close: Nearest, names: Collection[object], *, what: str) -> str:
    """Return the end of a sentence: what there is in the place of a name.

    Parameters
    ----------
    what
        The word for several of them: ``columns``, ``keys``.
    """
    if close.names:
        return f"{close.hint()}."
    if not names:
        return f"; it has no {what}."
    others = list(dict.fromkeys(names))
    first = others[:MAX_LISTED]
    more = f" and {len(others) - len(first):,} more" if len(others) > len(first) else ""
    return f"; its {what} are {', '.join(map(code_span, first))}{more}."


def listed(names: Sequence[object]) -> str:
    """Return names as code, with commas and an *and*."""
    spans = [code_span(name) for name in names]
    return " and ".join(filter(None, (", ".join(spans[:-1]), spans[-1])))


def code_span(name: object) -> str:
    """Return a name or a piece of code as a code span, which nothing in it can end."""
    return _span(in_one_line(str(name), max_chars=MAX_NAME_CHARS))


def message_span(message: str) -> str:
    """Return an error's message as a code span; what to do instead stands at its end."""
    return _span(_message_text(message))


def message_sentence(message: str) -> str:
    """Return the same as a sentence: with a full stop unless the message ends in a mark."""
    return f"{message_span(message)}{'' if _message_text(message).endswith(END_MARKS) else '.'}"


def _message_text(message: str) -> str:
    """Return a message on one line, without what stands in a list in it where that is too long."""
    text, head = (" ".join(part.split()) for part in (BULLET.sub(" ", message), _head(message)))
    chosen = head if head and len(text) > MAX_MESSAGE_CHARS else text
    return without_middle(chosen, max_chars=MAX_MESSAGE_CHARS)


def _head(message: str) -> str:
    """Return what stands above the list in a message, but for the words that announce it."""
    match = BULLET.search(message)
    above = message[: match.start()].rstrip() if match is not None else ""
    return ANNOUNCES.sub("", above)


def _span(text: str) -> str:
    longest = max(map(len, _backticks(text)), default=0)
    fence = "`" * (longest + 1)
    # A space that Markdown takes away keeps the backticks of the text from the fence's.
    space = " " if longest or not text else ""
    return f"{fence}{space}{text}{space}{fence}"


def _likeness(name: str, other: str) -> float:
    return SequenceMatcher(None, name.casefold(), other.casefold()).ratio()


def _backticks(text: str) -> Iterable[str]:
    return re.findall(r"`+", text)


def plain_name(name: str) -> str:
    """Return a name's letters and digits in lower case: ``unitprice`` of ``Unit Price ($)``.

    One without letters stays as it is.
    """
    plain = SIGNS.sub("", name).casefold()
    # Of numbers, signs tell them apart.
    return plain if any(map(str.isalpha, plain)) else name
