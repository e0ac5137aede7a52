"""Try a code on a copy of the kernel: run it there, and bring back what it did in few words.

`_seen` runs in the copy, where the notebook's objects are; what it returns is plain data, which
the kernel reads as it would read anything from a stranger.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.outcome import A_FIGURE, Change, Outcome
from codeface_jupyter.syntax import Definition, parsed
from codeface_jupyter.trials.appearance import digest_of_appearance
from codeface_jupyter.trials.bindings import loop_names, names_bound
from codeface_jupyter.trials.copy import Limits, run_in_copy
from codeface_jupyter.trials.digests import digests_data, shown_text
from codeface_jupyter.trials.few_words import few_words, is_scalar, kinds_of
from codeface_jupyter.trials.fingerprint import (
    digest_of_figures,
    digest_of_text,
    digest_of_value,
    is_drawing,
)
from codeface_jupyter.trials.looking import Looking, looked_at
from codeface_jupyter.trials.outcome_data import MAX_CHANGES, read_outcome
from codeface_jupyter.trials.preview import preview_data, variable_data
from codeface_jupyter.trials.quiet_kernel import find_shell
from codeface_jupyter.trials.run_code import CodeRun, run_code
from codeface_jupyter.trials.run_tests import run_tests
from codeface_jupyter.trials.secret_values import shows_secret
from codeface_jupyter.trials.state import StateBefore

__all__ = ["try_code"]

Told = dict[str, object]


def try_code(
    code: str,
    namespace: Mapping[str, object],
    *,
    limits: Limits,
    tested: str = "",
    has_digests: bool = False,
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
    tested
        The name of what the tests in the code are for; empty if it is no test.
    has_digests
        Whether the outcome is to have the digest of each thing that the code gave.
    is_cancelled
        Whether to end the copy before it is done.

    Returns
    -------
    Outcome | None
        None if no copy could be made, or it was stopped.
    """
    report = run_in_copy(
        lambda _: _seen(
            code, namespace, tested=tested, has_digests=has_digests, seconds=limits.seconds
        ),
        limits=limits,
        code=code,
        cancelled=is_cancelled,
    )
    if report.end in {"refused to start", "cancelled"}:
        return None
    return read_outcome(report)


def _seen(code: str, namespace: Any, *, tested: str, has_digests: bool, seconds: float) -> Told:
    """Run a code, in the copy, and return what it did as JSON values."""
    look = Looking(seconds).at
    shell = find_shell()
    source = _plain_python(code, shell)
    before = look(lambda: StateBefore(namespace, source))
    drawn_before = look(_figures) or {}
    run = run_code(code, namespace, shell=shell)
    if run.error is not None or run.not_run:
        return {**_told_run(run), **_told_failure(run)}
    drawn = look(_figures) or {}
    value = run.value if run.shows_value else None
    figures = [figure for number, figure in drawn.items() if number not in drawn_before]
    # The notebook has closed those of earlier cells, and shows one again if it is the value.
    if _is_figure(value) and not any(figure is value for figure in figures):
        figures.append(value)
    is_secret = shows_secret(source)
    looked_into = None if is_secret else value
    changes = look(lambda: _changes(before, namespace)) or ()
    # What is printed, or drawn, is enough to look at.
    is_silent = value is None and not (figures or shown_text(run).strip() or run.displays)

    def preview() -> Told:
        if is_silent and before is not None:
            return _variable(changes, before, namespace, passed=loop_names(parsed(source)))
        return _preview(looked_into, figures)

    return {
        **_told_run(run),
        # That there is a figure is worth telling also if it takes too long to be drawn here.
        "value": look(lambda: _words(value, is_secret=is_secret)) or (A_FIGURE if figures else ""),
        "shows_nothing": is_silent and not run.stderr.strip(),
        "value_kinds": look(lambda: kinds_of(value)) or [],
        "changes": [asdict(change) for change in changes[:MAX_CHANGES]],
        "fingerprint": look(lambda: _fingerprint(before, run, namespace, figures)) or "",
        # Before the preview, which gives figures another size.
        "appearance": look(
            lambda: digest_of_appearance(run, namespace, changes=changes, figures=figures)
        )
        or "",
        "digests": look(lambda: digests_data(before, run, namespace, figures))
        if has_digests and before is not None
        else None,
        "assertions": _assertions(source),
        "defines": [node.name for node in parsed(source).body if isinstance(node, Definition)],
        # Nothing depends on it, and it may take what is left of the time.
        "preview": look(preview) or look(lambda: _preview(looked_into, [])) or {},
        # Last, since they change what is there.
        "tests": _tests(source, namespace, tested),
    }


