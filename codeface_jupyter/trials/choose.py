"""Which of several answers is shown: the one that most of them agree with, by what they do.

Answers that ran are put into groups of equal outcomes, whatever their code says. What most of
them do is right more often than what the likeliest answer does. An answer that gives nothing, or
does without what the request names, is none while there are others that do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.outcome import Agreement, Alternative, Outcome, PreviewTable
from codeface_jupyter.trials.absent_values import AbsentValue
from codeface_jupyter.trials.checks import NOT_THERE
from codeface_jupyter.trials.copies import ONLY_REPEATS
from codeface_jupyter.trials.filled_values import OverwrittenValues
from codeface_jupyter.trials.kept_names import UNRELATED
from codeface_jupyter.trials.missed_steps import Step
from codeface_jupyter.trials.rewriting import NOT_OFFERED

__all__ = ["EMPTY", "Candidate", "Choice", "choose", "is_decided"]

MAX_ALTERNATIVES = 2
# Values in few words that hold nothing, and cells of tables.
EMPTY = re.compile(r"nan|NaTType|\w+ of (?:0(?: rows? .*)?|[\d,]+ rows? and 0 columns)")
# The type of pandas 3's warning; before, one that only says this word is of what may work.
CHAINED_ASSIGNMENT = "ChainedAssignmentError: "
BLANK = frozenset({"", "<NA>", "NaN", "NaT", "None", "nan"})


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An answer, and what became of it.

    Attributes
    ----------
    result
        The answer.
    outcome
        What its code did; None if there was no code to try.
    unsaid
        Names that the request quotes and the code does not say.
    missed_kind
        The kind of value, or the column one of whose values the request asks for, if the code
        gives another.
    leaves_blank
        Whether it leaves a column without values, or nearly so.
    missed_count
        How many rows it gives where the request asks for another number of them: "5 rows".
    absent
        A text that its code looks for in a column in which no row holds it; None for none.
    overwritten
        Values that it changes besides the missing ones, which alone it was to fill; None for none.
    missed_steps
        What the request asks to be done, such as rounding, of which the code shows no sign.
    is_rejected
        Whether it says or does what an answer did in the place of which another is wanted.
    lacks_tests
        Whether it was to be tests, and checks nothing.
    is_idle
        Whether something was to be done, and its code does nothing by itself.
    fails_after_itself
        Whether it fails only because the cell that it rewrites has been run before: what it
        does in that cell's place is not known.
    """

    result: GenerationResult
    outcome: Outcome | None
    unsaid: tuple[str, ...] = ()
    missed_kind: str = ""
    leaves_blank: bool = False
    missed_count: str = ""
    absent: AbsentValue | None = None
    overwritten: OverwrittenValues | None = None
    missed_steps: tuple[Step, ...] = ()
    is_rejected: bool = False
    lacks_tests: bool = False
    is_idle: bool = False
    fails_after_itself: bool = False

    @property
    def misses(self) -> int:
        """How much it does without of what the request asks for."""
        missed = (self.missed_kind, self.missed_count, self.leaves_blank, self.is_rejected)
        return len(self.unsaid) + sum(map(bool, (*missed, self.absent, self.overwritten)))

    @property
    def is_wanting(self) -> bool:
        """Whether it does without anything of what the request asks for, certain or not."""
        return bool(self.misses or self.missed_steps)

    @property
    def is_an_answer(self) -> bool:
        """Whether its code ran to its end, and is something of what was asked for."""
        has_run = self.outcome is not None and self.outcome.has_run
        return has_run and not self.is_another_thing

    @property
    def is_another_thing(self) -> bool:
        """Whether it is nothing of what was asked for, though it may run."""
        is_other = self.only_repeats or self.is_unrelated or self.lacks_tests or self.is_idle
        return is_other or self.changes_a_copy

    @property
    def changes_a_copy(self) -> bool:
        """Whether pandas says that what its code changes is gone at once."""
        warnings = self.outcome.warnings if self.outcome is not None else ()
        return any(warning.startswith(CHAINED_ASSIGNMENT) for warning in warnings)

    @property
    def is_good(self) -> bool:
        """Whether it is an answer, and the checks find no name in it that does not exist."""
        return self.is_an_answer and not self.names_what_is_not_there

    @property
    def gives_nothing(self) -> bool:
        """Whether its value is empty, or NaN throughout, and it has done nothing besides.

        The same is true of one that leaves no trace at all: ``x.copy().sort()``.
        """
        outcome = self.outcome
        if outcome is None or outcome.printed or outcome.preview.png:
            return False
        if outcome.shows_nothing and not _leaves_a_trace(outcome):
            return outcome.has_run
        # The value may have a name by now. What was there before has been worked on.
        is_all = all(
            change.kind == "new" and change.text == outcome.value for change in outcome.changes
        )
        return is_all and (_is_blank(outcome.preview.table) or bool(EMPTY.fullmatch(outcome.value)))

    @property
    def only_repeats(self) -> bool:
        """Whether its code is a copy of cells."""
        return any(note.startswith(ONLY_REPEATS) for note in self.result.notes)

    @property
    def is_unrelated(self) -> bool:
        """Whether it is to repair a cell that it has little in common with."""
        return UNRELATED in self.result.notes

    @property
    def obstacle(self) -> str:
        """Why it cannot take the place of the cell that it rewrites; empty if it can."""
        return next((note for note in self.result.notes if note.startswith(NOT_OFFERED)), "")

    def agrees_with(self, other: Candidate) -> bool:
        """Whether another answer's code did the same, as far as that is known."""
        if self.outcome is None or other.outcome is None:
            return False
        return self.outcome.does_the_same_as(other.outcome)

    @property
    def is_comparable(self) -> bool:
        """Whether another code that does the same would be known to."""
        return self.outcome is not None and bool(self.outcome.fingerprint)

    @property
    def names_what_is_not_there(self) -> bool:
        """Whether its code names something that does not exist, whether it was reached or not."""
        return any(finding.kind in NOT_THERE for finding in self.result.findings)


