"""Where the words or the code of an answer begin to go round in circles, as small models' do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent

from codeface_jupyter.prompts.fences import LINE_END, Fence, find_fences, margin_of
from codeface_jupyter.prompts.thoughts import split_thoughts
from codeface_jupyter.syntax import parse_module

__all__ = ["ends_sentence", "without_repeated_code", "without_repetition"]

ENDS = frozenset(".!?\n。！？")  # noqa: RUF001 - full width
SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+|(?<=[。！？])")  # noqa: RUF001 - full width
LIST_MARK = re.compile(r"[ \t]{0,3}(?:[-*+]|\d+[.)])[ \t]+")
# Rows of tables, quotations and indented code: they may well be the same again.
NO_PROSE = re.compile(r"[ \t]*[|>]| {4}|\t")
LETTERS = re.compile(r"[^\W\d_]|\s")
LEAST_LETTERS = 0.75
LINE = re.compile(r"[^\r\n]+")
# Longer ones are not looked for: in characters, all rounds together, and in sentences of one.
LONGEST_CIRCLES = 4_000
MOST_SENTENCES = 20
# In bytes, so that a Chinese sentence counts as much as its translation: what is said twice in a
# row, or three times.
TWICE_BYTES, THRICE_BYTES = 120, 40
IS_PYTHON = re.compile(r"\W*(?:$|i?py)", re.IGNORECASE)
# Of code, so many rounds or more, of so many lines at most, and so many bytes in all: what goes
# in circles does not stop by itself, so nothing is lost by waiting.
CODE_ROUNDS, MOST_CODE_LINES, LEAST_CODE_BYTES = 6, 24, 500
# Of assertions that differ in their numbers only, the first few are kept.
ALIKE_ROUNDS = 12
ASSERTION = re.compile(r"\s*assert\b")
NUMBER = re.compile(r"\d+")


def ends_sentence(text: str) -> bool:
    """Whether a sentence may end in ``text``, so that it is worth looking at the whole again."""
    return not ENDS.isdisjoint(text)


def without_repetition(text: str, *, seen: int = 0) -> str | None:
    """Return an answer up to where it begins to say again what it has just said.

    None unless some sentences are followed at once by the same ones. Code, tables and what a
    reasoning model thinks may repeat themselves.

    Parameters
    ----------
    text
        The answer so far.
    seen
        How many of its characters have been looked at before.
    """
    start = _start_of_circle(text, seen=seen)
    if start is None or start < len(text) - len(split_thoughts(text)[-1].text):
        return None
    line = len(LINE_END.findall(text[:start]))
    if any(fence.first_line <= line + 1 and line <= fence.end_line for fence in find_fences(text)):
        return None
    return text[:start].rstrip()


def without_repeated_code(text: str, *, seen: int = 0, is_bare: bool = False) -> str | None:
    """Return an answer up to the end of the first of many rounds of the same lines of Python.

    Its fence is closed, if it has one. None unless ``text`` ends with such rounds in code that
    goes on and can be read up to there: rows of a list may well be the same, and so may a few
    layers of a network.

    Parameters
    ----------
    text
        The answer so far.
    seen
        How many of its characters have been looked at before.
    is_bare
        Whether all of it is code, without a fence.
    """
    if not LINE_END.search(text, seen):
        return None
    lines = LINE_END.split(text)
    # The last one may go on.
    whole = [number for number, line in enumerate(lines[:-1]) if line.strip()]
    if _surplus([lines[number] for number in whole]) is None:
        return None
    fence = None if is_bare else _open_python(text, lines)
    if fence is None and not is_bare:
        return None
    first = 0 if fence is None else fence.first_line
    own = [number for number in whole if number >= first]
    start = _surplus([lines[number] for number in own])
    if start is None or parse_module(dedent("\n".join(lines[first : own[start]]))) is None:
        return None
    kept = "\n".join(lines[: own[start]]).rstrip()
    return kept if fence is None else f"{kept}\n{margin_of(fence, lines)}{fence.mark}"


def _open_python(text: str, lines: Sequence[str]) -> Fence | None:
    """Return the fence that an answer ends in, if Python is in it; not one of its thoughts."""
    fences = find_fences(text)
    if not fences or fences[-1].is_closed or fences[-1].end_line < len(lines) - 1:
        return None
    fence = fences[-1]
    first_of_answer = len(lines) - len(LINE_END.split(split_thoughts(text)[-1].text))
    is_thought = fence.first_line <= first_of_answer
    return None if is_thought or not IS_PYTHON.match(fence.info) else fence


def _surplus(lines: Sequence[str]) -> int | None:
    """Return the number of the first line of the last rounds that says no more than others."""
    rounds = _rounds(lines)
    if rounds is not None:
        start, length = rounds
        return start + length
    if not lines or not ASSERTION.match(lines[-1]):
        return None
    alike = _rounds([NUMBER.sub("0", line) for line in lines])
    if alike is None or len(lines) - alike[0] < ALIKE_ROUNDS * alike[1]:
        return None
    return alike[0] + CODE_ROUNDS * alike[1]


def _rounds(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the line with which the last equal rounds begin, and how many lines one has."""
    for count in range(1, min(MOST_CODE_LINES, len(lines) // CODE_ROUNDS) + 1):
        last = lines[len(lines) - count :]
        rounds = 1
        while (rounds + 1) * count <= len(lines) and last == _round(lines, rounds, count):
            rounds += 1
        size = rounds * len("\n".join(last).encode())
        if rounds >= CODE_ROUNDS and size >= LEAST_CODE_BYTES:
            return len(lines) - rounds * count, count
    return None


def _round(lines: Sequence[str], number: int, count: int) -> Sequence[str]:
    """Return the lines of a round, counted from the last one, which is 0."""
    end = len(lines) - number * count
    return lines[end - count : end]


@dataclass(frozen=True)
class _Sentence:
    """A whole sentence; without a text it stands for what is no prose."""

    text: str
    start: int
    end: int


def _start_of_circle(text: str, *, seen: int) -> int | None:
    """Return where the first sentences begin that say again those before them."""
    begin = max(0, seen - LONGEST_CIRCLES)
    line = max(begin, 1 + text.rfind("\n", 0, seen), 1 + text.rfind("\r", 0, seen))
    new = (sentence for sentence in _sentences(text, begin=line) if sentence.end > seen)
    # Most sentences are new, which is quickly seen.
    if not any(text.find(one.text, begin, one.start) >= 0 for one in new if one.text):
        return None
    sentences = list(_sentences(text, begin=begin))
    for end in range(2, len(sentences) + 1):
        if sentences[end - 1].end > seen:
            start = _repeats(sentences[max(0, end - 3 * MOST_SENTENCES) : end])
            if start is not None:
                return start
    return None


def _repeats(sentences: Sequence[_Sentence]) -> int | None:
    """Return where the last ones begin, if they are the same as those before."""
    for count in range(1, min(MOST_SENTENCES, len(sentences) // 2) + 1):
        last, before = sentences[-count:], sentences[-2 * count : -count]
        size = sum(len(sentence.text.encode()) for sentence in last)
        if size < THRICE_BYTES or not _are_same(last, before):
            continue
        if size >= TWICE_BYTES:
            return last[0].start
        if _are_same(before, sentences[-3 * count : -2 * count]):
            return before[0].start
    return None


def _are_same(some: Sequence[_Sentence], others: Sequence[_Sentence]) -> bool:
    texts = [sentence.text for sentence in some]
    return all(texts) and texts == [sentence.text for sentence in others]


def _sentences(text: str, *, begin: int) -> Iterator[_Sentence]:
    for line in LINE.finditer(text, begin):
        if NO_PROSE.match(line[0]) or not _has_words(line[0]):
            yield _Sentence("", line.start(), line.end())
            continue
        mark = LIST_MARK.match(line[0])
        start = line.start()
        begin_of_text = start + (mark.end() if mark is not None else 0)
        ends = [found.end() for found in SENTENCE_END.finditer(text, begin_of_text, line.end())]
        if line.end() < len(text) or text[-1] in ENDS:
            ends.append(line.end())
        for end in ends:
            # The mark of a list belongs to its first sentence, but may be another number.
            if sentence := text[begin_of_text:end].strip():
                yield _Sentence(sentence, start, end)
            start = begin_of_text = end


def _has_words(line: str) -> bool:
    return len(LETTERS.findall(line)) >= LEAST_LETTERS * len(line)
