"""The lasting output of an answer, in each of the types that a notebook keeps."""

from __future__ import annotations

import html
from dataclasses import dataclass
from difflib import unified_diff
from functools import cached_property
from typing import Any

from codeface_jupyter.context import Rewrite
from codeface_jupyter.frontend.saved_output import (
    RESULT_MIME,
    RESULT_VERSION,
    EarlierAnswer,
    HiddenLines,
    ResultRewrite,
)
from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.prompts import CodeBlock, fenced, find_fences
from codeface_jupyter.trials.copies import ONLY_REPEATS, REPEATS_ITSELF
from codeface_jupyter.trials.rewriting import Rewritten, rewritten
from codeface_jupyter.view.answer_html import NEW_CELL, answer_html, folded_html
from codeface_jupyter.view.cells import block_data, with_missing_magics
from codeface_jupyter.view.findings import findings_data, literal, notes_data, remarks
from codeface_jupyter.view.outcomes import (
    alternatives_data,
    answers_question,
    outcome_data,
    outcome_markdown,
    outcome_plain,
)
from codeface_jupyter.view.rendering import answer_markdown, describe_result, said_markdown
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.well_formed import well_formed, well_formed_data

__all__ = ["result_bundle", "with_earlier", "with_question"]

EARLIER = "Earlier answer"
# As base64: the notebook holds it a second time, for those who do not know our own type.
MAX_FIGURE_CHARS = 200_000


