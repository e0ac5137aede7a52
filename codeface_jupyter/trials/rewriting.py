"""What a cell becomes when an answer rewrites it, and whether that may take its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from codeface_jupyter.context import Cell, Rewrite
from codeface_jupyter.generation import NO_MODEL, GenerationResult
from codeface_jupyter.prompts import OUTPUT_LANGUAGES, CodeBlock, Task
from codeface_jupyter.syntax import dumped, unparsed
from codeface_jupyter.trials.checks.wording import listed
from codeface_jupyter.trials.copies import (
    ONLY_REPEATS,
    REPEATS_ITSELF,
    Uncopied,
    parsed,
    repetition,
    without_copied_text,
    without_copies,
)
from codeface_jupyter.trials.marks import without_marks

__all__ = [
    "LEAVES_OUT",
    "NOT_OFFERED",
    "Rewritten",
    "only_leaves_out",
    "repeats_a_cell",
    "rewritten",
    "without_other_cells",
]

NOT_OFFERED = "“Replace cell” is not offered"
LEAVES_OUT = "This only leaves out lines of the cell."
FENCE = "```"
# So much of two texts has to be the same for one to be the other with a slip in it.
NEAR = 0.8


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """The one cell that an answer gives.

    Attributes
    ----------
    number
        Which of the answer's blocks it is made of.
    block
        The whole cell, as a block.
    obstacle
        Why it cannot take the old one's place, in a sentence of Markdown; empty if it can.
    """

    number: int
    block: CodeBlock
    obstacle: str = ""


def rewritten(result: GenerationResult, rewrite: Rewrite) -> Rewritten | None:
    """Return the cell that an answer makes of another one; None if it holds no code.

    Of several blocks it is the one most like the cell, and not just the same.
    """
    number = _chosen(result.written_blocks, rewrite)
    if number is None:
        return None
    block = result.written_blocks[number]
    text = block.code.strip("\n")
    if rewrite.language == "python":
        text = without_marks(text, but_for=rewrite.shown)
    # A model may write the cell magic as well.
    cell_magic = rewrite.head.strip()
    is_doubled = text.startswith(cell_magic) and not rewrite.text.startswith(cell_magic)
    if cell_magic and is_doubled:
        text = text.removeprefix(cell_magic).lstrip("\n")
    code = rewrite.with_text(text)
    if result.offered_blocks:
        # Settled before, as the whole cell.
        code = result.offered_blocks[0].code
    reason = _reason(result, rewrite, block, code)
    return Rewritten(
        number=number,
        block=CodeBlock(rewrite.language, code, block.is_closed),
        obstacle=f"{NOT_OFFERED}: {reason}." if reason else "",
    )


def without_other_cells(
    new: Rewritten,
    rewrite: Rewrite,
    cells: Sequence[Cell],
    *,
    namespace: Mapping[str, object],
    task: Task,
) -> tuple[Rewritten, str]:
    """Return the new cell without other cells that it begins with, and a note of that.

    The note also says what those make anew that stay. A repair that is nothing but several of
    them stays, with a note that says so.
    """
    others = [cell for cell in cells if cell.source != rewrite.cell.source]
    text = new.block.code.removeprefix(rewrite.head)
    is_python = rewrite.language == "python"
    # What the old cell had as well belongs to it, be there a slip in it.
    if not is_python or _begin_alike(text, rewrite.text):
        return new, ""
    begin = without_copies(text, namespace, others, for_one_cell=True)
    is_none_of_it = task == "fix" and begin is not None and _is_none_of_it(begin, rewrite)
    copied = begin if is_none_of_it else without_copies(text, namespace, others)
    if copied is None and task == "fix":
        own = rewrite.text.lstrip("\n")
        foreign = [one for one in others if not own.startswith(one.source.strip("\n"))]
        copied = without_copied_text(text, foreign)
    if copied is None:
        return new, _made_anew(begin)
    if not copied.code:
        is_patchwork = task == "fix" and copied.count > 1
        return new, f"{ONLY_REPEATS} cells above." if is_patchwork else ""
    block = replace(new.block, code=rewrite.with_text(copied.code))
    return replace(new, block=block), copied.note


def _is_none_of_it(copied: Uncopied, rewrite: Rewrite) -> bool:
    """Whether what a repair copies of cells at its beginning is no part of the repair.

    A single one may be what was wanted, unless the failed cell follows with what is mended in it.
    """
    is_mended = copied.code.strip() != rewrite.text.strip()
    return copied.count > 1 or (is_mended and _begin_alike(copied.code, rewrite.text))


def _made_anew(begin: Uncopied | None) -> str:
    """Return what a new cell makes anew at its beginning, as another cell did; may be empty."""
    if begin is None or not begin.code or not begin.makes:
        return ""
    return f"This makes {listed(sorted(begin.makes))} anew, as a cell above did."


def _begin_alike(code: str, other: str) -> bool:
    first, others_first = map(_first_statement, (code, other))
    return bool(first) and SequenceMatcher(None, first, others_first).ratio() >= NEAR


def _first_statement(code: str) -> str:
    """Return a code's first statement, laid out in one way; empty if there is none."""
    tree = parsed(code)
    return unparsed(tree.body[0]) if tree is not None and tree.body else ""


