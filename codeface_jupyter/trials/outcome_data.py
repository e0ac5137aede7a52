"""Read what a copy of the kernel has told of a code, as one reads what a stranger writes.

What looks like a secret is hidden: it would be saved with the notebook before anybody has run
the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from codeface_jupyter.outcome import Change, Ending, Outcome, Preview, TriedTest
from codeface_jupyter.privacy import mask
from codeface_jupyter.shorten import in_one_line, shorten
from codeface_jupyter.trials.copy import CopyReport
from codeface_jupyter.trials.digests import read_digests
from codeface_jupyter.trials.preview import read_preview

__all__ = ["MAX_CHANGES", "read_outcome"]

MAX_CHANGES = 20
MAX_KINDS = 5
MAX_TESTS = 50
MAX_ASSERTIONS = 1_000
MAX_DEFINED = 20
MAX_WARNINGS = 5
MAX_REFUSALS = 3
MAX_LINE_CHARS = 300
MAX_LINE_NUMBER = 1_000_000
MAX_PRINTED_CHARS = 2_000
# Half of a secret looks like none.
MAX_MASKED_CHARS = MAX_PRINTED_CHARS + 1_000
CHANGE_KINDS = ("new", "changed", "gone")
# What no library raises because something was refused to it.
OWN_ERRORS = frozenset({"IndentationError", "NameError", "SyntaxError", "UnboundLocalError"})


def read_outcome(report: CopyReport) -> Outcome:
    """Return what a code did, from what a copy has told, which may be anything."""
    data = report.data or {}
    refusals = tuple(_line(text) for text in report.refusals[:MAX_REFUSALS])
    printed = _text(data.get("printed"))
    outcome = Outcome(
        ending="ran",
        printed=shorten(_masked(printed), max_chars=MAX_PRINTED_CHARS),
        is_printed_whole=len(printed) <= MAX_PRINTED_CHARS and data.get("is_cut") is not True,
        warnings=tuple(_told(text) for text in _items(data.get("warnings"))[:MAX_WARNINGS]),
        error=_told(data.get("error")),
        error_type=_line(data.get("error_type")),
        error_line=_line_number(data.get("error_line")),
        compared=_told(data.get("compared")),
        refusals=refusals,
        seconds=_seconds(data.get("seconds"), most=report.seconds),
        memory_bytes=report.peak_memory_bytes,
    )
    ending = _ending(report, data, outcome)
    if ending != "ran":
        why = _line(data.get("not_run")) or report.why or outcome.error
        return replace(outcome, ending=ending, error=why)
    tests = tuple(_tests(data.get("tests")))
    failed = next((test for test in tests if test.error), None)
    if failed is not None:
        error = f"{failed.error} in `{failed.name}`"
        compared = next((test.compared for test in tests if test.compared), "")
        return replace(outcome, ending="raised", error=error, compared=compared, tests=tests)
    return replace(
        outcome,
        tests=tests,
        assertions=_count(data.get("assertions")),
        defines=tuple(
            filter(str.isidentifier, map(_line, _items(data.get("defines"))[:MAX_DEFINED]))
        ),
        value=_told(data.get("value")),
        value_kinds=tuple(_line(kind) for kind in _items(data.get("value_kinds"))[:MAX_KINDS]),
        preview=_preview(data.get("preview")),
        changes=tuple(_changes(data.get("changes"))),
        fingerprint=_line(data.get("fingerprint")),
        appearance=_line(data.get("appearance")),
        digests=read_digests(data.get("digests")),
        shows_nothing=data.get("shows_nothing") is True,
    )


def _preview(data: object) -> Preview:
    preview = read_preview(data)
    return replace(preview, text=_masked(preview.text))


def _ending(report: CopyReport, data: Mapping[str, object], outcome: Outcome) -> Ending:
    if report.end == "timed out":
        return "timed out"
    if report.end != "done":
        return "died"
    if data.get("not_run") or data.get("is_refusal") is True:
        return "refused"
    if outcome.error_type:
        # What the copy refused may come back as another error: a library's own.
        is_own = outcome.error_type in OWN_ERRORS
        return "refused" if outcome.refusals and not is_own else "raised"
    return "ran"


def _tests(data: object) -> Iterator[TriedTest]:
    for item in _items(data)[:MAX_TESTS]:
        if isinstance(item, Mapping):
            yield TriedTest(
                name=_line(item.get("name")),
                error=_told(item.get("error")),
                compared=_told(item.get("compared")),
                tests_nothing=item.get("tests_nothing") is True,
            )


def _changes(data: object) -> Iterator[Change]:
    for item in _items(data)[:MAX_CHANGES]:
        if isinstance(item, Mapping) and (kind := item.get("kind")) in CHANGE_KINDS:
            yield Change(name=_line(item.get("name")), kind=kind, text=_told(item.get("text")))


def _line_number(data: object) -> int | None:
    return data if type(data) is int and 0 < data <= MAX_LINE_NUMBER else None


def _seconds(data: object, *, most: float) -> float:
    return float(data) if isinstance(data, int | float) and 0 <= data <= most else most


def _count(data: object) -> int:
    return min(data, MAX_ASSERTIONS) if type(data) is int and data > 0 else 0


def _items(data: object) -> list[object]:
    return data if isinstance(data, list) else []


def _text(data: object) -> str:
    return data if isinstance(data, str) else ""


def _line(data: object) -> str:
    return in_one_line(_text(data), max_chars=MAX_LINE_CHARS)


def _told(data: object) -> str:
    return in_one_line(_masked(_text(data)), max_chars=MAX_LINE_CHARS)


def _masked(text: str) -> str:
    return mask(text[:MAX_MASKED_CHARS])[0]