def result_bundle(
    result: GenerationResult,
    *,
    request: str,
    cell_id: str | None,
    insert: str,
    format: str = "auto",  # noqa: A002 - the flag's name
    changes: Rewrite | None = None,
    answer_id: str | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return the MIME bundle that stays in the notebook.

    Our own type carries the code for the buttons, ``text/html`` and ``text/markdown`` are for
    exporters and every front end without them, ``text/plain`` for terminals. For an answer that
    rewrites the cell ``changes``, the difference is shown above it. ``answer_id`` is
    what the front end calls the answer by; ``note`` is added to its last line.
    Under the code stands what it did when it was tried, or above it if that answers a question,
    what was changed in it and what does not fit the notebook. What needs a cell magic that is
    not there is offered as text.
    """
    result = with_missing_magics(result)
    shown = _Shown(
        result=result,
        request=request,
        format=format,
        changes=changes,
        new_cell=rewritten(result, changes) if changes else None,
        footer=" · ".join(filter(None, (describe_result(result), note))),
    )
    data = {**_data(shown), "cell_id": cell_id, "insert": insert, "answer_id": answer_id}
    return {
        RESULT_MIME: well_formed_data(data),
        "text/html": _html(shown),
        "text/markdown": _markdown(shown),
        "text/plain": _plain(shown),
    }


def with_question(bundle: dict[str, Any], question: str) -> dict[str, Any]:
    """Return a lasting output below what was asked, which is about an answer above it."""
    asked = well_formed(question)
    return {
        **bundle,
        RESULT_MIME: {**bundle[RESULT_MIME], "question": asked},
        "text/html": f"<blockquote>{html.escape(asked)}</blockquote>{bundle['text/html']}",
        "text/markdown": f"> {literal(' '.join(asked.split()))}\n\n{bundle['text/markdown']}",
    }


def with_earlier(new: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the lasting output ``new`` with the answer folded whose place it takes."""
    before = {**earlier[RESULT_MIME]}
    others = before.pop("earlier", [])
    kept = EarlierAnswer(
        data=before, markdown=earlier["text/markdown"], plain=earlier["text/plain"]
    )
    folded_answer = f"<details><summary>{EARLIER}</summary>\n\n{kept['markdown']}\n\n</details>"
    return {
        **new,
        RESULT_MIME: {**new[RESULT_MIME], "earlier": [kept, *others]},
        "text/html": f"{new['text/html']}{folded_html(EARLIER, earlier.get('text/html', ''))}",
        "text/markdown": f"{new['text/markdown']}\n\n{folded_answer}",
    }


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What all types show of an answer."""

    result: GenerationResult
    request: str
    format: str
    changes: Rewrite | None
    new_cell: Rewritten | None
    footer: str

    @cached_property
    def difference(self) -> str:
        """What changes in the cell that the answer rewrites; empty if it rewrites none."""
        if self.changes is None or self.new_cell is None:
            return ""
        return _difference(well_formed(self.changes.shown), self.new_cell.block.code)

    @cached_property
    def shown_above(self) -> CodeBlock | None:
        """The block that the difference shows already."""
        return self.new_cell.block if self.new_cell and self.difference else None

    @cached_property
    def text(self) -> str:
        """The answer as Markdown."""
        return answer_markdown(self.result, format=self.format, new_cell=self.new_cell)

    @cached_property
    def is_outcome_above(self) -> bool:
        """Whether what the code did stands above the answer, since it is what was asked for."""
        return answers_question(self.result.outcome, request=self.request)

    @cached_property
    def outcome_places(self) -> tuple[str, str]:
        """What the code did, as Markdown above the answer and below it; one of them is empty."""
        outcome = outcome_markdown(self.result)
        return (outcome, "") if self.is_outcome_above else ("", outcome)

    @cached_property
    def figure(self) -> str:
        """The figure that answers a question, as base64, unless it is very large."""
        outcome = self.result.outcome
        png = outcome.preview.png if outcome and self.is_outcome_above else ""
        return png if len(png) <= MAX_FIGURE_CHARS else ""


def _data(shown: _Shown) -> dict[str, Any]:
    """Return what our own front end makes the answer and its buttons of."""
    result, changes = shown.result, shown.changes
    return {
        "version": RESULT_VERSION,
        "text": _under_difference(shown.text, shown.difference),
        "blocks": [block_data(block) for block in result.code_blocks],
        "finish_reason": result.finish_reason,
        "footer": shown.footer,
        "replaces_cell_id": (changes.cell.cell_id or None) if changes else None,
        "rewrite": _rewrite_data(changes, shown) if changes else None,
        "prompt": shown.request,
        "record": result.record(),
        "notes": notes_data(result),
        "findings": findings_data(result),
        "outcome": outcome_data(result.outcome, result.agreement, request=shown.request),
        "alternatives": alternatives_data(result),
    }


def _html(shown: _Shown) -> str:
    lead, below = shown.outcome_places
    block = shown.shown_above
    return answer_html(
        said_markdown(shown.result, format=shown.format, new_cell=shown.new_cell),
        lead=lead,
        figure=shown.figure,
        thoughts=() if shown.format == "code" else shown.result.thoughts,
        difference=shown.difference,
        new_cell=block.code if block else None,
        remarks=_paragraphs(below, remarks(shown.result, is_markdown=True)),
        footer=shown.footer,
    )


def _markdown(shown: _Shown) -> str:
    lead, below = shown.outcome_places
    readable = _under_difference(_folding(shown.text, shown.shown_above), shown.difference)
    remarked = remarks(shown.result, is_markdown=True)
    footer = f"<sub>{literal(shown.footer)}</sub>"
    return well_formed(_paragraphs(lead, readable, below, remarked, footer))


def _plain(shown: _Shown) -> str:
    result = shown.result
    # The text comes first as the model wrote it: a terminal has shown it so.
    offered = "" if result.offered_blocks is None else f"As offered:\n\n{result.code}"
    outcome, remarked = outcome_plain(result), remarks(result, is_markdown=False)
    text = result.text if result.is_bare_code else _closed(result.text)
    parts = (text, shown.difference, offered, outcome, remarked, f"[{shown.footer}]")
    return terminal_text(_paragraphs(*parts))


def _closed(text: str) -> str:
    """Return a text with the fence closed in which it was cut off."""
    fences = find_fences(text)
    if not fences or fences[-1].is_closed:
        return text
    end = "" if text.endswith("\n") else "\n"
    closed = f"{text}{end}{fences[-1].mark}"
    # In a list, the mark would open another one.
    return closed if find_fences(closed)[-1].is_closed else text


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


def _under_difference(markdown: str, difference: str) -> str:
    return f"{fenced(difference, 'diff')}\n\n{markdown}" if difference else markdown


def _folding(markdown: str, block: CodeBlock | None) -> str:
    """Return Markdown with a block's code folded, since a difference shows it already."""
    if block is None:
        return markdown
    code = fenced(block.code.rstrip("\n"), block.language)
    folded_code = f"<details><summary>{NEW_CELL}</summary>\n\n{code}\n\n</details>"
    return markdown.replace(code, folded_code, 1)


def _rewrite_data(changes: Rewrite, shown: _Shown) -> ResultRewrite:
    """Return what the front end needs to put the new cell in the place of the old one."""
    new_cell = shown.new_cell
    # In the place of the cell, others would be in the notebook twice.
    repeats = any(n.startswith(ONLY_REPEATS) and n != REPEATS_ITSELF for n in shown.result.notes)
    is_whole = new_cell is not None and not new_cell.obstacle and not repeats
    is_offered = is_whole and bool(changes.cell.cell_id)
    hidden = [HiddenLines(mark=lines.mark, count=lines.count) for lines in changes.hidden or ()]
    return ResultRewrite(
        before=changes.shown, hidden=hidden, is_offered=is_offered, only_repeats=repeats
    )


def _difference(before: str, after: str) -> str:
    """Return a unified diff without its header, or nothing when nothing changes."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return "\n".join(list(lines)[2:])
