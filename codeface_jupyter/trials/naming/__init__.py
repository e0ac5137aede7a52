"""Which names may come where a code that is being typed ends."""

from codeface_jupyter.trials.naming.known_names import KnownNames

__all__ = ["KnownNames"]
