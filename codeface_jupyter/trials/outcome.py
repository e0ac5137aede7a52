"""Try a code on a copy of the kernel: run it there, and bring back what it did in few words.

`_seen` runs in the copy, where the notebook's objects are; what it returns is plain data, which
the kernel reads as it would read anything from a stranger.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from codeface_jupyter.outcome import Change, Outcome
from codeface_jupyter.shorten import in_one_line, shorten
from codeface_jupyter.trials.copy import CopyReport, Limits, run_in_copy
from codeface_jupyter.trials.fingerprint import (
    digest_of_figures,
    digest_of_text,
    digest_of_value,
    is_drawing,
)
from codeface_jupyter.trials.preview import preview_data, read_preview
from codeface_jupyter.trials.quiet_kernel import find_shell
from codeface_jupyter.trials.run_code import CodeRun, run_code
from codeface_jupyter.trials.state import StateBefore, few_words, is_scalar

__all__ = ["try_code"]

MAX_CHANGES = 20
MAX_WARNINGS = 5
MAX_REFUSALS = 3
MAX_LINE_CHARS = 300
MAX_PRINTED_CHARS = 2_000
CHANGE_KINDS = ("new", "changed", "gone")
Told = dict[str, object]


def try_code(
    code: str,
    namespace: Mapping[str, object],
    *,
    limits: Limits,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Outcome | None:
    """Run ``code`` on a copy of the kernel; nothing of the kernel, the disk or the network changes.

    Parameters
    ----------
    code
        The code of a cell, as IPython takes it.
    namespace
        The notebook's own names: the very dict that its functions look names up in.
    limits
        What the copy may take.
    is_cancelled
        Whether to end the copy before it is done.

    Returns
    -------
    Outcome | None
        None if no copy could be made, or it was stopped.
    """
    report = run_in_copy(lambda _: _seen(code, namespace), limits=limits, cancelled=is_cancelled)
    if report.end in {"refused to start", "cancelled"}:
        return None
    return _outcome(report)


def _seen(code: str, namespace: Any) -> Told:
    """Run a code, in the copy, and return what it did as JSON values."""
    shell = find_shell()
    before = StateBefore(namespace, _plain_python(code, shell))
    drawn_before = _figures()
    run = run_code(code, namespace, shell=shell)
    if run.error is not None or run.not_run:
        return {**_told_run(run), **_told_failure(run)}
    figures = [figure for number, figure in _figures().items() if number not in drawn_before]
    value = run.value if run.shows_value else None
    words = "" if value is None or is_drawing(value) else few_words(value)
    changes = before.changes(namespace)
    return {
        **_told_run(run),
        "value": words,
        "preview": preview_data(value, figures) if figures or not is_scalar(value) else {},
        "changes": [
            {"name": change.name, "kind": change.kind, "text": change.text}
            for change in changes[:MAX_CHANGES]
        ],
        "fingerprint": _fingerprint(before, run, namespace, figures),
    }


def _plain_python(code: str, shell: Any | None) -> str:
    return code if shell is None else str(shell.transform_cell(code))


def _figures() -> dict[int, Any]:
    """Return the open figures of Matplotlib on which something is drawn."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return {}
    figures = {number: pyplot.figure(number) for number in pyplot.get_fignums()}
    return {number: figure for number, figure in figures.items() if figure.axes}


def _fingerprint(
    before: StateBefore, run: CodeRun, namespace: Mapping[str, object], figures: list[Any]
) -> str:
    """Return the digest of what counts: figures, the value, else what is printed, or is new."""
    if figures:
        return digest_of_figures(figures)
    if run.value is not None:
        return digest_of_value(run.value)
    if run.stdout.strip():
        return digest_of_text(run.stdout)
    return digest_of_value([before.digest(namespace), before.digest_of_new(namespace)])


def _told_run(run: CodeRun) -> Told:
    return {
        "printed": run.stdout,
        "seconds": run.seconds,
        "warnings": [f"{warning.type_name}: {warning.message}" for warning in run.warnings],
    }


def _told_failure(run: CodeRun) -> Told:
    if run.error is None:
        return {"not_run": run.not_run}
    return {
        "error": run.error.message,
        "error_type": run.error.type_name,
        "error_line": run.error.line,
        "is_refusal": run.error.is_refusal,
    }


def _outcome(report: CopyReport) -> Outcome:
    """Read what a copy has told."""
    data = report.data or {}
    seconds = data.get("seconds")
    refusals = tuple(_line(text) for text in report.refusals[:MAX_REFUSALS])
    known = Outcome(
        ending="ran",
        printed=shorten(_text(data.get("printed")), max_chars=MAX_PRINTED_CHARS),
        warnings=tuple(_line(text) for text in _items(data.get("warnings"))[:MAX_WARNINGS]),
        error=_line(data.get("error")),
        error_type=_line(data.get("error_type")),
        error_line=line if isinstance(line := data.get("error_line"), int) else None,
        refusals=refusals,
        seconds=float(seconds) if isinstance(seconds, int | float) else report.seconds,
        memory_bytes=report.peak_memory_bytes,
    )
    if report.end == "timed out":
        return replace(known, ending="timed out", error=report.why)
    if report.end != "done":
        return replace(known, ending="died", error=report.why)
    if data.get("not_run"):
        return replace(known, ending="refused", error=_line(data.get("not_run")))
    if data.get("is_refusal") is True:
        return replace(known, ending="refused")
    if known.error_type:
        # What the copy refused may come back as another error: a library's own.
        return replace(known, ending="refused" if refusals else "raised")
    return replace(
        known,
        value=_line(data.get("value")),
        preview=read_preview(data.get("preview")),
        changes=tuple(_changes(data.get("changes"))),
        fingerprint=_line(data.get("fingerprint")),
    )


def _changes(data: object) -> Iterator[Change]:
    for item in _items(data)[:MAX_CHANGES]:
        if isinstance(item, Mapping) and (kind := item.get("kind")) in CHANGE_KINDS:
            yield Change(name=_line(item.get("name")), kind=kind, text=_line(item.get("text")))


def _items(data: object) -> list[object]:
    return data if isinstance(data, list) else []


def _text(data: object) -> str:
    return data if isinstance(data, str) else ""


def _line(data: object) -> str:
    return in_one_line(_text(data), max_chars=MAX_LINE_CHARS)
