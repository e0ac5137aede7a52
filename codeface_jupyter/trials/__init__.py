"""Answers tried against the notebook before they are offered; none of their code is run."""
