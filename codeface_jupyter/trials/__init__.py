"""What can be said of an answer's code without running it."""

from __future__ import annotations

from codeface_jupyter.trials.checks import check_code

__all__ = ["check_code"]
