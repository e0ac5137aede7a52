"""The answers to one question that have been tried, each with what its code did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codeface_jupyter.context import Cell, ErrorInfo
from codeface_jupyter.generation import Finding, GenerationResult
from codeface_jupyter.outcome import A_FIGURE, Outcome
from codeface_jupyter.prompts import edit_instruction
from codeface_jupyter.session.cell_trials import try_for
from codeface_jupyter.session.pending_answer import PendingAnswer
from codeface_jupyter.trials.absent_values import absent_value
from codeface_jupyter.trials.asked_column import asked_column, gives_a_number
from codeface_jupyter.trials.asked_columns import missing_columns, with_asked_columns
from codeface_jupyter.trials.asked_count import asked_count, count_note, given_instead
from codeface_jupyter.trials.asked_kind import asked_kind, gives_another_kind, kind_note
from codeface_jupyter.trials.asked_layout import with_asked_layout
from codeface_jupyter.trials.blank_columns import leaves_blank
from codeface_jupyter.trials.checks.undefined_names import is_about_name
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.choose import Candidate
from codeface_jupyter.trials.failed_tests import failed_test_note
from codeface_jupyter.trials.filled_values import overwritten_values
from codeface_jupyter.trials.idle_code import IDLE, is_idle
from codeface_jupyter.trials.made_up_columns import made_up_column_note
from codeface_jupyter.trials.missed_names import missed_names
from codeface_jupyter.trials.missed_steps import missed_steps
from codeface_jupyter.trials.missing_modules import asks_for_missing_module
from codeface_jupyter.trials.rejections import SAME_AGAIN, SAME_ANSWER, rejects
from codeface_jupyter.trials.run_tests import checks_something
from codeface_jupyter.trials.substitutes import substitute_note
from codeface_jupyter.trials.text_numbers import is_no_number, with_numbers_read
from codeface_jupyter.trials.timings import without_timings
from codeface_jupyter.trials.unrun_cells import unrun_name, unrun_note
from codeface_jupyter.trials.unsaid_names import in_words, unsaid_note
from codeface_jupyter.trials.unused_variables import unused_variables
from codeface_jupyter.wording import counted

__all__ = ["CHANGES_A_COPY", "LEAVES_BLANK", "TriedAnswers"]

# Its number is after those of all samples.
SECOND = 1_000
LEAVES_BLANK = "A column that this makes is left without values, or nearly so."
CHANGES_A_COPY = "This changes a copy of the data only, which pandas throws away at once."


class TriedAnswers:
    """The answers to one question that have been tried so far.

    Parameters
    ----------
    pending
        The question.

    Attributes
    ----------
    tries
        How many codes have been run for it.
    """

    def __init__(self, pending: PendingAnswer) -> None:
        self.tries = 0
        self._pending = pending
        # By their number, 0 is the first: they end in any order.
        self._tried: dict[int, Candidate] = {}
        self._old: Outcome | None = None

    def __len__(self) -> int:
        return len(self._tried)

    def add(self, number: int, result: GenerationResult) -> None:
        """Try an answer, and count it among those that are compared; 0 is the first."""
        self._tried[number] = self.candidate(result)

    def add_second(self, candidate: Candidate) -> None:
        """Count the better model's answer among those that are compared."""
        self._tried[SECOND] = candidate

    @property
    def first(self) -> Candidate | None:
        """The first answer; None before it has been tried."""
        return self._tried.get(0)

    @property
    def in_order(self) -> list[Candidate]:
        """The answers so far in the order of their numbers, so that a choice can be repeated."""
        return [self._tried[number] for number in sorted(self._tried)]

    def candidate(self, result: GenerationResult) -> Candidate:
        """Try an answer."""
        outcome = self._outcome(result.code) if result.code else None
        wanted = self._wanted
        for step in (self._with_numbers_read, self._with_asked_layout, self._with_asked_columns):
            result, outcome = step(result, outcome) or (result, outcome)
        return Candidate(
            result=result,
            outcome=outcome,
            unsaid=self._unsaid(result.code, outcome),
            missed_kind=self._missed_kind(outcome),
            leaves_blank=leaves_blank(result.code, outcome, request=wanted),
            missed_count=self._missed_count(outcome),
            absent=absent_value(result.code, self._live, request=wanted) if wanted else None,
            overwritten=overwritten_values(outcome, self._live, request=wanted),
            missed_steps=missed_steps(self._said_last, result.code),
            # In another way may be to do the same, but not by the same code.
            is_rejected=SAME_ANSWER in result.notes
            or (self._pending.ask.other_than is None and self._repeats(outcome)),
            lacks_tests=self._lacks_tests(result.code),
            is_idle=self._is_idle(result),
            fails_after_itself=self._fails_after_itself(result.code, outcome),
        )

    def _unsaid(self, code: str, outcome: Outcome | None) -> tuple[str, ...]:
        """Return the names that the request says and a code, or its table, does without."""
        wanted = self._wanted
        if not code or not wanted:
            return ()
        columns = missing_columns(code, outcome, request=wanted, namespace=self._live)
        variables = unused_variables(wanted, code, self._live)
        return tuple(dict.fromkeys((*missed_names(wanted, code), *columns, *variables)))

    def _with_numbers_read(
        self, result: GenerationResult, outcome: Outcome | None
    ) -> tuple[GenerationResult, Outcome | None] | None:
        """Return an answer that reads the numbers in texts that it fails at, and what it does."""
        if outcome is None or len(result.code_blocks) != 1:
            return None
        is_blank = leaves_blank(result.code, outcome, request=self._wanted)
        if not is_blank and not (outcome.ending == "raised" and is_no_number(outcome.error)):
            return None
        read = with_numbers_read(result.code, self._live)
        new = self._outcome(read.code) if read is not None else None
        if read is None or new is None or not new.has_run:
            return None
        if leaves_blank(read.code, new, request=self._wanted):
            return None
        return _with_code(result, read.code, read.note), new

    def _with_asked_layout(
        self, result: GenerationResult, outcome: Outcome | None
    ) -> tuple[GenerationResult, Outcome | None] | None:
        """Return an answer whose table is laid out as it was asked for, and what it does."""
        if len(result.code_blocks) != 1 or not self._wanted:
            return None
        laid_out = with_asked_layout(result.code, outcome, request=self._wanted)
        new = self._outcome(laid_out.code) if laid_out is not None else None
        if laid_out is None or not laid_out.is_given_by(new):
            return None
        return _with_code(result, laid_out.code, laid_out.note), new

    def _with_asked_columns(
        self, result: GenerationResult, outcome: Outcome | None
    ) -> tuple[GenerationResult, Outcome | None] | None:
        """Return an answer whose table has the names that were asked for, and what it does."""
        blocks = result.code_blocks
        if len(blocks) != 1 or not self._wanted:
            return None
        named = with_asked_columns(result.code, outcome, request=self._wanted, namespace=self._live)
        new = self._outcome(named.code) if named is not None else None
        if named is None or not named.are_given_by(new):
            return None
        return _with_code(result, named.code, named.note), new

    def _fails_after_itself(self, code: str, outcome: Outcome | None) -> bool:
        """Whether a new cell raises, at a line of the old one, what that one raises only by now.

        On the copy it runs after the old cell: a column that both drop is gone already, which
        tells nothing about what was changed.
        """
        rewrite = self._pending.ask.sources.rewrite
        if rewrite is None or outcome is None or outcome.ending != "raised":
            return False
        line = _failed_line(outcome, code)
        if not line or line not in _stripped_lines(rewrite.cell.source):
            return False
        before = self._before(rewrite.cell)
        if before is None or not self._raises_only_now(before, rewrite.cell):
            return False
        return (before.error_type, before.error, _failed_line(before, rewrite.cell.source)) == (
            outcome.error_type,
            outcome.error,
            line,
        )

    def _raises_only_now(self, before: Outcome, cell: Cell) -> bool:
        """Whether the old cell did not fail so when it was run: not at all, or in another way."""
        sources = self._pending.ask.sources
        error = sources.error or cell.error
        was_run = cell.was_run and cell.execution_count is not None
        # What is to be repaired has failed, in whatever way.
        if sources.task == "fix" and error is None:
            return False
        return before.ending == "raised" and was_run and not _is_of(error, before, cell.source)

    def _before(self, cell: Cell) -> Outcome | None:
        """Return what the old cell does if it is run again now; None if that is not known."""
        if self._old is None:
            self._old = self._outcome(cell.source)
        return self._old

    def _missed_kind(self, outcome: Outcome | None) -> str:
        """Return the kind of value that is asked for, if a code gives another; empty if not."""
        kind = asked_kind(self._wanted)
        if kind:
            return kind if gives_another_kind(outcome, kind) else ""
        if not gives_a_number(outcome):
            return ""
        return asked_column(self._wanted, self._live)

    def _missed_count(self, outcome: Outcome | None) -> str:
        """Return how many rows a code gives, if another number is asked for; empty if not."""
        asked, rewrite = asked_count(self._said_last), self._pending.ask.sources.rewrite
        before = self._before(rewrite.cell) if asked and rewrite is not None else None
        return given_instead(outcome, asked, before=before)

    def _is_idle(self, result: GenerationResult) -> bool:
        """Whether something was to be done, and a code only says or defines something."""
        wanted, names = self._wanted, self._pending.ask.live_namespace or {}
        is_action = bool(wanted and result.code)
        return is_action and is_idle(result.code, request=wanted, prompt=result.prompt, names=names)

    def _lacks_tests(self, code: str) -> bool:
        """Whether a code was to be tests, and checks nothing."""
        ask = self._pending.ask
        is_for_tests = ask.sources.task == "test" and not ask.is_follow_up
        return is_for_tests and not checks_something(code, tested=ask.tested)

    def awaits_user(self) -> bool:
        """Whether the first answer fails for want of a cell to be run, or a module to be installed.

        Others would fail as well.
        """
        first = self._tried[0]
        if unrun_note(first.outcome, self._pending.ask.sources.cells):
            return True
        has_failed = first.outcome is not None and not first.outcome.has_run
        return has_failed and asks_for_missing_module(self._wanted, first.result.code)

    def fault(self, *, shown: Candidate) -> str:
        """Return what speaks against the first answer, as part of a sentence; empty if nothing.

        Parameters
        ----------
        shown
            What is shown in its place.
        """
        return next(self._faults(shown), "")

    def _faults(self, shown: Candidate) -> Iterator[str]:
        first = self._tried[0]
        if first.outcome is not None and first.outcome.ending == "raised":
            what = f"raises {first.outcome.error_type}" if first.outcome.error_type else "fails"
            yield f"the first one {what}"
        if first.only_repeats:
            yield "the first one repeats the notebook"
        if first.is_unrelated:
            yield "the first one is about something else"
        if first.lacks_tests:
            yield "the first one tests nothing"
        if first.is_idle:
            yield "the first one does nothing by itself"
        if first.changes_a_copy:
            yield "the first one changes a copy only"
        yield from self._misses(first, shown)

    @staticmethod
    def _misses(first: Candidate, shown: Candidate) -> Iterator[str]:
        """Yield what the first answer does without that the one that is shown does not."""
        missed = [name for name in first.unsaid if name not in shown.unsaid]
        if missed:
            yield f"the first one does without {in_words(missed)}"
        if first.missed_kind and not shown.missed_kind:
            yield f"the first one gives no {first.missed_kind}"
        if first.leaves_blank and not shown.leaves_blank:
            yield "the first one leaves a column without values"
        if first.missed_count and not shown.missed_count:
            yield f"the first one gives {first.missed_count}"
        if first.absent and not shown.absent:
            yield f"the first one looks for {code_span(repr(first.absent.text))} in vain"
        if first.overwritten and not shown.overwritten:
            yield "the first one changes values that were not missing"
        for step in first.missed_steps:
            if step not in shown.missed_steps:
                yield f"the first one {step.not_done}"
        if first.is_rejected and not shown.is_rejected:
            yield "the first one does the same as the answer before"

    def findings(self, shown: Candidate) -> tuple[Finding, ...]:
        """Return what does not fit in an answer that is shown, but for what its notes explain."""
        sources = self._pending.ask.sources
        name = unrun_name(shown.outcome, sources.cells)
        findings = shown.result.findings
        if shown.fails_after_itself and sources.rewrite is not None:
            lines = shown.result.code.split("\n")
            kept = _stripped_lines(sources.rewrite.cell.source)
            findings = tuple(f for f in findings if lines[f.line - 1].strip() not in kept)
        return tuple(one for one in findings if not (name and is_about_name(one, name)))

    def notes(self, shown: Candidate) -> Iterator[str]:
        """Yield what there is to say of an answer that is shown; some may be empty."""
        yield self._compared(shown)
        yield self._failed_test(shown)
        if shown.lacks_tests:
            yield "There are no tests in this answer."
        if shown.is_idle:
            yield IDLE
        if shown.changes_a_copy:
            yield CHANGES_A_COPY
        if shown is not (first := self._tried[0]):
            request = self._pending.ask.sources.request
            yield substitute_note(request, failed=first.result, shown=shown.result)
        yield made_up_column_note(self._wanted, shown.result.code, self._live)
        yield unsaid_note(shown.unsaid, code=shown.result.code)
        yield kind_note(shown.outcome, shown.missed_kind)
        yield count_note(shown.missed_count, asked_count(self._said_last))
        yield from (step.note for step in shown.missed_steps)
        if shown.absent is not None:
            yield shown.absent.note
        if shown.overwritten is not None:
            yield shown.overwritten.note
        if shown.leaves_blank:
            yield LEAVES_BLANK
        if self._repeats(shown.outcome) and SAME_ANSWER not in shown.result.notes:
            yield SAME_AGAIN
        yield unrun_note(shown.outcome, self._pending.ask.sources.cells)
        second = self._tried.get(SECOND)
        if second is not None and not shown.is_good:
            yield f"{second.result.identity.model} was asked, too; its answer is no better."

    def in_vain(self, shown: Candidate) -> str:
        """Return a note on samples none of which is better than the first; empty without any."""
        samples = [one for number, one in self._tried.items() if number not in {0, SECOND}]
        if not samples or shown is not self.first:
            return ""
        has_run = any(one.outcome is not None and one.outcome.has_run for one in samples)
        were = "was" if len(samples) == 1 else "were"
        ending = "none is better" if has_run else "none ran"
        return f"{counted(len(samples), 'other answer')} {were} tried; {ending}."

    def _compared(self, shown: Candidate) -> str:
        """Return a note on what an old cell does otherwise than the new one; may be empty."""
        sources, outcome = self._pending.ask.sources, shown.outcome
        if sources.rewrite is None or outcome is None:
            return ""
        is_edited = sources.task == "edit" and outcome.has_run
        if not is_edited and not shown.fails_after_itself:
            return ""
        cell = sources.rewrite.cell
        before = self._before(cell)
        if before is None or before.ending not in {"ran", "raised"}:
            return ""
        if before.ending == "ran":
            return _comparison(before, outcome)
        if self._raises_only_now(before, cell):
            return f"Run again now, the old cell raises {before.error_type}."
        return f"Before the change, the cell raised {before.error_type}."

    def _failed_test(self, shown: Candidate) -> str:
        """Return a note on the first test that failed in another answer; may be empty.

        It may have found a fault, which tests that pass would hide.
        """
        if self._pending.ask.sources.task != "test" or not shown.is_an_answer:
            return ""
        tested = self._pending.ask.tested
        others = (one for one in self.in_order if one is not shown)
        return next((note for one in others if (note := failed_test_note(one, tested=tested))), "")

    def _repeats(self, outcome: Outcome | None) -> bool:
        """Whether a code does what the answer did in the place of which another is wanted.

        What looks different may be what was asked for: other colours, other names of columns.
        """
        before = self._rejected.outcome if self._rejected is not None else None
        if before is None or outcome is None:
            return False
        return outcome.looks_the_same_as(before) or (
            outcome.does_the_same_as(before) and not (_has_looks(outcome) or _has_looks(before))
        )

    @property
    def _rejected(self) -> GenerationResult | None:
        """The answer that the user does not want again; None if there is none."""
        ask = self._pending.ask
        if ask.after is None or ask.after.question is None:
            return ask.other_than
        return ask.after.result if rejects(ask.after.question.text) else None

    @property
    def _live(self) -> dict[str, object]:
        """The notebook's variables: a copy, since the user's cells may go on meanwhile."""
        return dict(self._pending.ask.live_namespace or {})

    @property
    def _wanted(self) -> str:
        """The request for a new cell, in the user's words; empty where it is for another thing."""
        ask = self._pending.ask
        # A question about an answer may be to take out what was asked for before.
        if ask.sources.task != "write" or ask.is_follow_up or ask.after is not None:
            return ""
        filled = ask.sources.filled
        # What stands in a variable's value is not what the user wrote.
        return filled.text_without_values if filled else ask.sources.request

    @property
    def _said_last(self) -> str:
        """What a cell is to do, to be changed in, or to do otherwise, in the user's words."""
        ask = self._pending.ask
        if ask.after is not None:
            return ask.after.question.text if ask.after.question is not None else ""
        if ask.sources.task == "edit" and ask.sources.rewrite is not None:
            return edit_instruction(ask.sources.request, ask.sources.rewrite.text)
        return self._wanted

    def _outcome(self, code: str) -> Outcome | None:
        """Return what a code does; the same code does the same."""
        for candidate in self._tried.values():
            if candidate.outcome is not None and candidate.result.code == code:
                return candidate.outcome
        self.tries += 1
        return try_for(self._pending, code)


