"""A cell that fails, as the user wrote it or with some of its faults mended."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.choose import Candidate
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.trials.failed_statement import failed_statement

__all__ = ["FailingCell"]


@dataclass(frozen=True)
class FailingCell:
    """A cell in Python, and what it failed with; None if it was not run."""

    text: str
    error: ErrorInfo | None

    @classmethod
    def of(cls, ask: Ask) -> FailingCell | None:
        """Return the cell that is to be repaired; None if that is the model's to do."""
        rewrite = ask.sources.rewrite
        # What hidden lines define is not seen, and they stay hidden from a model.
        if rewrite is None or rewrite.language != "python" or rewrite.hidden != ():
            return None
        is_possible = copy_support(tries=ask.settings.tries).is_possible
        return cls(rewrite.text, ask.sources.error) if is_possible else None

    @classmethod
    def tried(cls, candidate: Candidate) -> FailingCell | None:
        """Return a cell that raised an error of its own when it was tried; None otherwise."""
        outcome, code = candidate.outcome, candidate.result.code
        if outcome is None or outcome.ending != "raised" or not outcome.error_line:
            return None
        lines = code.split("\n")[outcome.error_line - 1 :]
        error = ErrorInfo(
            ename=outcome.error_type,
            evalue=outcome.error,
            source=code,
            line=lines[0].strip() if lines else "",
        )
        return cls(code, error)

    @property
    def failed_at(self) -> int | None:
        """The number of the first line of the statement that failed; None if unknown."""
        if self.error is None:
            return None
        tree = read_source(self.text).tree
        statement = failed_statement(tree, self.text, self.error)
        return statement.lineno if statement is not None else None
