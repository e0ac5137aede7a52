"""The best model that runs well here, of those that are recommended, and why it is that one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeface_jupyter.models.catalog import ModelEntry, RightAnswers
from codeface_jupyter.models.speed import Rates
from codeface_jupyter.models.storage import format_bytes

__all__ = ["LARGEST_SHARE", "Candidate", "ModelChoice", "choose", "describe_right_answers"]

# The rest of the free memory is left to the user's data.
LARGEST_SHARE = 0.5
# What nobody has asked for by name is not fetched if it is larger.
LARGEST_FETCH_BYTES = 4_000_000_000
# Where the first answer has failed, a better one is worth this wait.
LONGEST_SECOND_ANSWER_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A recommended model, as it would run here.

    Attributes
    ----------
    entry
        The model.
    is_here
        Whether its files are on this machine.
    needed_bytes, free_bytes
        The memory that it takes, and what is free of that kind of memory.
    rates
        How fast it answers; None where that is not known before it was tried.
    may_be_slow
        Whether an unknown speed counts as too slow: not on a GPU, which reads half of its own
        memory some twenty times a second.
    reads_ahead
        Whether questions are read while they are typed.
    """

    entry: ModelEntry
    is_here: bool
    needed_bytes: int
    free_bytes: int
    rates: Rates | None = None
    may_be_slow: bool = True
    reads_ahead: bool = False

    @property
    def fits(self) -> bool:
        """Whether it leaves room for the user's data."""
        return self.needed_bytes <= LARGEST_SHARE * self.free_bytes

    def may_come_second(self, first: Candidate) -> bool:
        """Whether it can be asked where an answer of ``first`` fails, with both in memory."""
        fits = self.needed_bytes + first.needed_bytes <= LARGEST_SHARE * self.free_bytes
        # Of an unknown speed are GPUs, beside which nothing is tried.
        is_soon = self.rates is not None and self.rates.answer_s <= LONGEST_SECOND_ANSWER_S
        return fits and is_soon

    @property
    def is_fast(self) -> bool:
        """Whether a user need not wait for it."""
        if self.rates is None:
            return not self.may_be_slow
        return self.rates.is_fast(reads_ahead=self.reads_ahead)

    @property
    def runs_well(self) -> bool:
        """Whether it fits and is fast."""
        return self.fits and self.is_fast

    @property
    def is_at_hand(self) -> bool:
        """Whether it is here, or small enough to be fetched unasked."""
        return self.is_here or self.entry.download_bytes <= LARGEST_FETCH_BYTES

    def describe(self) -> str:
        """Return how often it is right and how fast it is, in a few words."""
        facts = describe_right_answers(self.entry.right_answers), self.describe_rates()
        return ", ".join(filter(None, facts))

    def describe_rates(self, *, where: str = " here") -> str:
        """Return how fast it is here, in a few words; empty if that is not known."""
        rates = self.rates
        if rates is None:
            return ""
        about = "" if rates.is_measured else "about "
        first_token_s = rates.first_token_s(reads_ahead=self.reads_ahead)
        return (
            f"first token{where} after {about}{first_token_s:.1f} s, "
            f"then {about}{rates.decode_tokens_per_s:.0f} tokens/s"
        )


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """What ``model = "auto"`` comes to.

    Attributes
    ----------
    taken
        The model that answers.
    wanted
        The one that was chosen; another than ``taken`` while its files are not here.
    second
        The best one that can be asked where an answer of ``taken`` fails, if there is one.
    better, faster
        The next ones in either direction, if there are any.
    ahead
        What would be chosen where questions are read while they are typed, if it is another.
    """

    taken: Candidate
    wanted: Candidate
    second: Candidate | None = None
    better: Candidate | None = None
    faster: Candidate | None = None
    ahead: Candidate | None = None

    @property
    def name(self) -> str:
        """The name of the model that answers."""
        return self.taken.entry.name

    def describe(self, *, asks_second: bool = False) -> str:
        """Return the choice, its reason, and the next better and faster model in one line.

        Parameters
        ----------
        asks_second
            Whether answers are tried here, and another model asked where they fail.
        """
        return " ".join(self._sentences(asks_second=asks_second))

    def _sentences(self, *, asks_second: bool) -> Iterator[str]:
        taken, wanted = self.taken, self.wanted
        yield f"auto uses {self.name}: {taken.describe()}."
        if wanted is not taken:
            name, size = wanted.entry.name, format_bytes(wanted.entry.download_bytes)
            yield (
                f"Better, and fast enough here: {name} ({wanted.describe()}); "
                f"`codeface pull {name}` fetches it ({size})."
            )
        elif not taken.is_here:
            size = format_bytes(taken.entry.download_bytes)
            yield f"It is not on this machine yet and has to be fetched ({size})."
        if self.better is not None:
            yield self._better_sentence(self.better, may_come_second=asks_second)
        if self.second is not None and asks_second:
            yield f"Where its answer fails, {self.second.entry.name} is asked."
        if self.ahead is not None:
            yield f"In JupyterLab, where questions are read while you type: {_to_get(self.ahead)}."
        if self.faster is not None:
            yield f"Faster: {self.faster.entry.name} ({self.faster.describe()})."
        if taken.reads_ahead and taken.rates is not None:
            yield "These times assume that questions are read while you type."

    def _better_sentence(self, better: Candidate, *, may_come_second: bool) -> str:
        """Return why the next better model does not answer, and what it may be fetched for."""
        name, right = better.entry.name, describe_right_answers(better.entry.right_answers)
        size = format_bytes(better.entry.download_bytes)
        said = f"A better model is {name}" + (f" ({right})" if right else "")
        why_not = _why_not(better)
        if not why_not:
            return f"{said}; `codeface pull {name}` fetches it ({size})."
        is_wanted = may_come_second and better.may_come_second(self.taken)
        if better.is_here or better.is_fast or not is_wanted:
            return f"{said}, but {why_not}."
        return (
            f"{said}, but {why_not}. "
            f"`codeface pull {name}` fetches it ({size}), to be asked where an answer fails."
        )


