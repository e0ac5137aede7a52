"""Answers tried against the notebook before they are offered; none of their code is run."""

from __future__ import annotations

from codeface_jupyter.trials.checks import check_code

__all__ = ["check_code"]
