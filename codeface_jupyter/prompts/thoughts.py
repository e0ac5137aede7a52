"""What a reasoning model thinks before it answers: it is neither answer nor code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from codeface_jupyter.prompts.fences import FENCE_MARK, LINE_END, find_fences

__all__ = ["Part", "split_thoughts", "without_thoughts"]

NAMES = "think|thinking|thoughts?|reasoning|reflection|seed:think"
# How gpt-oss names what it thinks and what it says: by control tokens, of which engines leave the
# words. Without them, those at an answer's very beginning count if the others follow.
SPEAKER = r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>"
CHANNELS = (
    rf"{SPEAKER}(?:analysis|commentary)<\|message\|>|\Aanalysis(?=(?s:.)*?assistantfinal)"
    rf"|(?P<final>{SPEAKER}final<\|message\|>|assistantfinal)"
)
# A tag in single backticks is spoken of, not used; three of them are a fence.
TAG = re.compile(
    rf"(?<!(?<!`)`)(?:<(/?)(?:{NAMES})>|\[(/?)THINK\]|\u25c1(/?)think\u25b7|{CHANNELS})(?!`(?!`))",
    re.IGNORECASE,
)
# More are no thoughts; each costs a look at all that follows.
MAX_PARTS = 20
ENDS_LINE = re.compile(r"[ \t]*(?:\Z|[\r\n])")


@dataclass(frozen=True)
class Part:
    """A part of an answer: what the model thinks, without its tags, or what it says."""

    text: str
    is_thought: bool


def split_thoughts(text: str) -> list[Part]:
    """Return the parts of an answer, in their order.

    Thoughts stand between ``<think>`` and ``</think>``, or what other models write. If they are
    cut off, they end with the text; if the prompt has begun them, there is only their end.
    """
    parts: list[Part] = []
    while len(parts) < MAX_PARTS and (tag := _first_tag(text, may_end=not parts)) is not None:
        said, text = text[: tag.start()], text[tag.end() :]
        if _is_end(tag):
            parts.append(Part(said, is_thought=True))
            continue
        end = _first_end(text)
        thought = text if end is None else text[: end.start()]
        text = "" if end is None else text[end.end() :]
        parts += [Part(said, is_thought=False), Part(thought, is_thought=True)]
    return [*parts, Part(text, is_thought=False)]


def without_thoughts(text: str) -> str:
    """Return what the model says in an answer, without what it thinks."""
    return "".join(part.text for part in split_thoughts(text) if not part.is_thought)


def _first_tag(text: str, *, may_end: bool) -> re.Match[str] | None:
    """Return the tag that begins the first thoughts, or ends those that a prompt has begun."""
    is_in_code = _CodeLines(text)
    for number, tag in enumerate(TAG.finditer(text)):
        begins_line, ends_line = _edges(tag)
        if not _is_end(tag):
            is_meant = begins_line and not is_in_code(tag)
        elif may_end and number == 0 and begins_line and ends_line:
            # Even in a fence, which the thoughts may have left open.
            is_meant = True
        else:
            is_meant = may_end and (begins_line or ends_line) and not is_in_code(tag)
        if is_meant:
            return tag
    return None


def _first_end(thought: str) -> re.Match[str] | None:
    """Return the tag that ends thoughts: the first one at either end of a line, or else any."""
    ends = [tag for tag in TAG.finditer(thought) if _is_end(tag)]
    return next((tag for tag in ends if any(_edges(tag))), ends[0] if ends else None)


def _is_end(tag: re.Match[str]) -> bool:
    return "/" in (tag[1], tag[2], tag[3]) or tag["final"] is not None


def _edges(tag: re.Match[str]) -> tuple[bool, bool]:
    """Return whether a tag begins its line, and whether it ends it."""
    line_begin = max(tag.string.rfind(end, 0, tag.start()) for end in "\r\n") + 1
    begins = not tag.string[line_begin : tag.start()].strip(" \t")
    return begins, ENDS_LINE.match(tag.string, tag.end()) is not None


class _CodeLines:
    """Knows which tags of a text are in its fences; it looks for them when first asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, tag: re.Match[str]) -> bool:
        """Whether a tag is in a fence."""
        mark = FENCE_MARK.search(self._text, 0, tag.start())
        return mark is not None and any(begin <= tag.start() < end for begin, end in self._ranges)

    @cached_property
    def _ranges(self) -> list[tuple[int, int]]:
        begins = [0, *(end.end() for end in LINE_END.finditer(self._text)), len(self._text)]
        return [(begins[f.first_line], begins[f.end_line]) for f in find_fences(self._text)]
