"""A test that failed in an answer in the place of which another is shown.

The test may be wrong, or have found a fault: which of the two, only the user can tell.
"""

from __future__ import annotations

from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.wording import message_span
from codeface_jupyter.trials.choose import Candidate

__all__ = ["failed_test_note"]


def failed_test_note(failed: Candidate, *, tested: str) -> str:
    """Return a sentence or two on what failed in an answer; empty if that is not known.

    Parameters
    ----------
    failed
        An answer that is not shown.
    tested
        The name of what its tests are for; empty if it has none of its own.
    """
    outcome = failed.outcome
    if outcome is None or outcome.ending != "raised" or not outcome.compared:
        return ""
    # What the copy may not do, what is tested cannot do there either.
    if outcome.refusals or _binds(failed.result.code, tested):
        return ""
    return (
        f"Another answer's test failed: {message_span(outcome.compared)}. "
        "Either that test or the code that it tests is wrong."
    )


def _binds(code: str, tested: str) -> bool:
    """Whether a code tests something of its own under that name."""
    tree = parse_module(code)
    return tree is not None and tested in names_bound(tree)
