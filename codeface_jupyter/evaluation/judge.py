"""Whether an answer's code gives what a notebook's own cell gives, and if not, what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from codeface_jupyter.outcome import Change, Digests, Ending, Outcome
from codeface_jupyter.shorten import in_one_line

__all__ = ["Kind", "Verdict", "difference", "unfit", "verdict"]

Kind = Literal["right", "wrong", "raises", "no code"]

MAX_CHARS = 160
MAX_PART_CHARS = 60
NOTHING = Digests()
UNFIT: dict[Ending, str] = {
    "raised": "its own code raises",
    "refused": "does what a copy may not do, such as writing a file",
    "timed out": "takes longer than the time limit",
    "died": "ends its process",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of an answer, and in one line what is wrong with it; empty if nothing is."""

    kind: Kind
    difference: str = ""


def unfit(first: Outcome, second: Outcome) -> str:
    """Return why a cell cannot be a task, from two runs of it; empty if it can."""
    for outcome in (first, second):
        if not outcome.has_run:
            return UNFIT[outcome.ending]
    digests = first.digests
    if digests is None or replace(digests, is_repeat=False) == NOTHING:
        return "shows no data and changes none"
    if digests.is_repeat:
        return "gives only what is there already"
    return "gives something else each time" if difference(first, second) else ""


def verdict(expected: Outcome, found: Outcome) -> Verdict:
    """Judge what an answer's code did by what the notebook's own code does."""
    if found.ending == "raised":
        return Verdict(kind="raises", difference=_line(f"raises {found.error_type}", found.error))
    if not found.has_run:
        reasons = (*found.refusals, found.error)
        return Verdict(
            kind="wrong", difference=_line(found.ending, "; ".join(filter(None, reasons)))
        )
    differs = difference(expected, found)
    return Verdict(kind="wrong" if differs else "right", difference=differs)


def difference(expected: Outcome, found: Outcome) -> str:
    """Return how a second code differs from a first one, in one line; empty if it is equal.

    A figure is compared by what is drawn, a value by its data, what is printed by its words.
    Code that shows nothing of these is compared by the variables that it changes and makes,
    whatever their names; the other may make more. A value equals the same value printed.
    """
    wanted, given = expected.digests or NOTHING, found.digests or NOTHING
    if wanted.figures:
        return "" if given.figures == wanted.figures else _drawn(given)
    if wanted.value or wanted.printed:
        return "" if _shows_the_same(wanted, given) else _shown(expected, found)
    is_equal = wanted.changed == given.changed and _holds(given.new, wanted.new)
    return "" if is_equal else _changed(expected, found)


def _shows_the_same(wanted: Digests, given: Digests) -> bool:
    if wanted.value:
        # Nothing printed is no blank value.
        is_printed = bool(wanted.value_as_text) and given.printed == wanted.value_as_text
        return is_printed or given.value == wanted.value
    return wanted.printed in {given.printed, given.value_as_text}


def _holds(given: Iterable[str], wanted: Iterable[str]) -> bool:
    return Counter(given) >= Counter(wanted)


def _drawn(given: Digests) -> str:
    return "draws something else" if given.figures else "draws nothing"


def _shown(expected: Outcome, found: Outcome) -> str:
    shown, wanted = _words(found), _words(expected)
    if shown == wanted:
        return f"gives another {wanted}"
    return _line(f"gives {shown or 'nothing'}, not {wanted}")


def _words(outcome: Outcome) -> str:
    """Return what an outcome shows, in few words."""
    if outcome.value:
        return outcome.value
    printed = in_one_line(outcome.printed, max_chars=MAX_PART_CHARS)
    return f"the text {printed!r}" if printed else ""


def _changed(expected: Outcome, found: Outcome) -> str:
    does, wanted = _told(found.changes), _told(expected.changes)
    if does == wanted:
        return _line(f"{does}, with other data than the cell")
    return _line(f"{does}, where the cell {wanted}")


def _told(changes: Iterable[Change]) -> str:
    told = "; ".join(_told_change(change) for change in changes)
    return in_one_line(told or "changes nothing", max_chars=MAX_PART_CHARS)


def _told_change(change: Change) -> str:
    if change.kind == "new":
        return f"makes {change.name} = {change.text}"
    return f"changes {change.name} ({change.text})"


def _line(*parts: str) -> str:
    return in_one_line(": ".join(filter(None, parts)), max_chars=MAX_CHARS)
