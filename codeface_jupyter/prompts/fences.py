"""The fences in a Markdown text, and where those end whose code holds fences itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from codeface_jupyter.syntax import ends_in_string, parse_module

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = [
    "FENCE_MARK",
    "LINE_END",
    "Fence",
    "fenced",
    "find_fences",
    "margin_of",
    "markdown_parser",
    "widened",
]

# What the Markdown parser counts as one.
LINE_END = re.compile(r"\r\n?|\n")
FENCE_MARK = re.compile(r"`{3,}|~{3,}")
# IPython's own lines, which are no Python.
MAGIC_LINE = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
PYTHON = ("py", "ipython")
# More than these, in one answer and in one code, are no code that somebody wrote.
MAX_WIDENED = 20
MAX_ENDS = 50


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A fence in a text.

    Attributes
    ----------
    info
        What follows the mark that opens it.
    code
        What is in it.
    is_closed
        False when the text ends inside it, or the list or quotation that it is in.
    mark
        The mark that opens it.
    first_line
        The number of the code's first line in the text, from 0.
    end_line
        The number of the line after the fence.
    """

    info: str
    code: str
    is_closed: bool
    mark: str
    first_line: int
    end_line: int


def fenced(code: str, language: str) -> str:
    """Put ``code`` into a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def find_fences(text: str) -> list[Fence]:
    """Return the fences in a Markdown ``text``, those in lists and quotations too."""
    lines = LINE_END.split(text)
    return [
        _fence(token, *token.map, lines=lines)
        for token in markdown_parser().parse(text)
        if token.type == "fence" and token.map is not None
    ]


def _fence(token: Token, begin: int, end: int, *, lines: Sequence[str]) -> Fence:
    return Fence(
        info=token.info,
        code=token.content.removesuffix("\n"),
        is_closed=end - begin > 1 and _is_end(lines[end - 1], token.markup),
        mark=token.markup,
        first_line=begin + 1,
        end_line=end,
    )


def widened(text: str) -> str:
    """Return ``text`` with longer marks around Python code that holds fences in its strings.

    A fence's first end is taken for the end of the code, which is then cut off within a
    string. The end is where Python can read the code. Lines keep their numbers.
    """
    begin = 0
    for _ in range(MAX_WIDENED):
        found = _first_cut(text, begin=begin)
        if found is None:
            break
        text, begin = found
    return text


def _first_cut(text: str, *, begin: int) -> tuple[str, int] | None:
    """Return ``text`` with the first cut code whole, and the line behind it."""
    lines = LINE_END.split(text)
    for fence in find_fences(text):
        end = _real_end(fence, lines) if fence.first_line > begin else None
        if end is not None:
            mark = _longer_mark(fence.mark, lines[fence.first_line : end])
            for number in (fence.first_line - 1, end):
                lines[number] = FENCE_MARK.sub(mark, lines[number], count=1)
            return "\n".join(lines), end
    return None


def _real_end(fence: Fence, lines: Sequence[str]) -> int | None:
    """Return the line that ends the Python code in a fence, if that is a later one."""
    is_python = not fence.info or fence.info.strip(" {").lower().startswith(PYTHON)
    if not is_python or not fence.is_closed or not ends_in_string(_plain(fence.code)):
        return None
    margin = margin_of(fence, lines)
    ends = (n for n in range(fence.end_line, len(lines)) if _is_end(lines[n], fence.mark))
    for end in islice(ends, MAX_ENDS):
        inside = lines[fence.first_line : end]
        code = _plain("\n".join(line.removeprefix(margin) for line in inside))
        if parse_module(code) is not None:
            return end
        if not ends_in_string(code):
            return None
    return None


def margin_of(fence: Fence, lines: Sequence[str]) -> str:
    """Return what stands in front of each line of a fence: a quotation's sign, a list's spaces."""
    inside = zip(lines[fence.first_line :], fence.code.split("\n"), strict=False)
    return next((line.removesuffix(inner) for line, inner in inside if inner.strip()), "")


def _plain(code: str) -> str:
    return MAGIC_LINE.sub(r"\1pass", code)


def _longer_mark(mark: str, lines: Sequence[str]) -> str:
    runs = (len(run[0]) for line in lines for run in re.finditer(f"{mark[0]}+", line))
    return mark[0] * (max(runs, default=2) + 1)


def _is_end(line: str, mark: str) -> bool:
    """Whether a line ends a fence: the parser ends one at the end of the text too."""
    rest = line.lstrip(" \t>")
    return rest.startswith(mark) and not rest.rstrip(" \t").strip(mark[0])


@cache
def markdown_parser() -> MarkdownIt:
    """Return the parser that tells where an answer's code is."""
    from markdown_it import MarkdownIt

    # An answer's HTML is text, so that a tag right above a fence does not hide it.
    return MarkdownIt("commonmark", {"html": False})
