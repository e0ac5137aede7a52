"""What came of a batch: a table of all answers, and each of them whole, folded."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.generation import GenerationMetrics
from codeface_jupyter.session.events import BatchItem
from codeface_jupyter.view.findings import remarks
from codeface_jupyter.view.outcomes import outcome_markdown, outcome_words
from codeface_jupyter.view.rendering import answer_markdown, describe_result
from codeface_jupyter.view.safe_markdown import literal_anywhere
from codeface_jupyter.view.tables import Table
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.well_formed import well_formed
from codeface_jupyter.wording import counted

__all__ = ["BatchReport", "batch_table"]

CELL_CHARS = 48
END_CHARS = 80


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
    format
        The setting of that name.
    """

    items: Sequence[BatchItem]
    elapsed_s: float
    kept_as: str = ""
    format: str = "auto"

    def __str__(self) -> str:
        table = str(batch_table(self.items, elapsed_s=self.elapsed_s))
        more = f", {self.kept_as}[1].code …" if len(self.items) > 1 else "."
        whole = f"The whole code is in {self.kept_as}[0].code{more}"
        return f"{table}\n\n{whole}" if self.kept_as else table

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        table = batch_table(self.items, elapsed_s=self.elapsed_s).to_markdown()
        answers = (self._folded(number, item) for number, item in enumerate(self.items))
        shown = answers if self.kept_as else ()
        return {
            "text/markdown": well_formed("\n\n".join((table, *shown))),
            "text/plain": terminal_text(str(self)),
        }

    def _folded(self, number: int, item: BatchItem) -> str:
        """Return an answer as Markdown below its request, to be unfolded."""
        title = _shortened(item.request)
        parts = (
            "" if title == item.request else f"> {literal_anywhere(item.request)}",
            literal_anywhere(_error_words(item.error)) if item.error else "",
            answer_markdown(item.result, format=self.format).strip("\n"),
            outcome_markdown(item.result),
            remarks(item.result, is_markdown=True),
            "" if item.error else f"<sub>{literal_anywhere(describe_result(item.result))}</sub>",
        )
        summary = f"<summary>{number}: {literal_anywhere(title)}</summary>"
        return "\n\n".join((f"<details>{summary}", *filter(None, parts), "</details>"))


def batch_table(items: Sequence[BatchItem], *, elapsed_s: float) -> Table:
    """Return a table of a batch: each request, its answer's start, what came of it, its end."""
    columns = {
        "": [str(number) for number, _ in enumerate(items)],
        "request": [_shortened(item.request) for item in items],
        "code": [_shortened(item.code or item.text) for item in items],
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
    rate = f", {tokens / answering_s:,.1f} tokens/s" if tokens and answering_s > 0 else ""
    title = f"{answered} of {len(items)} requests answered in {elapsed_s:,.1f} s{rate}"
    return Table(title, tuple(columns), list(zip(*columns.values(), strict=True)))


def _tokens(metrics: GenerationMetrics) -> str:
    return f"{metrics.prompt_tokens:,} + {metrics.generated_tokens:,}"


def _shortened(text: str) -> str:
    return textwrap.shorten(text, CELL_CHARS, placeholder=" …")


def _end(item: BatchItem) -> str:
    """Return how an answer ended, and what else is to be said of it, in a few words."""
    if item.error is not None:
        return textwrap.shorten(_error_words(item.error), END_CHARS, placeholder=" …")
    endings = {"stop": "done", "length": "cut off", "cancelled": "stopped early"}
    replayed = "replayed" if item.result.metrics.from_response_cache else ""
    findings = counted(len(item.findings), "finding") if item.findings else ""
    notes = counted(len(item.notes), "note") if item.notes else ""
    ending = endings.get(item.finish_reason, item.finish_reason)
    return ", ".join(filter(None, (ending, replayed, findings, notes)))


def _error_words(error: Exception) -> str:
    message = error.message if isinstance(error, CodeFaceError) else str(error)
    return f"{type(error).__name__}: {message}"
