"""Model files: which are known, how they get here, whether they fit."""
