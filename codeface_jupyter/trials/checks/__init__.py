"""What in an answer's code does not fit the notebook, found out without running any of it."""

from __future__ import annotations

from codeface_jupyter.trials.checks.all_checks import NOT_THERE, check_code
from codeface_jupyter.trials.checks.mending import (
    in_its_place,
    with_missing_imports,
    with_names_that_exist,
)

__all__ = [
    "NOT_THERE",
    "check_code",
    "in_its_place",
    "with_missing_imports",
    "with_names_that_exist",
]