def repeats_a_cell(code: str, rewrite: Rewrite, cells: Sequence[Cell], *, task: Task) -> str:
    """Return a note if ``code`` is the old cell again, or another one; empty if it is new.

    An edit may be about comments and layout only; a repair is not.
    """
    if code.strip() == rewrite.shown.strip():
        return REPEATS_ITSELF
    if task != "fix" or rewrite.language != "python":
        return ""
    body = code.removeprefix(rewrite.head)
    # A cell with a slip in it may be meant to be as another is; any other is no repair of it.
    is_near = SequenceMatcher(None, body, rewrite.text).ratio() >= NEAR
    others = [cell for cell in cells if cell.source != rewrite.cell.source and not is_near]
    if parsed(body) is None and _lines(body) <= {
        line for one in others for line in _lines(one.source)
    }:
        return f"{ONLY_REPEATS} cells above."
    old = replace(rewrite.cell, source=rewrite.text)
    return repetition(body, [*others, old], whole_cells_only=True, single_statements=True)


def _lines(code: str) -> set[str]:
    """Return the lines of a code without indents and comments, also of one nobody can read."""
    lines = (line.strip() for line in code.split("\n"))
    return {line for line in lines if line and not line.startswith("#")}


def only_leaves_out(code: str, rewrite: Rewrite) -> bool:
    """Whether a new cell is the old one without some of its statements, and nothing else."""
    old, new = parsed(rewrite.text), parsed(code.removeprefix(rewrite.head))
    if old is None or new is None or not 0 < len(new.body) < len(old.body):
        return False
    left = iter(map(dumped, old.body))
    return all(statement in left for statement in map(dumped, new.body))


def _chosen(blocks: Sequence[CodeBlock], rewrite: Rewrite) -> int | None:
    usable = [n for n, block in enumerate(blocks) if block.language == rewrite.language] or [
        n for n, block in enumerate(blocks) if block.language not in OUTPUT_LANGUAGES
    ]
    changed = [n for n in usable if blocks[n].code.strip() != rewrite.text.strip()]
    candidates = changed or usable
    if len(candidates) < 2:  # noqa: PLR2004 - with one there is nothing to compare
        return candidates[0] if candidates else None
    lines = rewrite.text.split("\n")
    return max(
        candidates,
        key=lambda n: SequenceMatcher(None, blocks[n].code.split("\n"), lines).ratio(),
    )


def _reason(result: GenerationResult, rewrite: Rewrite, block: CodeBlock, code: str) -> str:
    """Return why ``code`` cannot take the cell's place; empty if it can."""
    if result.finish_reason != "stop" or not block.is_closed:
        return "the answer was not finished"
    if result.identity != NO_MODEL and not _is_sent_whole(rewrite, result.prompt):
        return "the cell is too long to be sent whole"
    if not (rewrite.keeps_hidden_lines and rewrite.survives_an_answer):
        return "the cell holds what an answer cannot give back as it is"
    if not rewrite.keeps_marks_of(code):
        return "the answer left out or moved the mark of a line with a secret"
    if rewrite.language == "markdown" and FENCE in rewrite.text and FENCE not in code:
        return "the answer seems to end at a code block of the cell"
    return ""


def _is_sent_whole(rewrite: Rewrite, prompt: str) -> bool:
    """Whether every line was sent; a layout may indent them, or make comments of them."""
    return all(line.strip() in prompt for line in rewrite.text.split("\n"))