def choose(candidates: Sequence[Candidate]) -> ModelChoice:
    """Return the best candidate that runs well here, and what answers until it is here.

    Where none runs well, it is the one with the least to read.
    """
    ranked = sorted(candidates, key=_rightness)
    smallest = min(ranked, key=lambda one: one.entry.parameters)
    able = [one for one in ranked if one.runs_well and one.is_at_hand]
    wanted = able[-1] if able else smallest
    here = [one for one in ranked[: ranked.index(wanted)] if one.is_here and one.runs_well]
    taken = here[-1] if here and not wanted.is_here else wanted
    better = ranked[ranked.index(wanted) + 1 :]
    faster = ranked[: ranked.index(taken)]
    beyond = ranked[ranked.index(taken) + 1 :]
    seconds = [one for one in beyond if one.is_here and one.may_come_second(taken)]
    return ModelChoice(
        taken=taken,
        wanted=wanted,
        second=seconds[-1] if seconds else None,
        better=better[0] if better else None,
        faster=faster[-1] if faster else None,
    )


def _rightness(candidate: Candidate) -> float:
    # The publishers' figures are there for all of them; a test compares the measured order.
    return candidate.entry.right_answers.published or 0.0


def _to_get(candidate: Candidate) -> str:
    name, size = candidate.entry.name, format_bytes(candidate.entry.download_bytes)
    return name if candidate.is_here else f"{name} (`codeface pull {name}` fetches it, {size})"


def _why_not(candidate: Candidate) -> str:
    """Return what speaks against a model here, as part of a sentence; empty if nothing does."""
    if not candidate.fits:
        share = format_bytes(LARGEST_SHARE * candidate.free_bytes)
        needed = format_bytes(candidate.needed_bytes)
        return f"it needs {needed} of memory, and half of what is free is {share}"
    if candidate.is_fast:
        return ""
    if not candidate.describe_rates():
        return "its speed here is not known"
    return f"it is slow here: {candidate.describe_rates(where='')}"


def describe_right_answers(known: RightAnswers) -> str:
    """Return how often a model is right, in a few words; empty if that is not known."""
    if known.measured is not None:
        return f"right in {known.measured}% of notebook tasks"
    if known.published is not None:
        return f"HumanEval {known.published:.0f}% by its publisher"
    return ""