def _leaves_a_trace(outcome: Outcome) -> bool:
    return bool(outcome.changes or outcome.defines or outcome.tests or outcome.assertions)


def _is_blank(table: PreviewTable | None) -> bool:
    """Whether a table is NaN throughout; its first rows alone would not tell."""
    if table is None or not table.is_whole:
        return False
    cells = [cell for row in table.rows for cell in row[1:]]
    return bool(cells) and all(cell in BLANK for cell in cells)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The answer that is shown, and the others.

    Attributes
    ----------
    chosen
        The answer.
    agreement
        How many agree with it; None if there was only one, or nobody can tell.
    alternatives
        Answers that do something else, those that most agree with first.
    """

    chosen: Candidate
    agreement: Agreement | None = None
    alternatives: tuple[Alternative, ...] = ()


def choose(candidates: Sequence[Candidate]) -> Choice:
    """Choose among answers to one question; if none ran, the first stays.

    Parameters
    ----------
    candidates
        The likeliest answer, then samples; at least one.
    """
    groups = _groups(candidates)
    if not groups or len(candidates) == 1:
        return Choice(chosen=candidates[0])
    first, *others = groups
    chosen = _best(first)
    alternatives = (
        Alternative(
            code=best.result.code,
            outcome=best.outcome,
            agreeing=_agreeing(best, candidates),
            obstacle=best.obstacle,
        )
        for group in others[:MAX_ALTERNATIVES]
        if (best := _best(group)).outcome is not None
    )
    is_first = chosen is candidates[0]
    agreement = Agreement(
        agreeing=_agreeing(chosen, candidates), tried=len(candidates), is_first=is_first
    )
    return Choice(
        chosen=chosen,
        agreement=None if agreement.is_alone and not chosen.is_comparable else agreement,
        alternatives=tuple(alternatives),
    )


def _agreeing(one: Candidate, candidates: Sequence[Candidate]) -> int:
    """Return how many answers do the same, also those that were put last for what they lack."""
    answers = (other for other in candidates if other.is_an_answer)
    return sum(other is one or other.agrees_with(one) for other in answers)


def is_decided(candidates: Sequence[Candidate], *, remaining: int) -> bool:
    """Whether no further answer can change which group is the largest."""
    groups = _groups(candidates)
    sizes = [len(group) for group in groups]
    # One that says more of what was asked, or gives something, would count for more than these.
    if not groups or groups[0][0].is_wanting or groups[0][0].gives_nothing:
        return False
    runner_up = sizes[1] if len(sizes) > 1 else 0
    return sizes[0] > runner_up + remaining


def _groups(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the answers by what they did: the largest group first, then the earlier.

    Only those that give something, if any does, and of these those that miss the least of what
    the request names. Of a step there may be no sign in code that takes it, so an answer that
    shows one goes before a larger group only if another agrees with it.
    """
    running = [candidate for candidate in candidates if candidate.is_an_answer]
    answers = [candidate for candidate in running if not candidate.gives_nothing] or running
    fewest = min((candidate.misses for candidate in answers), default=0)
    groups: list[list[Candidate]] = []
    for candidate in (one for one in answers if one.misses == fewest):
        group = next((group for group in groups if candidate.agrees_with(group[0])), None)
        if group is None:
            groups.append([candidate])
        else:
            group.append(candidate)
    return sorted(groups, key=lambda group: (_shows_steps(group), len(group)), reverse=True)


def _shows_steps(group: Sequence[Candidate]) -> bool:
    return len(group) > 1 and not any(one.missed_steps for one in group)


def _best(group: Sequence[Candidate]) -> Candidate:
    """Return the answer of a group that can be used, with the fewest findings, and the first."""
    return min(group, key=lambda c: (bool(c.obstacle), len(c.result.findings)))
