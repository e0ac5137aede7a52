"""Answers tried before they are offered: compared with the notebook, or run in a copy of it."""