def _words(value: object, *, is_secret: bool) -> str:
    return "" if value is None or is_drawing(value) else few_words(value, is_secret=is_secret)


def _preview(value: object, figures: list[Any]) -> Told:
    return preview_data(value, figures) if figures or not is_scalar(value) else {}


def _changes(before: StateBefore | None, namespace: Mapping[str, object]) -> tuple[Change, ...]:
    return () if before is None else before.changes(namespace)


def _variable(
    changes: Sequence[Change],
    before: StateBefore,
    namespace: Mapping[str, object],
    *,
    passed: Container[str],
) -> Told:
    """Return a preview of a table that was changed, or else of the last new one.

    Those that a loop runs through are ``passed`` over.
    """
    old = [change.name for change in changes if change.kind == "changed"]
    new = [c.name for c in changes if c.kind == "new" and c.name not in passed]
    for name in (*old, *reversed(new)):
        value = namespace[name]
        shown = variable_data(name, value, columns=before.changed_columns(name, value))
        if shown:
            return shown
    return {}


def _tests(source: str, namespace: Any, tested: str) -> list[Told]:
    names = sorted(names_bound(ast.parse(source))) if tested else []
    return run_tests(namespace, names=names, tested=tested) if names else []


def _assertions(source: str) -> int:
    """Return how many assertions stand in a code outside functions and classes."""
    nodes: list[ast.AST] = [parsed(source)]
    # The list grows meanwhile.
    for node in nodes:
        nodes += [one for one in ast.iter_child_nodes(node) if not isinstance(one, Definition)]
    return sum(isinstance(node, ast.Assert) for node in nodes)


def _plain_python(code: str, shell: Any | None) -> str:
    try:
        return code if shell is None else str(shell.transform_cell(code))
    except SyntaxError:
        # Told as the code's own error when it is run.
        return code


def _figures() -> dict[int, Any]:
    """Return the open figures of Matplotlib on which something is drawn."""
    # Not through pyplot, which makes each figure that it gives the current one.
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    managers = [] if helpers is None else helpers.Gcf.get_all_fig_managers()
    figures = {manager.num: manager.canvas.figure for manager in managers}
    return {number: figure for number, figure in figures.items() if figure.axes}


def _is_figure(value: Any) -> bool:
    return is_instance(value, "matplotlib.figure", "Figure") and looked_at(
        lambda: bool(value.axes), otherwise=False
    )


def _fingerprint(
    before: StateBefore | None, run: CodeRun, namespace: Mapping[str, object], figures: list[Any]
) -> str:
    """Return the digest of what counts: figures, the value, else what is shown, or is new."""
    drawn = digest_of_figures(figures)
    if drawn:
        return drawn
    if run.value is not None:
        return digest_of_value(run.value)
    if shown := shown_text(run).strip():
        return digest_of_text(shown)
    if before is None:
        return ""
    digests = [before.digest(namespace), before.digest_of_new(namespace)]
    # Of what is defined nothing is known before it is called.
    return digest_of_value(digests) if any(digests) else ""


def _told_run(run: CodeRun) -> Told:
    return {
        "printed": run.stdout,
        "is_cut": run.is_cut,
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
        "compared": run.error.compared,
        "is_refusal": run.error.is_refusal,
    }
