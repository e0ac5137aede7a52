"""What an answer's code did on the copy of the kernel, for readers and for the front end.

Whatever a copy sends is untrusted: its texts are shown as text, code spans aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import whitespace

from codeface_jupyter.frontend.saved_output import (
    MAX_ALTERNATIVES,
    MAX_MESSAGE_CHARACTERS,
    ResultAlternative,
    ResultOutcome,
)
from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.outcome import (
    A_FIGURE,
    Agreement,
    Alternative,
    Change,
    Outcome,
    PreviewTable,
)
from codeface_jupyter.prompts import CodeBlock, cell_for, fenced
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.view.findings import without_markup
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.wording import counted

__all__ = [
    "alternatives_data",
    "answers_question",
    "outcome_data",
    "outcome_line",
    "outcome_markdown",
    "outcome_plain",
    "outcome_text",
    "outcome_words",
]

SEPARATOR = " · "
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MAX_CHANGES = 3
# More of what is printed is read below the line.
MAX_PRINTED_CHARACTERS = 60
# Latin, Arabic, full width, Greek.
QUESTION_MARKS = ("?", "\u061f", "\uff1f", "\u037e")
# What may stand behind one: "Which is largest (by units?)", "How many?!".
BEHIND_QUESTION_MARKS = f"{whitespace}!)]}}\uff09\uff01*_"
QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb"}
COLUMN_GAP = "  "
SHORTENED = "[It prints more than is shown here.]"
UNDRAWN = "[The figure could not be drawn here in time, or is too large to be shown.]"


def outcome_line(
    outcome: Outcome, agreement: Agreement | None = None, *, begin: str = "Tried on a copy"
) -> str:
    """Return what happened in one line; code in it is between backticks.

    Examples
    --------
    >>> outcome_line(Outcome(ending="ran", seconds=0.031, value="Series of 3"))
    'Tried on a copy: 0.03 s · Series of 3'
    """
    return _in_one_line(f"{begin}: {_words(outcome, agreement)}")


def outcome_words(outcome: Outcome | None, agreement: Agreement | None = None) -> str:
    """Return the same without a beginning and without backticks; empty if nothing was tried."""
    return "" if outcome is None else _in_one_line(_words(outcome, agreement)).replace("`", "")


def _words(outcome: Outcome, agreement: Agreement | None) -> str:
    return SEPARATOR.join(filter(None, _parts(outcome, agreement)))


def answers_question(outcome: Outcome | None, *, request: str) -> bool:
    """Whether what a code shows is what was asked for: then it stands above the code.

    So a number comes from the data, not from the model.
    """
    if outcome is None or outcome.ending != "ran" or not _is_question(request):
        return False
    return bool(outcome.value or outcome.printed.strip() or outcome.preview.png)


def outcome_text(outcome: Outcome) -> str:
    """Return what the cell would show, as text of several lines; empty for nothing."""
    preview = outcome.preview
    value = preview.text if preview.table is None else _text_table(preview.table)
    return _shown_text(outcome, "" if preview.variable else value)


def _shown_text(outcome: Outcome, value: str) -> str:
    """Return what a cell prints, its warnings and its value, one below the other."""
    cut = "" if outcome.is_printed_whole else SHORTENED
    undrawn = UNDRAWN if outcome.value == A_FIGURE and not outcome.preview.png else ""
    warnings = (f"Warning: {warning}" for warning in outcome.warnings)
    parts = (outcome.printed.rstrip("\n"), cut, *warnings, undrawn, value)
    return terminal_text("\n".join(filter(None, parts)))


def outcome_markdown(result: GenerationResult) -> str:
    """Return the line and what the cell would show, as Markdown; empty if nothing was tried."""
    if result.outcome is None:
        return ""
    line = without_markup(outcome_line(result.outcome, result.agreement))
    text = outcome_text(result.outcome)
    return f"{line}\n\n{fenced(text, 'text')}" if text else line


def outcome_plain(result: GenerationResult) -> str:
    """Return the line and what the cell would show, as text; empty if nothing was tried."""
    if result.outcome is None:
        return ""
    line = outcome_line(result.outcome, result.agreement)
    return "\n".join(filter(None, (line, outcome_text(result.outcome))))


def outcome_data(
    outcome: Outcome | None,
    agreement: Agreement | None = None,
    *,
    begin: str = "Tried on a copy",
    request: str = "",
) -> ResultOutcome | None:
    """Return what happened for the front end; None if nothing was tried."""
    if outcome is None:
        return None
    table = outcome.preview.table
    variable = outcome.preview.variable
    # The table stands below the text.
    value = f"{variable} afterwards:" if variable else outcome.preview.text
    return ResultOutcome(
        line=outcome_line(outcome, agreement, begin=begin),
        ending=outcome.ending,
        text=_shown_text(outcome, value),
        header=list(table.header) if table else [],
        rows=[list(row) for row in table.rows] if table else [],
        is_whole=table.is_whole if table else True,
        png=outcome.preview.png,
        is_answer=answers_question(outcome, request=request),
        is_unsure=agreement is not None and agreement.is_alone,
    )


def alternatives_data(result: GenerationResult) -> list[ResultAlternative]:
    """Return the other answers for the front end, each with the cell that it would become."""
    shown = result.alternatives[:MAX_ALTERNATIVES]
    return [_alternative(alternative, result) for alternative in shown]


def _alternative(alternative: Alternative, result: GenerationResult) -> ResultAlternative:
    agreement = None
    # Where it is alone and cannot be compared, nobody knows.
    if result.agreement is not None and (
        alternative.outcome.fingerprint or alternative.agreeing > 1
    ):
        agreement = Agreement(
            agreeing=alternative.agreeing, tried=result.agreement.tried, is_first=False
        )
    return ResultAlternative(
        code=alternative.code,
        source=cell_for(CodeBlock(result.language, alternative.code))[1],
        outcome=outcome_data(alternative.outcome, agreement, begin="Another answer"),
        obstacle=_in_one_line(alternative.obstacle),
    )


def _is_question(request: str) -> bool:
    """Whether a request ends in a question mark, brackets aside and quotes around all of it.

    A question mark in quotes at the end may belong to a name: rename it to "sure?".
    """
    text = request.strip()
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1]
    return text.rstrip(BEHIND_QUESTION_MARKS).endswith(QUESTION_MARKS)


def _in_one_line(text: str) -> str:
    return in_one_line(terminal_text(text), max_chars=MAX_MESSAGE_CHARACTERS)


def _parts(outcome: Outcome, agreement: Agreement | None) -> Iterator[str]:
    match outcome.ending:
        case "ran":
            yield f"{outcome.seconds:.2f} s"
            yield from _tests(outcome)
            yield A_FIGURE if outcome.preview.png else outcome.value or _told_text(outcome)
            yield from _changes(outcome)
            yield from _instead_of_showing(outcome)
            if outcome.warnings:
                yield counted(len(outcome.warnings), "warning")
        case "raised":
            place = f" in line {outcome.error_line}" if outcome.error_line else ""
            kind = f"{outcome.error_type}{place}" if outcome.error_type else ""
            yield f"raises {': '.join(filter(None, (kind, outcome.error)))}"
        case "refused":
            yield f"{_told_refusal(outcome)}; not run to its end"
        case "timed out":
            yield f"not done after {outcome.seconds:.0f} s, and stopped"
        case "died":
            yield outcome.error
    if agreement is not None:
        yield agreement.in_words


def _told_text(outcome: Outcome) -> str:
    """Return what is printed or displayed if it is one short line, else how many lines it has."""
    printed = COLOUR.sub("", outcome.printed)
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    if not outcome.is_printed_whole:
        return f"shows {len(lines)} lines and more" if len(lines) > 1 else "shows a long text"
    match lines:
        case []:
            return ""
        # What stands between backticks would be code.
        case [line] if len(line) <= MAX_PRINTED_CHARACTERS and "`" not in line:
            return f"shows “{line}”"
        case _:
            return f"shows {counted(len(lines), 'line')}"


def _told_refusal(outcome: Outcome) -> str:
    if outcome.refusals:
        return f"it {' and '.join(outcome.refusals)}, which a copy may not do"
    # Without a type it is in words.
    return f"a copy cannot do it ({outcome.error})" if outcome.error_type else outcome.error


def _instead_of_showing(outcome: Outcome) -> Iterator[str]:
    """Yield what a code does that shows nothing, changes nothing and is no test."""
    if outcome.changes or outcome.tests or not outcome.shows_nothing:
        return
    if outcome.defines:
        names = [f"`{name}`" for name in outcome.defines[:MAX_CHANGES]]
        rest = len(outcome.defines) - len(names)
        yield f"defines {', '.join([*names, *([f'{rest} more'] if rest > 0 else [])])}"
    elif not outcome.assertions:
        yield "shows nothing"


def _tests(outcome: Outcome) -> Iterator[str]:
    if outcome.assertions and outcome.shows_nothing:
        holds = "holds" if outcome.assertions == 1 else "hold"
        yield f"{counted(outcome.assertions, 'assertion')} {holds}"
    if outcome.tests:
        count = len(outcome.tests)
        yield f"{counted(count, 'test')} {'passes' if count == 1 else 'pass'}"
    idle = [f"`{test.name}`" for test in outcome.tests if test.tests_nothing]
    if idle:
        verbs = ("tests", "it passes") if len(idle) == 1 else ("test", "they pass")
        yield f"{' and '.join(idle)} {verbs[0]} nothing: {verbs[1]} whatever the function returns"


def _changes(outcome: Outcome) -> Iterator[str]:
    """Yield what becomes of variables; those that are new only where nothing else is shown."""
    old = [change for change in outcome.changes if change.kind != "new"]
    new = [change for change in outcome.changes if change.kind == "new"]
    has_more_to_say = bool(outcome.value or outcome.preview.png or old)
    shown = old if has_more_to_say else new
    yield from (_told(change) for change in shown[:MAX_CHANGES])
    rest = len(shown) - MAX_CHANGES
    if rest > 0:
        yield f"{rest} more"


def _told(change: Change) -> str:
    match change.kind:
        case "new":
            return f"`{change.name}`: {change.text}"
        case "gone":
            return f"deletes `{change.name}`"
        case _:
            return f"`{change.name}` {change.text}"


def _text_table(table: PreviewTable) -> str:
    rows = [table.header, *table.rows]
    widths = [max(len(row[number]) for row in rows) for number in range(len(table.header))]
    lines = [
        COLUMN_GAP.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines if table.is_whole else [*lines, "…"])
