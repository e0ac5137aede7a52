"""A failed cell with another name in the place of one that does not exist.

Where an error names an attribute, a column or a parameter that is not there, a model need not
write the cell again. Names that are there take the place of that one, each such cell is tried on
a copy, and of those that run the model chooses one, by filling the gap where the name stands.
That takes few tokens, and keeps the rest of the cell as it is.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.engines.base import InfillEngine
from codeface_jupyter.generation import GenerationMetrics
from codeface_jupyter.infilling import InfillPrompt, InfillRequest, NextName
from codeface_jupyter.jobs import Cancelled
from codeface_jupyter.session.cell_trials import CellTrials
from codeface_jupyter.session.failing_cell import FailingCell
from codeface_jupyter.session.mending import runs_as_meant
from codeface_jupyter.trials.alike_names import most_alike
from codeface_jupyter.trials.checks import Replaced
from codeface_jupyter.trials.choose import Candidate
from codeface_jupyter.trials.misnamed import Misnamed, likeness, may_be_meant, misnamed
from codeface_jupyter.trials.naming import KnownNames

__all__ = ["Renaming", "misnamed_in"]

logger = logging.getLogger(__name__)

MAX_NAME_TOKENS = 24
# Each name that is tried takes as long as the cell.
LONGEST_S = 10.0
# Chosen by measurement: benchmarks/RESULTS.md.
LIKELY_NAMES, NEAR_NAMES = 3, 5
# How likely a method or a parameter that has little in common with the one that failed has to be
# among all that are there and let the cell run, how many times as likely as the next, and how many
# have to be there: what is likely is shared out among them.
MIN_LIKELIHOOD, TIMES_THE_NEXT, MIN_NAMES = 0.8, 4, 6
NAME = re.compile(r"\w+")


def misnamed_in(cell: FailingCell) -> Misnamed | None:
    """Return the name that a cell failed at, if another may take its place."""
    return misnamed(cell.text, cell.error) if cell.error is not None else None


@dataclass(frozen=True)
class _Named:
    """The cell with another name, and what it did."""

    name: str
    candidate: Candidate
    runs: bool

    def does_the_same_as(self, other: _Named) -> bool:
        return self.runs and other.runs and self.candidate.agrees_with(other.candidate)


class Renaming:
    """Looks for the name that is meant.

    Parameters
    ----------
    cell
        The cell that failed.
    place
        What `misnamed_in` has found in it.
    engine
        What fills gaps; its model is in memory.
    trials
        Tries the cell with other names.
    """

    def __init__(
        self, cell: FailingCell, place: Misnamed, *, engine: InfillEngine, trials: CellTrials
    ) -> None:
        self._cell = cell
        self._place = place
        self._engine = engine
        self._trials = trials
        self._prompt = _prompt(cell.text, place, cell.error)
        self._among_all: dict[str, float] = {}
        # What is left of all that is likely, but for names that do not let the cell run.
        self._left = 1.0
        self._there: frozenset[str] = frozenset()

    def run(self) -> Candidate | FailingCell | None:
        """Return the cell with the name that is meant, as `mended` does.

        None if no name lets it run or at least get further, or it is not clear which is meant.
        """
        self._trials.pending.job.progress("Looking for the name that is meant")
        try:
            found = list(self._usable(until_s=time.perf_counter() + LONGEST_S))
            chosen = self._chosen([one for one in found if one.runs] or found)
        except Cancelled:
            raise
        except Exception:
            # Whatever an engine raises: the model can write the cell anew.
            logger.debug("No name could be filled in.", exc_info=True)
            return None
        if chosen is None:
            return None
        if chosen.runs:
            return chosen.candidate
        self._trials.notes += (self._note(chosen.name),)
        return FailingCell.tried(chosen.candidate)

    def _note(self, name: str) -> str:
        line = self._cell.text.count("\n", 0, self._place.start) + 1
        return Replaced(self._place.name, name, line).note

    def _usable(self, *, until_s: float) -> Iterator[_Named]:
        """Yield the cell with each name that helps, as long as there is time for more."""
        for name in self._candidates():
            named = self._tried(name)
            if named is not None:
                yield named
            else:
                self._left -= self._among_all.pop(name, 0.0)
            if time.perf_counter() > until_s:
                return

    def _candidates(self) -> Iterator[str]:
        """Yield names that may be meant: those that the model holds likely, then similar ones."""
        options, left = self._options(), 1.0
        self._there = options
        for _ in range(min(LIKELY_NAMES, len(options))):
            name, likelihood = self._filled(options)
            # A long one may be cut off.
            if name not in options:
                break
            self._among_all[name] = left * likelihood
            left *= 1 - likelihood
            options -= {name}
            yield name
        yield from most_alike(self._place.name, options, count=NEAR_NAMES)

    def _options(self) -> frozenset[str]:
        """Return the names that are there; empty if nothing tells."""
        names = KnownNames(dict(self._trials.pending.ask.live_namespace or {}))
        text, start, begin = self._cell.text, self._place.start, self._place.statement_start
        # At the beginning of a statement a column may be one that is made; in brackets none is.
        in_brackets = f"{text[:begin]}({text[begin:start]}"
        known = names.at_end_of(text[:start]) or names.at_end_of(in_brackets)
        found = self._listed_on_copy() if known is None else known.options
        return found - {self._place.name}

    def _listed_on_copy(self) -> frozenset[str]:
        """Return the names that are there once the cell has run up to its failure."""
        names: set[str] = set()
        for code in self._place.listings:
            outcome = self._trials.outcome(code)
            # Of a list that is cut, the last name may be half of one.
            if outcome is None or not (outcome.has_run and outcome.is_printed_whole):
                return frozenset()
            names.update(outcome.printed.split())
        return frozenset(filter(str.isidentifier, names))

    def _tried(self, name: str) -> _Named | None:
        """Return the cell with a name, if it runs or fails further on."""
        code = self._place.renamed(self._cell.text, name)
        candidate = self._trials.tried(code, notes=(self._note(name),))
        if runs_as_meant(candidate):
            return _Named(name, candidate, runs=True)
        is_further = self._is_further(FailingCell.tried(candidate))
        return _Named(name, candidate, runs=False) if is_further else None

    def _is_further(self, failing: FailingCell | None) -> bool:
        """Whether a cell fails below the name, or at another one to the right of it."""
        if failing is None or failing.failed_at is None or self._cell.failed_at is None:
            return False
        if failing.failed_at != self._cell.failed_at:
            return failing.failed_at > self._cell.failed_at
        place = misnamed_in(failing)
        return place is not None and place.start > self._place.start

    def _chosen(self, usable: Sequence[_Named]) -> _Named | None:
        """Return the cell with the likeliest name; None if hardly that can be meant."""
        different: list[_Named] = []
        for named in usable:
            # Two names of one thing share what is likely.
            if not any(named.does_the_same_as(other) for other in different):
                different.append(named)
        names = frozenset(named.name for named in different)
        name, _ = self._filled(names) if names else ("", 0.0)
        chosen = next((named for named in different if named.name == name), None)
        return chosen if chosen is not None and self._is_meant(name) else None

    def _is_meant(self, name: str) -> bool:
        """Whether a name is alike, and the only one of the columns that is, or nearly certain."""
        if not may_be_meant(self._place, name, self._cell.text):
            return False
        if found := likeness(self._place, name):
            rivals = [likeness(self._place, other) for other in self._there - {name}]
            is_rivalled = found in rivals and bool(self._place.quote)
            return not is_rivalled and found >= max(rivals, default=0)
        own = self._among_all.get(name, 0.0)
        others = (likely for other, likely in self._among_all.items() if other != name)
        is_likely = own >= max(
            MIN_LIKELIHOOD * self._left, TIMES_THE_NEXT * max(others, default=0.0)
        )
        return is_likely and not self._place.quote and len(self._there) >= MIN_NAMES

    def _filled(self, names: frozenset[str]) -> tuple[str, float]:
        """Return the one of ``names`` that fills the gap, and how likely it is among them."""
        guide = _OneOf(names, quote=self._place.quote)
        request = InfillRequest(prompt=self._prompt, guide=guide, max_new_tokens=MAX_NAME_TOKENS)
        filled = self._engine.infill(request, self._trials.pending.job.part())
        self._trials.cost = _sum(self._trials.cost, filled.metrics)
        return guide.name_in(filled.text), filled.likelihood


def _prompt(text: str, place: Misnamed, error: ErrorInfo | None) -> InfillPrompt:
    """Return the cell with a gap in the place of the name, below what it was and its error."""
    end = text.find("\n", place.end)
    failed = text[place.statement_start : end if end >= 0 else len(text)]
    said = f"{failed}\n{error.ename}: {error.evalue}" if error is not None else failed
    comment = "".join(f"# {line}\n" for line in said.splitlines())
    above = text[: place.statement_start]
    return InfillPrompt(
        prefix=f"{above}{comment}{text[place.statement_start : place.start]}",
        suffix=text[place.end :],
    )


class _OneOf:
    """Lets one name of several come.

    Parameters
    ----------
    names
        The names.
    quote
        What closes the string that the name is; empty if it is an identifier.
    """

    def __init__(self, names: frozenset[str], *, quote: str) -> None:
        self._names, self._quote = names, quote

    def next_name(self, text: str) -> NextName | None:
        """Return the names that begin with a text; None if none does."""
        options = frozenset(name for name in self._names if name.startswith(text))
        return NextName(options=options, typed=text, closing=self._quote) if options else None

    def is_complete(self, text: str) -> bool:
        """Whether the name is at its end."""
        return self.name_in(text) != text

    def name_in(self, text: str) -> str:
        """Return the name that a text begins with."""
        if self._quote:
            return text.partition(self._quote)[0]
        match = NAME.match(text)
        return match[0] if match else ""


def _sum(one: GenerationMetrics, other: GenerationMetrics) -> GenerationMetrics:
    return replace(
        other,
        prompt_tokens=max(one.prompt_tokens, other.prompt_tokens),
        generated_tokens=one.generated_tokens + other.generated_tokens,
        time_to_first_token_s=one.time_to_first_token_s + other.time_to_first_token_s,
        decode_s=one.decode_s + other.decode_s,
    )