def _with_code(result: GenerationResult, code: str, note: str) -> GenerationResult:
    """Return an answer of one block with another code in it, and a note of that."""
    block = replace(result.code_blocks[0], code=code)
    return replace(result, offered_blocks=(block,), notes=(*result.notes, note))


def _has_looks(outcome: Outcome) -> bool:
    """Whether a code gives what may look otherwise although it is the same."""
    is_drawn = bool(outcome.preview.png) or outcome.value == A_FIGURE
    return is_drawn or outcome.preview.table is not None or bool(outcome.appearance)


def _is_of(error: ErrorInfo | None, outcome: Outcome, source: str) -> bool:
    """Whether an error that a cell failed with is the one that it raises again."""
    if error is None or error.ename != outcome.error_type:
        return False
    return not error.line or error.line == _failed_line(outcome, source)


def _failed_line(outcome: Outcome, code: str) -> str:
    """Return the line of a code that raised; empty if it is not known."""
    lines = code.split("\n")
    number = outcome.error_line or 0
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _stripped_lines(source: str) -> frozenset[str]:
    return frozenset(line.strip() for line in source.split("\n"))


def _comparison(before: Outcome, now: Outcome) -> str:
    """Return what a cell gave before it was edited, as far as one would see a difference."""
    if now.looks_the_same_as(before):
        return "The edited cell gives the same as before."
    if now.does_the_same_as(before):
        return _same_data(now)
    if before.value:
        is_news = before.value != now.value
        return f"Before the change, the cell gave {before.value}." if is_news else ""
    printed, printed_now = (without_timings(o.printed).strip() for o in (before, now))
    if not printed or printed == printed_now:
        return ""
    return f"Before the change, the cell printed {code_span(printed)}."


def _same_data(outcome: Outcome) -> str:
    """Return that an edit changed no data, where data are what is shown; else nothing."""
    if outcome.preview.png:
        return "The figure shows the same data as before."
    is_table = outcome.preview.table is not None and not outcome.preview.variable
    return "The table holds the same data as before." if is_table else ""
