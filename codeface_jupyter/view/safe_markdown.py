"""An answer's Markdown, written so that every parser makes the same harmless things of it.

Front ends clean what their parsers make; exporters such as nbconvert do not, and parsers
differ: in lists, in what escapes a backtick, in what a line is, in formulas. So nothing
here depends on them. Code stands in fences of its own, at the margin. In the prose
between, no sign that could begin a tag, an image, a link to anywhere but the web, a fence
or a formula without an end is left, wherever it stands: the character reference in its
place shows the same and is never read as a sign. A dollar stands in an element of its own,
since what typesets formulas reads the page, where the reference is a dollar again.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeface_jupyter.prompts import (
    FENCE_MARK,
    LINE_END,
    fenced,
    markdown_parser,
    normalize_language,
    split_thoughts,
    widened,
)
from codeface_jupyter.well_formed import well_formed

__all__ = [
    "DOLLARS",
    "FORMULA",
    "FORMULA_PARAGRAPH",
    "SAFE_LINK",
    "folded",
    "literal_anywhere",
    "safe_code_span",
    "safe_markdown",
    "unfinished_markdown",
]

SAFE_LINK = re.compile(r"https?://|mailto:|#", re.IGNORECASE)
# Renderers draw them, with whatever their text names, instead of showing it.
DRAWN_LANGUAGES = ("mermaid",)

TAG = r"<(?=[A-Za-z/!?])"
IMAGE = r"!(?=\[)"
LINK = rf"\](?=\((?!{SAFE_LINK.pattern})|:(?! ?(?:{SAFE_LINK.pattern})))"
FENCE = FENCE_MARK.pattern
ANY_SIGN = rf"{TAG}|{IMAGE}|\](?=[(:])|{FENCE}"
# What nbconvert looks for the end of in all that follows, fences included.
OPENS_FORMULA = r"\${2,}|\\\\\[|\\begin\{"

SIGN = re.compile(
    rf"(?<!\\)(?:(?P<slashes>\\*)(?P<sign>{TAG}|{IMAGE}|{LINK}|{FENCE})"
    r"|(?P<before>\\{2,}(?=\[)|\\+begin(?=\{))(?P<opens>.))",
    re.IGNORECASE,
)
# Dollars that belong to no formula, such as amounts of money, and addresses with dollars.
DOLLAR = re.compile(
    r"(?P<address>\]\([^\s)]*|https?://[^\s)>\]]*)|(?<!\\)(?P<slashes>\\*)(?P<sign>\$+)"
)
# As they are written: what typesets formulas pairs no dollars of two elements.
DOLLARS = re.compile(r"<span>(?:&#36;)+</span>")
SIGN_IN_FORMULA = re.compile(ANY_SIGN)
HARMFUL_IN_CODE = re.compile(f"{ANY_SIGN}|{OPENS_FORMULA}")
# A formula within a line: between single dollars, then none that opens one of several lines.
FORMULA = re.compile(
    r"(?<![\\$])\$\$(?!\$)[^\n$]+(?<!\\)\$\$(?!\$)"
    r"|(?<![\\$\w])\$(?![\s$])(?:(?!\\\\\[|\\begin\{)[^\n$])*(?<![\s\\])\$(?![\w$])"
)
# A formula of several lines: a paragraph of its own, at the margin.
FORMULA_PARAGRAPH = re.compile(
    r"\$\$(?!\$)[^$]+(?<!\\)\$\$[ \t]*"
    r"|\\begin\{(?P<name>[a-z]*\*?)\}(?:(?!\\end\{(?P=name)\}).)*\\end\{(?P=name)\}[ \t]*",
    re.DOTALL,
)
PARAGRAPH_END = re.compile(r"(\n(?:[ \t]*\n)+)")
BACKTICKS = re.compile("`+")
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def safe_markdown(text: str) -> str:
    """Return an answer's Markdown without what could be more than Markdown's own formatting.

    Images become links, and links that do not lead to the web (``http``, ``https``,
    ``mailto``, ``#``) text, as HTML does. Code in lists and quotations moves to the margin.

    Parameters
    ----------
    text
        What the model says, without its thoughts.
    """
    text = widened(well_formed(text))
    lines = LINE_END.split(text)
    written: list[str] = []
    moved = None
    for code in _code_in(lines):
        above = [*_after(moved, lines, end=code.first_line), *code.beside]
        _write_prose(written, above)
        _write(written, code.fence)
        moved = code
    _write_prose(written, list(_after(moved, lines, end=len(lines))))
    return "\n".join(written)


def folded(thoughts: str) -> str:
    """Return Markdown that shows ``thoughts`` as they are, once they are unfolded."""
    shown = fenced(thoughts.strip("\r\n"), "text")
    return f"<details><summary>Thoughts</summary>\n\n{shown}\n\n</details>"


def unfinished_markdown(text: str) -> str:
    """Return the Markdown of an answer so far, as harmless as that of a whole one."""
    parts = split_thoughts(well_formed(text))
    thoughts = [folded(part.text) for part in parts if part.is_thought and part.text.strip()]
    said = safe_markdown("".join(part.text for part in parts if not part.is_thought))
    return "\n\n".join(filter(None, (*thoughts, said.strip("\n"))))


def literal_anywhere(text: str) -> str:
    """Return one line that shows ``text`` as it is, in HTML within Markdown as well."""
    return PUNCTUATION.sub(_reference, " ".join(well_formed(text).split()))


def safe_code_span(span: str) -> str:
    """Return a code span, backticks included, so that its code is harmless as prose, too."""
    ticks = len(span) - len(span.lstrip("`"))
    if ticks < len("```") and not HARMFUL_IN_CODE.search(span):
        return span
    code = " ".join(LINE_END.split(span[ticks:-ticks]))
    if code.strip() and code[0] == code[-1] == " ":
        code = code[1:-1]
    return f"<code>{PUNCTUATION.sub(_reference, code)}</code>"


@dataclass(frozen=True, kw_only=True)
class _Code:
    """A fence, or indented code, in a text: its lines, and how it is written."""

    fence: str
    first_line: int
    end_line: int
    container_end: int
    indent: int
    beside: tuple[str, ...] = ()


def _code_in(lines: Sequence[str]) -> Iterator[_Code]:
    """Yield the code in a text, with the list or quotation that it stands in."""
    container_end = 0
    for token in markdown_parser().parse("\n".join(lines)):
        if token.map is None:
            continue
        first, end = token.map
        if token.level == 0:
            container_end = end
        if token.type not in {"fence", "code_block"}:
            continue
        mark = FENCE_MARK.search(lines[first]) if token.type == "fence" else None
        begin = mark.start() if mark else max(0, _indent(lines[first]) - len("    "))
        prefix = lines[first][:begin]
        yield _Code(
            fence=fenced(token.content.rstrip("\n"), _language(token.info)),
            first_line=first,
            end_line=end,
            container_end=container_end,
            indent=len(prefix.expandtabs(4)),
            # A list's sign, where the fence stands right behind it.
            beside=(prefix,) if prefix.strip(" \t>") else (),
        )


def _language(info: str) -> str:
    language = normalize_language(info, default="")
    return "text" if language.startswith(DRAWN_LANGUAGES) else language


def _write_prose(written: list[str], lines: Sequence[str]) -> None:
    if lines:
        _write(written, _safe_prose("\n".join(lines)))


def _write(written: list[str], part: str) -> None:
    """Add a part of a text, after an empty line."""
    last = written[-1].rpartition("\n")[2] if written else ""
    if written and last.strip() and part.partition("\n")[0].strip():
        written.append("")
    written.append(part)


def _after(moved: _Code | None, lines: Sequence[str], *, end: int) -> Iterator[str]:
    """Yield the lines after code that has moved to the margin, as far out as the code."""
    if moved is None:
        yield from lines[:end]
        return
    was_inside = False
    for number in range(moved.end_line, end):
        line, indent = lines[number], _indent(lines[number])
        is_inside = number < moved.container_end and indent >= moved.indent > 0
        # A paragraph at the margin would go on in the list's next item.
        is_next_item = was_inside and line.strip() and not is_inside
        yield f"\n{line}" if is_next_item else line[moved.indent if is_inside else 0 :]
        was_inside = is_inside and bool(line.strip())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _safe_prose(text: str) -> str:
    parts = PARAGRAPH_END.split(text)
    # Every other part is what stands between two paragraphs.
    return "".join(
        part if number % 2 else "".join(_safe_parts(part)) for number, part in enumerate(parts)
    )


def _safe_parts(paragraph: str) -> Iterator[str]:
    """Yield a paragraph's code spans, formulas and words, each made harmless."""
    if FORMULA_PARAGRAPH.fullmatch(paragraph):
        yield _safe_formula(paragraph)
        return
    end = 0
    for begin, span_end in _code_spans(paragraph):
        yield from _safe_words(paragraph[end:begin])
        yield safe_code_span(paragraph[begin:span_end])
        end = span_end
    yield from _safe_words(paragraph[end:])


def _safe_words(text: str) -> Iterator[str]:
    end = 0
    for formula in FORMULA.finditer(text):
        yield _without_signs(text[end : formula.start()])
        yield _safe_formula(formula[0])
        end = formula.end()
    yield _without_signs(text[end:])


def _safe_formula(formula: str) -> str:
    """Break signs up with spaces: in formulas they mean nothing, and references are not read."""
    return SIGN_IN_FORMULA.sub(lambda sign: "".join(f"{char} " for char in sign[0]), formula)


def _code_spans(paragraph: str) -> Iterator[tuple[int, int]]:
    """Yield where code spans begin and end, in time linear in the paragraph's length."""
    runs = [run.span() for run in BACKTICKS.finditer(paragraph)]
    same: dict[int, list[int]] = {}
    for number, (begin, end) in enumerate(runs):
        same.setdefault(end - begin, []).append(number)
    number = 0
    while number < len(runs):
        begin, end = runs[number]
        others = same[end - begin]
        at = bisect_right(others, number)
        if at < len(others) and not _is_escaped(paragraph, begin):
            number = others[at]
            yield begin, runs[number][1]
        number += 1


def _is_escaped(text: str, position: int) -> bool:
    before = text[:position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _without_signs(words: str) -> str:
    return DOLLAR.sub(_unpaired, SIGN.sub(_as_references, words))


def _unpaired(dollars: re.Match[str]) -> str:
    reference = _reference("$")
    if dollars["address"]:
        return dollars["address"].replace("$", reference)
    slashes = dollars["slashes"][len(dollars["slashes"]) % 2 :]
    return f"{slashes}<span>{reference * len(dollars['sign'])}</span>"


def _as_references(sign: re.Match[str]) -> str:
    if sign["opens"]:
        return f"{sign['before']}{_reference(sign['opens'])}"
    # A backslash that escapes the sign would be shown before a reference.
    slashes = sign["slashes"][len(sign["slashes"]) % 2 :]
    return slashes + "".join(map(_reference, sign["sign"]))


def _reference(character: str | re.Match[str]) -> str:
    character = character[0]
    return html.escape(character) if character in "<>&" else f"&#{ord(character)};"
