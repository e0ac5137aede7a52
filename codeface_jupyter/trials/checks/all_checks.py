"""Whether an answer's code fits the notebook, found out without running any of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from codeface_jupyter.generation import Finding, FindingKind
from codeface_jupyter.namespace.foreign_code import attempt
from codeface_jupyter.trials.checks.effects import check_effects
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.overwrites import check_overwrites
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.statements import read_statements
from codeface_jupyter.trials.checks.undefined_names import check_names, may_define_anything
from codeface_jupyter.trials.checks.wording import code_span

__all__ = ["NOT_THERE", "check_code", "findings_in"]

# Typical is a hundredth of that: the rest is for odd objects and endless codes.
TIMEOUT_S = 0.5
MAX_FINDINGS = 8
MAX_CODE_CHARS = 200_000
# The surest and the worst first, where there are too many.
KINDS: tuple[FindingKind, ...] = (
    "syntax",
    "missing_module",
    "unknown_name",
    "unknown_key",
    "unknown_attribute",
    "bad_call",
    "effect",
    "overwrites",
)
# Those that say that something does not exist, wherever that matters.
NOT_THERE: frozenset[FindingKind] = frozenset(
    {"missing_module", "unknown_name", "unknown_key", "unknown_attribute"}
)


def check_code(
    code: str, namespace: Mapping[str, object], *, timeout_s: float = TIMEOUT_S
) -> tuple[Finding, ...]:
    """Return what in a code does not fit the notebook, in the order of its lines.

    Nothing of the code is run, nothing is imported, and no object of the notebook is
    asked anything that its own code would answer.

    Parameters
    ----------
    code
        A cell's source, in Python with IPython's additions.
    namespace
        The notebook's variables.
    timeout_s
        When it is given up, with what was found until then. A code of more than 200,000
        characters is not begun with.

    Returns
    -------
    tuple of Finding
        At most eight; what is not certain is not said.
    """
    found: list[Finding] = []
    # Python parses in one go, which nothing can break off.
    if len(code) <= MAX_CODE_CHARS:
        # A copy: the notebook goes on while this looks.
        variables = dict(namespace)
        attempt(partial(_collect, code, variables, found), timeout_s=timeout_s)
    return _chosen(found)


def findings_in(code: str, namespace: Mapping[str, object]) -> tuple[Finding, ...]:
    """Return the same without the guards: an error of a check is raised."""
    found: list[Finding] = []
    _collect(code, dict(namespace), found)
    return _chosen(found)


def _collect(code: str, namespace: dict[str, object], found: list[Finding]) -> None:
    """Run one check after another; what each finds is kept at once."""
    notes = Notes(read_source(code))
    unreadable = notes.source.unreadable
    if unreadable is not None:
        message = f"Python cannot read this: {code_span(unreadable.reason)}."
        notes.add("syntax", message, line=unreadable.line)
    checks: list[Callable[[], None]] = [
        partial(check_effects, notes, namespace),
        partial(check_names, notes, namespace),
        partial(check_overwrites, notes, namespace),
    ]
    # Where anything may be defined, nothing is known to be missing.
    if not may_define_anything(notes):
        checks.append(partial(read_statements, notes, namespace))
    for check in checks:
        try:
            check()
        except RecursionError:
            pass  # a code nested too deeply for this check
        finally:
            found[:] = notes.findings()


def _chosen(found: list[Finding]) -> tuple[Finding, ...]:
    """Return the findings that matter most, in the order of their lines."""
    # Of two that are as sure, the earlier.
    by_weight = sorted(found, key=lambda finding: (KINDS.index(finding.kind), finding.line))
    return tuple(sorted(by_weight[:MAX_FINDINGS], key=lambda finding: finding.line))
