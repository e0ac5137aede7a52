"""What came of a batch: a table of all answers, and each of them whole, folded."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.frontend.saved_output import (
    BATCH_MIME,
    BATCH_VERSION,
    RESULT_MIME,
    BatchAnswer,
    BatchData,
)
from codeface_jupyter.generation import GenerationMetrics
from codeface_jupyter.session.events import BatchItem
from codeface_jupyter.view.outcomes import outcome_words
from codeface_jupyter.view.result_bundle import result_bundle, with_question
from codeface_jupyter.view.safe_markdown import literal_anywhere
from codeface_jupyter.view.tables import Table
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.well_formed import well_formed
from codeface_jupyter.wording import counted

__all__ = ["BatchReport", "batch_table"]

CELL_CHARS = 48
FENCE = "``"
END_CHARS = 80
COMMENT = re.compile(r"\s*(?:#.*)?")
# What the page shows an answer from, and changes together with it.
KEPT_TYPES = (RESULT_MIME, "text/markdown", "text/plain")


@dataclass(frozen=True)
class BatchReport:
    """A batch for its reader.

    Parameters
    ----------
    items
        The requests and their answers.
    elapsed_s
        How long all of them took, in seconds.
    kept_as
        The notebook's variable that holds them; empty if nothing was asked.
    format, insert
        The settings of the same names.
    cell_id
        The cell that asked, where it is known.
    """

    items: Sequence[BatchItem]
    elapsed_s: float
    kept_as: str = ""
    format: str = "auto"
    insert: str = "button"
    cell_id: str | None = None

    def __str__(self) -> str:
        table = str(batch_table(self.items, elapsed_s=self.elapsed_s))
        more = f", {self.kept_as}[1].code …" if len(self.items) > 1 else "."
        whole = f"The whole code is in {self.kept_as}[0].code{more}"
        return f"{table}\n\n{whole}" if self.kept_as else table

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        table = well_formed(batch_table(self.items, elapsed_s=self.elapsed_s).to_markdown())
        shown = enumerate(self.items) if self.kept_as else ()
        answers = [self._answer(number, item) for number, item in shown if _has_something(item)]
        return {
            BATCH_MIME: BatchData(version=BATCH_VERSION, table=table, answers=answers),
            "text/markdown": "\n\n".join((table, *map(_folded, answers))),
            "text/plain": terminal_text(str(self)),
        }

    def _answer(self, number: int, item: BatchItem) -> BatchAnswer:
        """Return an answer as it is shown below its request, to be unfolded."""
        short = _shortened(item.request)
        error = _error_words(item.error) if item.error else ""
        head = f"<details><summary>{number}: {literal_anywhere(short)}</summary>"
        bundle = self._bundle(item) if item.text or not error else None
        if bundle and short != item.request:
            bundle = with_question(bundle, item.request)
        return BatchAnswer(
            title=well_formed(f"{number}: {short}"),
            error=well_formed(error),
            head=well_formed("\n\n".join(filter(None, (head, literal_anywhere(error))))),
            bundle=bundle and {name: bundle[name] for name in KEPT_TYPES},
        )

    def _bundle(self, item: BatchItem) -> dict[str, Any]:
        # One answer must not take the place of the cell that asks for all.
        insert = "none" if self.insert == "none" else "button"
        return result_bundle(
            item.result,
            request=item.request,
            cell_id=self.cell_id,
            insert=insert,
            format=self.format,
        )


def _folded(answer: BatchAnswer) -> str:
    bundle = answer["bundle"] or {}
    parts = (answer["head"], bundle.get("text/markdown"), "</details>")
    return "\n\n".join(str(part) for part in parts if part)


def batch_table(items: Sequence[BatchItem], *, elapsed_s: float) -> Table:
    """Return a table of a batch: each request, its answer's start, what came of it, its end."""
    columns = {
        "": [str(number) for number, _ in enumerate(items)],
        "request": [_shortened(item.request) for item in items],
        "code": [_shortened(_beginning(item)) for item in items],
        "on a copy": [_shortened(outcome_words(i.outcome, i.agreement)) for i in items],
        "tokens (prompt + answer)": [_tokens(item.result.metrics) for item in items],
        "ended": [_end(item) for item in items],
    }
    if not any(item.outcome for item in items):
        del columns["on a copy"]
    generated = [item.result.metrics for item in items]
    tokens = sum(m.generated_tokens for m in generated if not m.from_response_cache)
    answered = sum(item.finish_reason in {"stop", "length"} for item in items)
    answering_s = elapsed_s - sum(m.tries_s for m in generated)
    is_rated = answered and tokens and answering_s > 0
    rate = f", {tokens / answering_s:,.1f} tokens/s" if is_rated else ""
    title = f"{answered} of {len(items)} requests answered in {elapsed_s:,.1f} s{rate}"
    return Table(title, tuple(columns), list(zip(*columns.values(), strict=True)))


def _has_something(item: BatchItem) -> bool:
    """Whether there is something to unfold."""
    return item.finish_reason != "cancelled" or bool(item.error or _beginning(item))


def _beginning(item: BatchItem) -> str:
    """Return an answer's code from where it does something, or its words if it has none.

    Of one that was stopped, whole lines only.
    """
    if item.finish_reason != "cancelled":
        return _without_comment(item.code) or item.text
    blocks = item.result.code_blocks
    if not blocks:
        return "" if FENCE in item.text else item.text.strip()
    is_open = item.result.is_bare_code or not blocks[-1].is_closed
    lines = item.code.split("\n")
    code = "\n".join(lines[:-1] if is_open else lines)
    return "" if all(map(COMMENT.fullmatch, code.split("\n"))) else _without_comment(code)


def _without_comment(code: str) -> str:
    """Return a code from its first line that does something on; the whole, if none does."""
    lines = code.split("\n")
    first = next((n for n, line in enumerate(lines) if not COMMENT.fullmatch(line)), 0)
    return "\n".join(lines[first:])


def _tokens(metrics: GenerationMetrics) -> str:
    return f"{metrics.prompt_tokens:,} + {metrics.generated_tokens:,}"


def _shortened(text: str) -> str:
    return textwrap.shorten(text, CELL_CHARS, placeholder=" …")


def _end(item: BatchItem) -> str:
    """Return how an answer ended, and what else is to be said of it, in a few words."""
    if item.error is not None:
        return textwrap.shorten(_error_words(item.error), END_CHARS, placeholder=" …")
    endings = {"stop": "done", "length": "cut off", "cancelled": "stopped early"}
    metrics = item.result.metrics
    replayed = "shared" if metrics.is_shared else "replayed" if metrics.from_response_cache else ""
    findings = counted(len(item.findings), "finding") if item.findings else ""
    notes = counted(len(item.notes), "note") if item.notes else ""
    ending = endings.get(item.finish_reason, item.finish_reason)
    return ", ".join(filter(None, (ending, replayed, findings, notes)))


def _error_words(error: Exception) -> str:
    message = error.message if isinstance(error, CodeFaceError) else str(error)
    return f"{type(error).__name__}: {message}"
