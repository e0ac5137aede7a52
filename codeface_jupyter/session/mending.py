"""A failed cell without a slip in it, such as a mistyped name, which asks no model."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import islice

from codeface_jupyter.context.cells import defined_names, used_names
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.cell_trials import CellTrials
from codeface_jupyter.session.failing_cell import FailingCell
from codeface_jupyter.trials.checks import NOT_THERE, Replaced, with_names_that_exist
from codeface_jupyter.trials.checks.wording import code_span
from codeface_jupyter.trials.choose import EMPTY, Candidate
from codeface_jupyter.trials.rename_request import RenameRequest
from codeface_jupyter.trials.slips import Mended, without_slip
from codeface_jupyter.trials.text_numbers import is_no_number, with_numbers_read

__all__ = ["mended", "runs_as_meant"]

WORD = re.compile(r"\w+")
# Each takes as long as the cell.
MAX_TRIES = 4
# What the checks find in a code that would fail for certain.
FAILS = NOT_THERE | {"bad_call"}
LONGEST_S = 4.0


def mended(cell: FailingCell, trials: CellTrials) -> Candidate | FailingCell | None:
    """Return a cell without a slip: as an answer if it runs, else with what it fails at then.

    None if there was no slip in it. One that runs is preferred.
    """
    begin, failing = time.perf_counter(), None
    for one in islice(_mended(cell, trials.pending.ask), MAX_TRIES):
        trials.pending.job.progress("Trying the cell without the slip in it")
        candidate = _tried(one, trials)
        if one.others:
            return _only_one(candidate, one, trials)
        if candidate is not None and runs_as_meant(candidate):
            if one.leaves_out and _has_nothing_left(candidate):
                continue
            return candidate
        further = _further(cell, candidate, is_certain=bool(one.proof))
        if failing is None and further is not None:
            failing = further
            trials.notes += one.notes
        if time.perf_counter() - begin > LONGEST_S:
            break
    return failing


def runs_as_meant(candidate: Candidate) -> bool:
    """Whether a cell ran, and the checks find nothing in it that fails for certain elsewhere."""
    fails = any(finding.kind in FAILS for finding in candidate.result.findings)
    return candidate.is_an_answer and not candidate.obstacle and not fails


def _has_nothing_left(candidate: Candidate) -> bool:
    """Whether what a cell gives, or makes, is empty."""
    changes = candidate.outcome.changes if candidate.outcome is not None else ()
    return candidate.gives_nothing or any(EMPTY.fullmatch(change.text) for change in changes)


def _tried(one: Mended, trials: CellTrials) -> Candidate | None:
    """Try a cell; None if there was no such slip in it."""
    if one.proof:
        proven = trials.outcome(one.proof)
        if proven is None or not proven.has_run:
            return None
    return trials.tried(one.code, notes=one.notes)


def _only_one(first: Candidate | None, one: Mended, trials: CellTrials) -> Candidate | None:
    """Return what a cell may have been meant to be if all else that runs does the same."""
    tried = [first, *(trials.tried(code, notes=one.notes) for code in one.others)]
    running = [candidate for candidate in tried if candidate and runs_as_meant(candidate)]
    if all(candidate.agrees_with(running[0]) for candidate in running[1:]):
        return next(iter(running), None)
    return None


def _further(
    cell: FailingCell, candidate: Candidate | None, *, is_certain: bool
) -> FailingCell | None:
    """Return a cell that fails at something else than before; None if it does not.

    What is certain to have been a slip may stand there once more.
    """
    failing = FailingCell.tried(candidate) if candidate is not None else None
    if failing is None or failing.error is None or cell.error is None:
        return None
    said = {(error.ename, error.evalue) for error in (failing.error, cell.error)}
    return failing if is_certain or len(said) > 1 else None


def _mended(cell: FailingCell, ask: Ask) -> Iterator[Mended]:
    """Yield the cell without what may be a slip in it."""
    named = _with_names_that_exist(cell.text, ask)
    if named is not None:
        yield named
    elif cell.error is not None:
        yield from without_slip(cell.text, cell.error)
        if is_no_number(cell.error.evalue):
            yield from _with_numbers_read(cell.text, ask)


def _with_numbers_read(text: str, ask: Ask) -> Iterator[Mended]:
    """Yield the cell with the numbers read that stand in texts of a column."""
    read = with_numbers_read(text, dict(ask.live_namespace or {}))
    if read is not None:
        yield Mended(read.code, notes=(read.note,))


def _with_names_that_exist(text: str, ask: Ask) -> Mended | None:
    """Return a cell with names that exist; None if that is not all, or not certain."""
    namespace = ask.live_namespace
    if namespace is None:
        return None
    # A name that seems to be missing may be one that a cell makes once it is run.
    waiting = [cell.source for cell in ask.sources.cells if not cell.was_run]
    names = set(WORD.findall(text))
    if any(not names.isdisjoint(defined_names(source)) for source in waiting):
        return None
    # A copy: the user's cells may go on meanwhile.
    found = with_names_that_exist(text, dict(namespace))
    if found is None:
        return None
    code, replaced = found
    notes = []
    for one in replaced:
        made = _made_as_read(code, one, ask) if one.other in defined_names(text) else None
        code, note = made or (code, one.note)
        notes.append(note)
    return Mended(code, notes=tuple(dict.fromkeys(notes)))


def _made_as_read(code: str, one: Replaced, ask: Ask) -> tuple[str, str] | None:
    """Return a cell that gives a variable the name that cells below read, and a note.

    None if none of them reads it: the slip may be where it is made, or where it is read.
    """
    below = [used_names(cell.source) for cell in ask.sources.cells if cell.is_below]
    is_read, was_right = (any(n in names for names in below) for n in (one.name, one.other))
    renamed = RenameRequest(old=one.other, new=one.name).renamed(code)
    if not is_read or was_right or renamed is None:
        return None
    name, other = code_span(one.name), code_span(one.other)
    return renamed, f"{name} stands in the place of {other}, since cells below read {name}."
