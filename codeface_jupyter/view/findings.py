"""What does not fit the notebook in an answer's code, and what was changed in it: for readers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from codeface_jupyter.frontend.saved_output import (
    MAX_FINDING_EDITS,
    MAX_FINDINGS,
    MAX_MESSAGE_CHARACTERS,
    ResultEdit,
    ResultFinding,
)
from codeface_jupyter.generation import Edit, Finding, GenerationResult
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.view.safe_markdown import safe_code_span
from codeface_jupyter.view.terminal_text import REORDERING, terminal_text
from codeface_jupyter.well_formed import well_formed

__all__ = ["Remark", "findings_data", "literal", "notes_data", "remarks", "without_markup"]

MARKDOWN_SIGN = re.compile(r"[\\`*\[\]!~|$]|(?<!\w)_|_(?!\w)")
REORDERING_CHARACTER = re.compile(f"[{REORDERING}]")
MAX_REORDERING_NOTES = 5
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
# What stands between the blocks of `GenerationResult.code`.
BETWEEN_BLOCKS = "\n\n"


@dataclass(frozen=True)
class _Place:
    """A block of the code worth inserting: its number in the answer, and where it begins there."""

    number: int
    begin: int
    first_line: int
    code: str


@dataclass(frozen=True)
class Remark:
    """A sentence or two for the reader: code is between backticks, the rest is literal."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {
            "text/markdown": without_markup(well_formed(self.text)),
            "text/plain": terminal_text(self.text),
        }


def findings_data(result: GenerationResult) -> list[ResultFinding]:
    """Return an answer's findings for the front end, each in its own block."""
    places = _places(result)
    return [
        ResultFinding(
            kind=finding.kind,
            message=_shown(finding.message),
            block=place.number,
            line=finding.line - place.first_line + 1,
            edits=_edits(finding.edits, places),
        )
        for finding, place in _found(result, places)
    ]


def notes_data(result: GenerationResult) -> list[str]:
    """Return what was changed in an answer's code, and what else is said of it."""
    notes = [*islice(_reordering_notes(result), MAX_REORDERING_NOTES), *result.notes]
    return [_shown(note) for note in notes[:MAX_FINDINGS]]


def _reordering_notes(result: GenerationResult) -> Iterator[str]:
    """Yield a note for each line of code that is shown in another order than it runs."""
    blocks = result.code_blocks
    for number, block in enumerate(blocks, start=1):
        for line_number, line in enumerate(block.code.split("\n"), start=1):
            found = REORDERING_CHARACTER.search(line)
            if found:
                place = f"Block {number}, line" if len(blocks) > 1 else "Line"
                yield (
                    f"{place} {line_number} holds `U+{ord(found[0]):04X}`, which makes it look "
                    "as if its parts stood in another order than they run in."
                )


def remarks(result: GenerationResult, *, is_markdown: bool) -> str:
    """Return notes and findings as a list: a line for each, the findings at its end.

    The front end finds a finding's line by its distance from the end.
    """
    places = _places(result)
    lines = [*notes_data(result)]
    for finding, place in _found(result, places):
        block = f"Block {place.number + 1}, line" if len(places) > 1 else "Line"
        line = finding.line - place.first_line + 1
        lines.append(f"{block} {line}: {_shown(finding.message)}")
    return "\n".join(f"- {without_markup(line) if is_markdown else line}" for line in lines)


def literal(text: str) -> str:
    """Return Markdown that shows ``text`` as it is: an error's text may hold links and images."""
    return MARKDOWN_SIGN.sub(r"\\\g<0>", html.escape(text))


def without_markup(text: str) -> str:
    """Return Markdown in which code spans are all that is not literal."""
    written, end = "", 0
    for span in CODE_SPAN.finditer(text):
        written += literal(text[end : span.start()]) + safe_code_span(span[0])
        end = span.end()
    return written + literal(text[end:])


def _shown(text: str) -> str:
    return in_one_line(text, max_chars=MAX_MESSAGE_CHARACTERS)


def _places(result: GenerationResult) -> list[_Place]:
    """Return where each block that `GenerationResult.code` is joined of begins in it."""
    places: list[_Place] = []
    begin, line = 0, 1
    for number, block in enumerate(result.code_blocks):
        if block.language == result.language:
            places.append(_Place(number, begin, line, block.code))
            joined = block.code + BETWEEN_BLOCKS
            begin, line = begin + len(joined), line + joined.count("\n")
    return places


def _found(result: GenerationResult, places: Sequence[_Place]) -> Iterator[tuple[Finding, _Place]]:
    """Yield the findings that are shown, each with the block that its line is in."""
    for finding in result.findings[:MAX_FINDINGS]:
        for place in reversed(places):
            if place.first_line <= finding.line:
                yield finding, place
                break


def _edits(edits: Sequence[Edit], places: Sequence[_Place]) -> list[ResultEdit]:
    """Return edits in their blocks; none at all if one of them is in no block."""
    placed = [
        ResultEdit(
            block=place.number,
            start=edit.start - place.begin,
            end=edit.end - place.begin,
            replacement=edit.replacement,
        )
        for edit in edits
        for place in places
        if place.begin <= edit.start <= edit.end <= place.begin + len(place.code)
    ]
    return placed if len(placed) == len(edits) <= MAX_FINDING_EDITS else []
