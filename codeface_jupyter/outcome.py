"""What a code did when it was tried on a copy of the kernel: plain data, whatever the objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "A_FIGURE",
    "Agreement",
    "Alternative",
    "Change",
    "Digests",
    "Ending",
    "Outcome",
    "Preview",
    "PreviewTable",
    "TriedTest",
]

# The value in few words where something is drawn.
A_FIGURE = "a figure"

Ending = Literal["ran", "raised", "refused", "timed out", "died"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of one of the notebook's variables.

    Attributes
    ----------
    name
        The variable.
    kind
        Whether it is new, has another value, or is gone.
    text
        What happened, in few words of Markdown: "adds column `revenue`".
    """

    name: str
    kind: Literal["new", "changed", "gone"]
    text: str


@dataclass(frozen=True, kw_only=True)
class PreviewTable:
    """The first rows and columns of a table, every cell as text.

    Attributes
    ----------
    header
        The columns' names; the first is that of the row labels.
    rows
        Rows, each as long as ``header``.
    is_whole
        Whether these are all of its rows and columns.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_whole: bool


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the cell would show, as far as it is kept, or else a table that it changes.

    Attributes
    ----------
    variable
        The variable that ``table`` is, where the cell shows nothing.
    text
        The value's own text, if it is no table.
    table
        The value, or the variable.
    png
        A figure, as base64.
    """

    variable: str = ""
    text: str = ""
    table: PreviewTable | None = None
    png: str = ""


@dataclass(frozen=True, kw_only=True)
class TriedTest:
    """What became of a test that an answer has written.

    Attributes
    ----------
    name
        The test's function, or its class and method.
    error
        What it raised, in one line; empty if it passed.
    compared
        What the assertion that failed in it has compared: "double(2) gives 5, not 4"; empty if
        that is not known.
    tests_nothing
        Whether it also passed where what it tests only returned None.
    """

    name: str
    error: str
    compared: str
    tests_nothing: bool


@dataclass(frozen=True, kw_only=True)
class Digests:
    """Digests of each thing that a code gave, to compare two codes by one of them.

    All are empty where there is nothing.

    Attributes
    ----------
    figures
        What is drawn in new figures.
    value, value_as_text
        The value of its last expression, and the same as `print` would write it.
    printed
        What it printed and displayed.
    changed
        The data of variables that were there before and have others now.
    new
        The data of each new variable, in no order.
    is_repeat
        Whether all of that is what a variable held before, under whatever names.
    """

    figures: str = ""
    value: str = ""
    value_as_text: str = ""
    printed: str = ""
    changed: str = ""
    new: tuple[str, ...] = ()
    is_repeat: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a code did on a copy of the kernel.

    Attributes
    ----------
    ending
        Whether it ran to its end, or what kept it from that: an error of its own, something
        that the copy may not do, the time limit, or the end of the copy.
    value
        What its last expression gave, in few words; empty for nothing.
    value_kinds
        The kinds that people ask for by name which that value is of: "DataFrame", "tuple".
    preview
        What there is to look at.
    printed
        What it wrote, cut to a length.
    is_printed_whole
        Whether that is all that it wrote.
    changes
        What became of the notebook's variables.
    warnings
        Its warnings, one line each.
    error, error_type, error_line
        What it raised, in one line, its type's name, and the line of the code, from 1.
    compared
        What the first assertion that failed, in it or in its tests, has compared, where that is
        known: "double(2) gives 5, not 4".
    refusals
        What it would have done that the copy may not do: "write sales.csv".
    tests
        What became of the tests in it, if it was to hold some.
    assertions
        How many assertions stand in it outside functions and classes: all hold if it ran.
    defines
        The functions and classes that it defines.
    seconds, memory_bytes
        How long it ran, and the memory that it took beyond what was in use; None if unknown.
    fingerprint
        The same for two codes that did the same; empty unless it ran, and what it did can be
        compared.
    appearance
        The same only for two codes whose cells look the same, what is drawn aside; empty where
        that is not known.
    digests
        Of each thing that it gave; None unless it ran and they were asked for.
    shows_nothing
        Whether it gave no value, and wrote, displayed and drew nothing.
    """

    ending: Ending
    value: str = ""
    value_kinds: tuple[str, ...] = ()
    preview: Preview = field(default_factory=Preview)
    printed: str = ""
    is_printed_whole: bool = True
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    error_type: str = ""
    error_line: int | None = None
    compared: str = ""
    refusals: tuple[str, ...] = ()
    tests: tuple[TriedTest, ...] = ()
    assertions: int = 0
    defines: tuple[str, ...] = ()
    seconds: float = 0.0
    memory_bytes: int | None = None
    fingerprint: str = ""
    appearance: str = ""
    digests: Digests | None = None
    shows_nothing: bool = False

    @property
    def has_run(self) -> bool:
        """Whether it ran to its end."""
        return self.ending == "ran"

    def does_the_same_as(self, other: Outcome) -> bool:
        """Whether another code is known to have done the same, whatever it looks like."""
        return bool(self.fingerprint) and self.fingerprint == other.fingerprint

    def looks_the_same_as(self, other: Outcome) -> bool:
        """Whether nobody could see a difference to what another code has done."""
        is_undrawn = self.value == A_FIGURE and not self.preview.png
        is_known = bool(self.appearance) and not is_undrawn
        has_same_look = self.appearance == other.appearance and self.preview == other.preview
        return is_known and has_same_look and self.does_the_same_as(other)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How many of the answers that were tried do the same as the one that was chosen.

    Attributes
    ----------
    agreeing, tried
        Those that do the same, the chosen one included, and all of them.
    is_first
        Whether the chosen one is the answer that came first, which is the likeliest.
    """

    agreeing: int
    tried: int
    is_first: bool

    @property
    def is_alone(self) -> bool:
        """Whether several were tried and none does the same: such a one is seldom right."""
        return self.agreeing == 1 < self.tried

    @property
    def in_words(self) -> str:
        """How many agree.

        Examples
        --------
        >>> Agreement(agreeing=5, tried=9, is_first=True).in_words
        '5 of 9 answers agree'
        """
        others = self.tried - 1
        if self.is_alone and others == 1:
            return "the other answer does not agree"
        if self.is_alone:
            return f"none of the other {others} answers agrees"
        return f"{self.agreeing} of {self.tried} answers agree"


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another answer that ran and does something else.

    Attributes
    ----------
    code
        Its code.
    outcome
        What it did.
    agreeing
        How many of the answers do the same.
    obstacle
        Why it cannot take the place of the cell that it rewrites; empty if it can.
    """

    code: str
    outcome: Outcome
    agreeing: int
    obstacle: str = ""
