"""Steps that a request asks for, and of which a code shows no sign: rounding and sorting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeface_jupyter.syntax import is_deep
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.unsaid_names import NOT_MEANT, without_code

__all__ = ["Step", "missed_steps"]

COUNT = r"(?:\d|an?|one|two|three|four)"
MOST = r"(?:highest|lowest|largest|smallest|biggest|greatest|best|worst|(?:most|least)\s+\w+)"
END = r"(?=\s*(?:$|[.,;:!?)\n]|and\b|with\b|then\b))"
ROUNDED = (
    r"\bround(?:ed)?(?:\s+(?!trips?\b|robin\b)\w+){0,4}?"
    rf"\s+to\s+(?:{COUNT}|the\s+nearest|full|whole)\b"
    rf"|\b{COUNT}\s+(?:decimals?|decimal\s+(?:places?|digits?)){END}"
    rf"|\b{COUNT}\s+digits?\s+(?:after|behind)\s+the\b"
)
MOST_FIRST = (
    rf"\b{MOST}(?:\s+\w+)?\s+first{END}|\bdescending\s+order\b"
    r"|\bfrom\s+(?:high|large|big|most|best|worst)\w*\s+to\b"
)
SORTED = r"\bsort(?:ed)?\s+(?:\w+\s+){0,3}?(?:by|from)\b|\bascending\s+order\b"

ROUNDS = r"round|rint|ceil|floor|trunc|format|quantize|decimals|precision|\bint|//|\.\d"
SORTS = r"sort|nlargest|nsmallest|most_common|value_counts|rank|heap|revers|order.?by|-1"
# What they give is in the order of its keys.
SORTS_BY_KEYS = rf"{SORTS}|groupby|pivot|crosstab|resample|unique|unstack"
INTEGERS = re.compile(r"[Uu]?[Ii]nt\d*")


@dataclass(frozen=True)
class Step:
    """Something that may be asked for.

    Attributes
    ----------
    name
        What it is called where it is asked for.
    not_done
        What a code does that lacks it, as the end of a sentence.
    """

    name: str
    not_done: str

    @property
    def note(self) -> str:
        """A sentence on an answer that lacks it."""
        return f"The request asks for {self.name}; this {self.not_done}."


ROUNDING = Step(name="rounding", not_done="rounds nothing")
SORTING = Step(name="an order", not_done="sorts nothing")
# How requests ask for a step, and what a code has in it that may do it.
SIGNS = tuple(
    (step, re.compile(asked, re.IGNORECASE), re.compile(done))
    for step, asked, done in (
        (ROUNDING, ROUNDED, ROUNDS),
        (SORTING, MOST_FIRST, SORTS),
        (SORTING, SORTED, SORTS_BY_KEYS),
    )
)


def missed_steps(request: str, code: str) -> tuple[Step, ...]:
    """Return the steps that ``request`` asks for and of which ``code`` shows no sign.

    Examples
    --------
    >>> [step.name for step in missed_steps("the mean, rounded to 2 digits", "x.mean()")]
    ['rounding']
    """
    request = without_code(request)
    wanted = [(step, done) for step, asked, done in SIGNS if _asks(request, asked)]
    tree = read_source(code).tree if wanted else None
    if tree is None or is_deep(tree):
        return ()
    words = "\n".join(_words(tree))
    return tuple(dict.fromkeys(step for step, done in wanted if not done.search(words)))


def _asks(request: str, asked: re.Pattern[str]) -> bool:
    return any(not NOT_MEANT.search(request[: m.start()]) for m in asked.finditer(request))


def _words(tree: ast.Module) -> Iterator[str]:
    """Yield what a code does by its words and signs; comments say what is meant to be done."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
                yield word
            case ast.keyword(arg=str() as word):
                yield word
            case ast.FloorDiv():
                yield "//"
            # A format such as ".1f", a query or a type; other words may be names of columns.
            case ast.Constant(value=str() as text):
                if not text.isidentifier() or INTEGERS.fullmatch(text):
                    yield text
            case ast.Slice(step=ast.UnaryOp(op=ast.USub())):
                yield "-1"
