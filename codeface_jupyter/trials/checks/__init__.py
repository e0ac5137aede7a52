"""What in an answer's code does not fit the notebook, found out without running any of it."""

from __future__ import annotations

from codeface_jupyter.trials.checks.all_checks import NOT_THERE, check_code
from codeface_jupyter.trials.checks.mending import (
    Replaced,
    with_missing_imports,
    with_names_that_exist,
)

__all__ = [
    "NOT_THERE",
    "Replaced",
    "check_code",
    "with_missing_imports",
    "with_names_that_exist",
]
