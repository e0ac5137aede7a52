"""Steps that a request asks for, and of which a code shows no sign, such as rounding."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeface_jupyter.syntax import is_deep, unparsed
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.unsaid_names import MAX_REQUEST_CHARS, is_not_meant, without_code

__all__ = ["Step", "missed_steps"]

COUNT = r"(?:\d|one|two|three|four)"
PLACES = r"(?:decimals?|decimal\s+(?:places?|digits?)|digits?|places?)"
MOST = r"(?:highest|lowest|largest|smallest|biggest|greatest|best|worst|(?:most|least)\s+\w+)"
# Where a wish begins that is added to another, and where it ends.
ADDED = r"(?:^|[,;:(.\n]|\band\b)\s*"
END = r"(?=\s*(?:$|[.,;:!?)\n]|and\b))"
ROUNDED = (
    rf"{ADDED}round(?:ed)?(?:\s+(?!trips?\b)\w+){{0,3}}?\s+to\s+(?:{COUNT}|the\s+nearest|whole)\b"
    rf"|\brounded\s+to\s+{COUNT}\s+{PLACES}\b|(?:[,;(]|\bto)\s*{COUNT}\s+{PLACES}{END}"
)
DESCENDING = (
    r"(?:[,;(]\s*(?:in\s+)?|\bsort(?:ed)?\s+(?:\w+\s+)?(?:in\s+)?)descending(?:\s+order)?"
    rf"{END}"
)
LARGEST_FIRST = re.compile(
    r"[,;(.?]\s*(?:highest|largest|biggest|greatest|most\s+\w+)"
    rf"(?:\s+\w+)?\s+first{END}|{DESCENDING}",
    re.IGNORECASE,
)
MOST_FIRST = rf"[,;(.?]\s*{MOST}(?:\s+\w+)?\s+first{END}|{DESCENDING}"
SORTED = (
    rf"[,;(]\s*(?:and\s+)?sorted\s+by\b|[,;(]\s*(?:in\s+)?ascending(?:\s+order)?{END}"
    rf"|\bsort(?:ed)?\s+(?:in\s+)?ascending(?:\s+order)?{END}"
)
CUMULATED = r"\brunning\s+(?:totals?|sums?|counts?)\b|\bcumulative\b"
CORRELATED = r"\bcorrelations?\b"
MADE = r"\b(?:convert|change|make|put|turn|write)\w*\b"
INTO = rf"{MADE}[^.;\n]{{0,60}}?\s(?:(?:in|to|into)\s+)?(?:all\s+)?"
LOWERED = rf"{INTO}lower\s?-?case\b"
RAISED = rf"{INTO}upper\s?-?case\b"
TITLED = rf"{INTO}title\s?-?case\b"
DATED = r"\b(?:convert|turn|parse)\w*\b[^.;\n]{0,60}?\s(?:in)?to\s+(?:a\s+)?date\s?times?\b"
SUMMED = re.compile(r"\b(?:totals?|sums?|numbers?\s+of|counts?|how\s+many)\b", re.IGNORECASE)
AVERAGED = re.compile(r"\b(?:averages?|means?|medians?)\b", re.IGNORECASE)
# It may be told of the data, be what is to be found out, or be made from scratch.
NO_WISH = re.compile(
    r"\b(?:already|algorithm|check|given|if|implement|scratch|test|validate|whether)\b",
    re.IGNORECASE,
)

ROUNDS = (
    r"round|rint|ceil|floor|trunc|format|quantize|decimals|precision|\bint|//|\.\d|%\d*[defg]|hour|resample"
    r"|normalize|\bdate\b|to_period"
)
SORTS = (
    r"sort|order|nlargest|nsmallest|most_common|value_counts|rank|heap|revers|flip|top_k|queue"
    r"|descending|ascending|range|svd|eigh|eigvalsh|explained_variance|-1"
)
# Sorts the smallest first, if it is not told otherwise; a key may be negative.
SORTS_UP = re.compile(r"\bsort_values\b|\bsort_index\b|\bsorted\b|\bsort\b")
SORTS_DOWN = re.compile(
    r"ascending=(?!True|1\b|\[True(?:, True)*\])|nlargest|most_common|value_counts|rank|heap"
    r"|revers|flip|top_k|queue|desc|order|-1|-x",
    re.IGNORECASE,
)
# What they give is in the order of its keys.
SORTS_BY_KEYS = rf"{SORTS}|groupby|pivot|crosstab|resample|unique|unstack"
CUMULATES = r"cum|expanding|running|\+="
CORRELATES = r"corr|cov|pearson|spearman|kendall|r2|regress|heatmap"
LOWERS = r"lower|casefold"
RAISES = r"upper"
TITLES = r"title|capital|capwords"
DATES = r"date|time|stamp"
# A pivot table takes means if it is not told otherwise; of one value they are that value.
SUMS = re.compile(r"sum|count|size|total|group|len|aggfunc|agg\b")
PIVOTS = re.compile(r"\bpivot_table\b")
# A figure has an order of its own.
DRAWS = re.compile(r"plot|\bplt\b|\bsns\b|\bpx\b|\bbarh?\b|\bfig|\bax(?:es|is)?\b")
TOLD = frozenset({"ascending", "reverse"})
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
DIRECTION = Step(name="the largest first", not_done="sorts the smallest first")
CUMULATING = Step(name="a running total", not_done="adds nothing up")
CORRELATING = Step(name="a correlation", not_done="computes none")
LOWERING = Step(name="lower case", not_done="changes no case")
RAISING = Step(name="upper case", not_done="changes no case")
TITLING = Step(name="title case", not_done="changes no case")
DATING = Step(name="dates", not_done="converts nothing to them")
ADDING = Step(name="totals or counts", not_done="takes means, as pivot tables do by default")
# How requests ask for a step, and what a code has in it that may do it.
SIGNS = tuple(
    (step, re.compile(asked, re.IGNORECASE), re.compile(done, re.IGNORECASE))
    for step, asked, done in (
        (ROUNDING, ROUNDED, ROUNDS),
        (SORTING, MOST_FIRST, SORTS),
        (SORTING, SORTED, SORTS_BY_KEYS),
        (CUMULATING, CUMULATED, CUMULATES),
        (CORRELATING, CORRELATED, CORRELATES),
        (LOWERING, LOWERED, LOWERS),
        (RAISING, RAISED, RAISES),
        (TITLING, TITLED, TITLES),
        (DATING, DATED, DATES),
    )
)


def missed_steps(request: str, code: str) -> tuple[Step, ...]:
    """Return the steps that ``request`` asks for and of which ``code`` shows no sign.

    What a code's own functions, the notebook's or a plot do is not looked into.

    Examples
    --------
    >>> [step.name for step in missed_steps("the mean, rounded to 2 digits", "x.mean()")]
    ['rounding']
    """
    request = without_code(request)
    if len(request) > MAX_REQUEST_CHARS or NO_WISH.search(request):
        return ()
    wanted = [(step, done) for step, asked, done in SIGNS if _asks(request, asked)]
    is_down = _asks(request, LARGEST_FIRST)
    is_added = _asks(request, SUMMED) and not AVERAGED.search(request)
    tree = read_source(code).tree if wanted or is_added else None
    if tree is None or is_deep(tree) or not tree.body or _calls_others(tree):
        return ()
    words = "\n".join(_words(tree))
    if DRAWS.search(words):
        return ()
    missed = dict.fromkeys(step for step, done in wanted if not done.search(words))
    if is_down and SORTS_UP.search(words) and not SORTS_DOWN.search(words):
        missed[DIRECTION] = None
    if is_added and PIVOTS.search(words) and not SUMS.search(words):
        missed[ADDING] = None
    return tuple(missed)


def _asks(request: str, asked: re.Pattern[str]) -> bool:
    return any(not is_not_meant(request, match.start()) for match in asked.finditer(request))


def _calls_others(tree: ast.Module) -> bool:
    """Whether a code defines a function, or calls one by its name alone that is not Python's."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return True
            case ast.Call(func=ast.Name(id=name)) if not hasattr(builtins, name):
                return True
    return False


def _words(tree: ast.Module) -> Iterator[str]:
    """Yield what a code does by its words and signs; comments say what is meant to be done."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
                yield word
            case ast.keyword(arg=str() as word, value=value):
                yield f"{word}={unparsed(value)}" if word in TOLD else word
            # A format such as ".1f", a query or a type; other words may be names of columns.
            case ast.Constant(value=str() as text):
                if not text.isidentifier() or INTEGERS.fullmatch(text):
                    yield text
        yield from _signs(node)


def _signs(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FloorDiv():
            yield "//"
        case ast.AugAssign(op=ast.Add()):
            yield "+="
        case ast.Slice(step=ast.UnaryOp(op=ast.USub())):
            yield "-1"
        case ast.BinOp(op=ast.Mult(), right=ast.UnaryOp(op=ast.USub())):
            yield "-x"
        case ast.UnaryOp(op=ast.USub(), operand=ast.expr() as negative):
            yield "" if isinstance(negative, ast.Constant) else "-x"
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=values)):
            # How many digits it is may be a variable.
            yield from (".0" for one in values if isinstance(one, ast.FormattedValue))
